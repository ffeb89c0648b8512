"""`velatura he compile`: from a model to the two artefacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from velatura.cli.he.app import EPILOG, app
from velatura.cli.options import Force, Json, Quiet

if TYPE_CHECKING:
    from velatura.homomorphic.compiled import Compiled

__all__ = ["compile_model"]


@app.command("compile", epilog=EPILOG)
def compile_model(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL.onnx|MODEL.pt2",
            help="of torch.onnx.export or torch.export.save: a network of linear layers, convolutions, pooling, and smooth activations",
        ),
    ],
    calibration: Annotated[Path, typer.Option(metavar="X.npz", help="`x`: samples like those that will come; ranges and errors are judged on them")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="PROG", help="a new folder: client.vlhe, server.vlhe with the weights, report.json")],
    share: Annotated[
        str, typer.Option(metavar="label|private|public", help="what leaves the owner of the key: labels; scores to himself; flooded scores")
    ] = "label",
    top_k: Annotated[int, typer.Option(min=1, metavar="K", help="classes that an answer names")] = 1,
    queries: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="ciphertexts that a key may decrypt  [default: 1000 with --share public, else no limit]")
    ] = None,
    layout: Annotated[
        str, typer.Option(metavar="auto|raw|im2col|batch", help="raw: the picture as it is; im2col: its windows; batch: a sample a slot")
    ] = "auto",
    max_key_mb: Annotated[float | None, typer.Option(min=1, metavar="N", help="megabytes of evaluation keys  [default: the fastest]")] = None,
    error: Annotated[float, typer.Option(min=1e-9, max=0.5, metavar="E", help="of an output, relative to the largest")] = 1e-3,
    activation_error: Annotated[float, typer.Option(min=1e-6, max=0.5, metavar="E", help="of an activation's polynomial")] = 1e-2,
    input_range: Annotated[
        str | None, typer.Option("--range", metavar="LOW,HIGH", help="of any input, e.g. 0,1  [default: what the calibration reaches]")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="of the calibration, that errors are measured on")] = 64,
    insecure_ok: Annotated[bool, typer.Option("--insecure-ok", help="with --max-log-qp: for trials; every artefact says so")] = False,
    max_log_qp: Annotated[float | None, typer.Option(min=60, metavar="BITS", help="of all primes, beyond what 128 bits of security allow")] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a model into a program on ciphertext. Whoever runs server.vlhe needs no secret; whoever has client.vlhe learns no weight."""
    from velatura.cli.output import emit as told
    from velatura.cli.output import note
    from velatura.errors import BadSpec
    from velatura.homomorphic.artefacts import write
    from velatura.homomorphic.compile import Options
    from velatura.homomorphic.compile import compile_model as go
    from velatura.homomorphic.flooding import flooding_bits
    from velatura.homomorphic.samples import load_samples
    from velatura.homomorphic.sharing import check_sharing

    if (max_log_qp is not None) != insecure_ok:
        raise BadSpec("he.insecure", "parameters beyond the security table", hint="--insecure-ok and --max-log-qp go together, for trials alone")
    if out.exists() and not force:
        raise BadSpec("files.exists", f"{out}: is already there", hint="another folder, or --force to replace an earlier compilation")
    policy = check_sharing(share, queries=queries, outputs=1)
    options = Options(
        layout=layout,
        input_range=_range(input_range),
        error=error,
        activation_error=activation_error,
        flooding_bits=flooding_bits(policy),
        max_key_mb=max_key_mb,
        max_log_qp=max_log_qp,
        samples=samples,
    )
    compiled = go(model, load_samples(calibration).x, options, told=(lambda _: None) if quiet else note)
    outputs = 1
    for side in compiled.output_shape:
        outputs *= side
    report = write(compiled, check_sharing(share, top_k=top_k, queries=queries, outputs=outputs), out, force=force)
    told("he compile", {"folder": str(out), "report": report}, json=json, text=_text(out, report), warnings=_warnings(compiled))


def _range(words: str | None) -> tuple[float, float] | None:
    """Raises BadSpec: `he.range-given`."""
    from velatura.errors import BadSpec

    if words is None:
        return None
    try:
        low, high = (float(word) for word in words.split(","))
    except ValueError:
        raise BadSpec("he.range-given", f"--range {words!r} is not two numbers", hint="--range LOW,HIGH, e.g. --range 0,1") from None
    return low, high


def _text(out: Path, report: dict[str, Any]) -> str:
    low, high = report["inputs_from_to"]
    lines = [
        f"{out}: {report['levels']} levels, degree {report['n']}, {report['log_qp']:g} of {report['allowed_log_qp']} bits; "
        f"{report['input_layout']}; inputs from {low:g} to {high:g}",
        f"foretold: {report['predicted_ms']:.0f} ms a run on one core, error {report['predicted_error']:.1e} of the largest output; "
        f"keys {report['eval_key_bytes'] / 1e6:.1f} MB, upload {report['upload_bytes'] / 1e3:.0f} kB, result {report['result_bytes'] / 1e3:.0f} kB",
        f"given out: {report['share']}; ranges {report['range']}, {report['spare_bits']:g} spare bits; output {report['output']}",
    ]
    if report["activations"]:
        off, whole = report["activations_error"], report["predicted_error_in_all"]
        lines.insert(2, f"beside that, polynomials stand for activations: {off:.1e} of the largest output (--activation-error); {whole:.1e} in all")
    if "flooding_deviation" in report:
        lines.append(f"flooding: scores deviate by {report['flooding_deviation']:.1e}; a key answers {report['queries_a_key']} times")
    return "\n".join(lines)


def _warnings(compiled: Compiled) -> list[str]:
    from velatura.homomorphic.levels import plan
    from velatura.homomorphic.memory import machine_bytes, needed_by_program

    found = []
    if compiled.range != "proven":
        found.append("ranges are calibrated, not proven: an input unlike the samples could wrap; the client refuses or clips what lies outside")
    if left_away := compiled.left_away:
        found.append(f"{left_away} at the model's end is left to the owner of the key: scores are what stands before it; labels are the same")
    if compiled.parameters.insecure:
        found.append("insecure: these parameters do not give 128 bits of security; for trials alone")
    planned = plan(compiled.program, compiled.parameters.data, compiled.scales)
    needed = needed_by_program(compiled.program, planned, compiled.parameters)
    if needed > machine_bytes():
        found.append(f"running it takes {needed / 2**30:.1f} GiB of memory, more than this machine has; --max-key-mb limits the keys")
    return found
