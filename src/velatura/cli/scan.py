"""`velatura scan`: what files tell beside their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from velatura.cli.options import Inputs, Json, Quiet

if TYPE_CHECKING:
    from velatura.media.scan import Scanned

__all__ = ["EPILOG", "NO_ARGS_IS_HELP", "command"]

EPILOG = "Example: velatura scan holiday/*.jpg --json"
NO_ARGS_IS_HELP = True


def command(
    inputs: Inputs,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Say what each file gives away beside its pixels: thumbnails, positions, names, hidden frames, data tracks and the like.

    Values are never printed, only what they are and where. A file with findings is no failure: exit status 0. If a file could not be
    read, the status is that of its error; the others are looked into all the same.
    """
    from velatura.cli.output import emit, worst
    from velatura.cli.progress import progress
    from velatura.media.batch import sources
    from velatura.media.scan import scan_each

    paths, left = sources(inputs)
    scanned = list(scan_each(paths, progress=progress(quiet=quiet)))
    failed = [item.error for item in scanned if item.error is not None]
    if failed and len(scanned) == 1:
        raise failed[0]
    warnings = [f"{error} ({error.hint})" if error.hint else str(error) for error in failed]
    if left:
        warnings.append("not looked into: " + ", ".join(path.name for path in left))
    emit("scan", {"items": [_item(item) for item in scanned]}, json=json, text="\n".join(map(_lines, scanned)), warnings=warnings)
    return worst(error.exit_status for error in failed)


def _item(item: Scanned) -> dict[str, Any]:
    told: dict[str, Any] = {"file": str(item.file), "findings": [{"case": f.case, "where": f.where, "what": f.what} for f in item.findings]}
    if item.error is not None:
        told["error"] = {"code": item.error.code, "sentence": item.error.sentence, "hint": item.error.hint}
    return told


def _lines(item: Scanned) -> str:
    from velatura.errors import one_line

    name = one_line(str(item.file))
    if item.error is not None:
        return f"{name}: could not be read [{item.error.code}]"
    if not item.findings:
        return f"{name}: nothing beside the pixels"
    return "\n".join(f"{name}: {found.case} {found.where}: {found.what}" for found in item.findings)
