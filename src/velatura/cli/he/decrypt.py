"""`velatura he decrypt`: of a server's answer, what the policy lets out."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from velatura.cli.he.app import ClientFile, Secret, app
from velatura.cli.options import Force, Json, Quiet

if TYPE_CHECKING:
    from velatura.homomorphic.sharing import Answer

__all__ = ["decrypt"]

EXAMPLE = "Example: velatura he decrypt prog/client.vlhe --key keys/secret.key out.ct; with --raw -o y.npz: scores, for your own eyes"


@app.command("decrypt", epilog=EXAMPLE)
def decrypt(
    client: ClientFile,
    ciphertexts: Annotated[Path, typer.Argument(metavar="OUT.ct", help="of `velatura he run`")],
    key: Secret,
    out: Annotated[Path | None, typer.Option("--output", "-o", metavar="Y.npz", help="`labels`, and `scores` where the policy lets them out")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="with --share private and -o: scores as they are; shared, they give the key away")] = False,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Decrypt an answer. By default a label for each sample; each ciphertext is counted against the key before it is decrypted."""
    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.errors import BadSpec
    from velatura.files import atomic_output, private_output
    from velatura.homomorphic.client import Client
    from velatura.homomorphic.samples import save_answer
    from velatura.homomorphic.sharing import RAW
    from velatura.homomorphic.wire import whole_message

    if raw and out is None:
        raise BadSpec("he.raw", "raw scores go into a file that only you can read", hint="--raw -o Y.npz")
    # the file first: a query is not spent on an answer that has no place; raw scores are private whatever becomes of them
    opened = nullcontext() if out is None else (private_output if raw else atomic_output)(out, force=force)
    with opened as part, Client(client, key) as owner:
        message = whole_message(ciphertexts, owner.expected_result)
        answer = owner.decrypt(message, raw=raw, progress=progress(quiet=quiet))
        if part is not None:
            save_answer(answer, part)
        left_away = owner.artefact.left_away
    result: dict[str, Any] = {"labels": answer.labels.tolist(), "file": str(out) if out else None, "left_away": left_away or None}
    if answer.scores is not None and not answer.raw:
        result["scores"] = answer.scores.tolist()
    warnings = [RAW] if answer.raw else []
    if left_away and answer.scores is not None:
        warnings.append(f"the model ends with {left_away}, which is left to you: scores are what stands before it; labels are the same")
    told("he decrypt", result, json=json, text=_text(answer, out), warnings=warnings)


def _text(answer: Answer, out: Path | None) -> str:
    rows = [" ".join(map(str, row)) for row in answer.labels.tolist()]
    if out is None:
        return "\n".join(rows)
    return f"{out}: {len(rows)} answers{', with raw scores' if answer.raw else ', with scores' if answer.scores is not None else ''}"
