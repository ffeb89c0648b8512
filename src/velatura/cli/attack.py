"""`velatura attack`: one attack against one method, on one's own pictures. An audit with a single row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from velatura.audit.enclave.names import ATTACKS as ON_ENCLAVES
from velatura.audit.federated.names import ATTACKS
from velatura.audit.homomorphic.names import ATTACKS as ON_PROGRAMS
from velatura.cli.options import Json, Quiet

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Attack a method on your own pictures, a camera's policy, a federated job, a program under encryption, or an enclave: what still shows?"
    " Both sides, unprotected and protected, play in the same run.",
    epilog="Example: velatura attack reidentify faces/ --method pixelate:16px",
)

People = Annotated[Path, typer.Argument(metavar="PEOPLE", help="a folder with a folder of pictures for each person")]
Pictures = Annotated[Path, typer.Argument(metavar="PICTURES", help="a picture, a folder of pictures, or one with a folder for each person")]
MethodName = Annotated[str, typer.Option("--method", metavar="METHOD", help="as of `velatura obfuscate --method`")]
Place = Annotated[str, typer.Option(metavar="whole|detect|X0,Y0,X1,Y1", help="what is protected: all of it, what the detector finds, or a box")]
Dilate = Annotated[float, typer.Option(help="margin around the region, share of its size on each side; not for whole")]
Expand = Annotated[str | None, typer.Option(metavar="head|person", help="cover more than the face; not for whole")]
Shape = Annotated[str, typer.Option(metavar="box|ellipse", help="of what is covered; not for whole")]
Seed = Annotated[int, typer.Option(metavar="N", help="the same seed gives the same result")]
Budget = Annotated[float, typer.Option(metavar="SECONDS", help="that a long attack may take on each side")]
Of = Annotated[int, typer.Option(metavar="N", help="findings that share the error of the lower ends: the number in a report that this is a row of")]
Out = Annotated[Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="report.json, report.html and pictures  [default: none]")]
Force = Annotated[bool, typer.Option("--force", help="replace a report that is there")]


@app.command(epilog="Example: velatura attack reidentify faces/ --method fill --region detect --view region")
def reidentify(
    people: People,
    method: MethodName,
    region: Place = "whole",
    view: Annotated[str, typer.Option(metavar="region|context|both", help="what the attacker sees: the covered pixels, or all of it")] = "both",
    attackers: Annotated[str, typer.Option(metavar="NAMES", help="of nearest, ridge, lda, cnn, embedding:MODEL")] = "nearest,ridge,lda",
    splits: Annotated[int, typer.Option(metavar="N", help="of gallery and probes, at least 5")] = 5,
    dilate: Dilate = 0.3,
    expand: Expand = None,
    shape: Shape = "box",
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Who is it? The attacker has labelled pictures of everybody, and treats them in the same way."""
    views = ("region", "context") if view == "both" else (view,)
    names = tuple(name.strip() for name in attackers.split(",") if name.strip())
    covering = {"region": _region(region), "dilate": dilate, "expand": expand, "shape": shape}
    options = {"people": str(people), "attacks": ("reidentify",), "attackers": names, "splits": splits, "views": views, **covering}
    return _run("reidentify", method, options, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack reconstruct faces/ --method blur:5")
def reconstruct(
    pictures: Pictures,
    method: MethodName,
    learned: Annotated[bool, typer.Option("--learned", help="with a network trained on pairs, too (needs torch, takes minutes)")] = False,
    region: Place = "whole",
    dilate: Dilate = 0.3,
    expand: Expand = None,
    shape: Shape = "box",
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """What did it look like? The attacker runs the method on pictures of his own, learns its filter, and inverts it."""
    attacks = ("reconstruct", "reconstruct-learned") if learned else ("reconstruct",)
    options = {"people": str(pictures), "attacks": attacks, "region": _region(region), "dilate": dilate, "expand": expand, "shape": shape}
    return _run("reconstruct", method, options, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack text rendered:20 --method pixelate:8")
def text(
    plates: Annotated[str, typer.Argument(metavar="PLATES", help="rendered:N, or a folder: a .txt beside each picture (file x y width height text)")],
    method: MethodName,
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """What does it say? The attacker writes candidates, treats them in the same way, and compares."""
    options = {"plates": plates, "attacks": ("text",)}
    return _run("text", method, options, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack residue photos/ --method fill --region detect")
def residue(
    pictures: Pictures,
    method: MethodName,
    region: Place = "detect",
    dilate: Dilate = 0.3,
    expand: Expand = None,
    shape: Shape = "box",
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Is somebody there? The detector again, a classifier, and what the file holds beside its pixels."""
    attacks = ("residue", "existence", "leak-paths") if region != "whole" else ("residue", "leak-paths")
    options = {"people": str(pictures), "attacks": attacks, "region": _region(region), "dilate": dilate, "expand": expand, "shape": shape}
    return _run("residue", method, options, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack averaging faces/ --method dp-pixelate:cells=6,m=16,epsilon=0.1")
def averaging(
    people: People,
    method: MethodName,
    releases: Annotated[int, typer.Option(metavar="N", help="of one face")] = 100,
    splits: Annotated[int, typer.Option(metavar="N", help="of gallery and probes, at least 5")] = 5,
    region: Place = "whole",
    dilate: Dilate = 0.3,
    expand: Expand = None,
    shape: Shape = "box",
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Do many releases of one face tell more than one? Averages, and differences of frames."""
    covering = {"region": _region(region), "dilate": dilate, "expand": expand, "shape": shape}
    options = {"people": str(people), "attacks": ("averaging", "differences"), "releases": releases, "splits": splits, **covering}
    return _run("averaging", method, options, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack dp --method dp-pixelate:cells=3,m=16,epsilon=1")
def dp(
    method: MethodName,
    runs: Annotated[int, typer.Option(metavar="N", help="of each of two neighbouring pictures")] = 20_000,
    seed: Seed = 1,
    budget_s: Budget = 600.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Does it keep its epsilon? Two pictures that may differ, many releases, and a lower bound on what they tell apart."""
    options = {"attacks": ("dp",), "runs": runs}
    return _run("dp", method, options, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack exfiltration door.toml --hours 1")
def exfiltration(
    policy: Annotated[Path, typer.Argument(metavar="POLICY.toml", help="as of `velatura edge run --policy`")],
    camera: Annotated[list[str] | None, typer.Option(metavar="NAME", help="of the policy; may be given again  [default: all]")] = None,
    pictures: Annotated[Path | None, typer.Option(metavar="PICTURES", help="what is smuggled out  [default: made pictures]")] = None,
    hours: Annotated[float, typer.Option(metavar="HOURS", help="of the camera's time, in which numbers go out")] = 1.0,
    periods: Annotated[int, typer.Option(metavar="N", help="of each run against the clock")] = 40,
    period_s: Annotated[float, typer.Option(metavar="SECONDS", help="of each period, .2 at least")] = 0.25,
    way: Annotated[list[str] | None, typer.Option(metavar="NAME", help="of the runs against the clock; may be given again  [default: all]")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="of exfiltration-paths, exfiltration, linkage, escapes  [default: all]")
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="whose vision the escape probes run in")] = "yunet-n",
    seed: Seed = 1,
    budget_s: Budget = 600.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """What gets out of an edge camera whose counting program was taken over? It is run free, and locked behind the real gateway."""
    where = {"policy": str(policy), "cameras": tuple(camera or ()), "pictures": "" if pictures is None else str(pictures)}
    options = {
        **where,
        "hours": hours,
        "periods": periods,
        "period_s": period_s,
        "ways": tuple(way or ()),
        "attacks": tuple(only or ()),
        "model": model,
    }
    told = {"title": f"exfiltration under {policy.name}", "room": "edge", "edge": options}
    return _played("exfiltration", told, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack federated job.toml --only membership")
def federated(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml", help="as of `velatura fl run`, or the job.json of a run")],
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help=f"of {', '.join(ATTACKS)}  [default: all]")] = None,
    base: Annotated[str, typer.Option(metavar="FOLDER", help="what the job's paths are relative to  [default: its own folder]")] = "",
    data: Annotated[str, typer.Option(metavar="TABLE", help="rows to train on instead of the job's own")] = "",
    updates: Annotated[int, typer.Option(metavar="N", help="that are inverted; 36 at least for a verdict")] = 36,
    records: Annotated[int, typer.Option(metavar="N", help="that membership is asked of, at most")] = 2000,
    shadows: Annotated[int, typer.Option(metavar="N", help="models that the membership attacker trains")] = 16,
    targets: Annotated[int, typer.Option(metavar="N", help="models that he attacks")] = 2,
    malicious: Annotated[float, typer.Option(metavar="SHARE", help="of the sites that are the poisoning attacker's")] = 0.2,
    poison: Annotated[list[str] | None, typer.Option(metavar="NAME", help="of his; may be given again  [default: all]")] = None,
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """What does a federated model tell of its records, and what can a few sites make of it? The job is trained as it is, and unprotected."""
    asked = {"updates": updates, "records": records, "shadows": shadows, "targets": targets, "malicious": malicious, "poisons": tuple(poison or ())}
    options = {"job": str(job), "base": base, "data": data, "attacks": tuple(only or ()), **asked}
    told = {"title": f"attacks on {job.name}", "room": "federated", "federated": options}
    return _played("federated", told, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack homomorphic prog --only key-recovery")
def homomorphic(
    program: Annotated[Path, typer.Argument(metavar="PROG", help="the folder of `velatura he compile`")],
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help=f"of {', '.join(ON_PROGRAMS)}  [default: all]")] = None,
    inputs: Annotated[Path | None, typer.Option(metavar="X.npz", help="`x`: as they will come  [default: drawn within the bounds]")] = None,
    keys: Annotated[int, typer.Option(metavar="N", help="new ones, that are to be recovered")] = 3,
    queries: Annotated[int, typer.Option(metavar="N", help="that the extractor asks, if he is let")] = 1000,
    answers: Annotated[int, typer.Option(metavar="N", help="that are changed on their way")] = 10,
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """What do answers of a program under encryption give away? Raw decryptions, loose parameters and a free oracle play beside it."""
    asked = {"keys": keys, "queries": queries, "answers": answers, "inputs": "" if inputs is None else str(inputs)}
    options = {"program": str(program), "attacks": tuple(only or ()), **asked}
    told = {"title": f"attacks on {program.name}", "room": "homomorphic", "homomorphic": options}
    return _played("homomorphic", told, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


@app.command(epilog="Example: velatura attack enclave report.bin --policy p.toml --time 2026-06-30T12:00:00Z")
def enclave(
    evidence: Annotated[Path | None, typer.Argument(metavar="EVIDENCE", help="as of `velatura enclave verify`  [default: made here]")] = None,
    policy: Annotated[Path | None, typer.Option(metavar="P.toml", help="that it meets, with its companions")] = None,
    time: Annotated[str, typer.Option(metavar="T", help="when it is judged: Unix seconds, or ISO 8601  [default: now]")] = "",
    job: Annotated[Path | None, typer.Option(metavar="JOB.toml", help="in whose process the escape probes run  [default: a small one]")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help=f"of {', '.join(ON_ENCLAVES)}  [default: all]")] = None,
    flips: Annotated[int, typer.Option(metavar="N", help="bits of what is signed that are flipped")] = 400,
    mutations: Annotated[int, typer.Option(metavar="N", help="random changes")] = 400,
    seed: Seed = 1,
    budget_s: Budget = 120.0,
    of: Of = 0,
    out: Out = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Is forged evidence accepted, a tampered session served, does anything come out of the job? With EVIDENCE alone, only it is forged."""
    chosen = tuple(only or (("evidence-forgery",) if evidence is not None and job is None else ()))
    files = {"evidence": evidence, "policy": policy, "job": job}
    where = {name: "" if path is None else str(path) for name, path in files.items()}
    options = {**where, "time": time, "attacks": chosen, "flips": flips, "mutations": mutations}
    named = evidence.name if evidence is not None else "an enclave of this machine"
    told = {"title": f"attacks on {named}", "room": "enclave", "enclave": options}
    return _played("enclave", told, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


def _run(
    name: str, method: str, options: dict[str, Any], *, seed: int, budget_s: float, of: int, out: Path | None, force: bool, json: bool, quiet: bool
) -> int:
    told = {"title": f"{name} against {method}", "room": "obfuscation", "obfuscation": {"methods": (method,), **options}}
    return _played(name, told, seed=seed, budget_s=budget_s, of=of, out=out, force=force, json=json, quiet=quiet)


def _played(name: str, told: dict[str, Any], *, seed: int, budget_s: float, of: int, out: Path | None, force: bool, json: bool, quiet: bool) -> int:
    """Checked as a spec's file is. Raises BadSpec."""
    from velatura.audit.run import audit
    from velatura.audit.spec import AuditSpec
    from velatura.cli.output import emit
    from velatura.cli.progress import progress
    from velatura.cli.verdicts import exit_status, in_words
    from velatura.specs import convert

    general = {"seed": seed, "budget_s": budget_s, "share": of, "pictures": out is not None}
    spec = convert({**told, **general}, AuditSpec, where="the command line")
    done = audit(spec, out, base=Path(), force=force, progress=progress(quiet=quiet))
    page = f"\nopen {done.folder / 'report.html'}" if done.folder else ""
    emit(f"attack {name}", {"report": done.report}, json=json, text=in_words(done.report) + page, warnings=done.warnings)
    return exit_status(done.report, require="not-broken")


def _region(text: str) -> str | list[float]:
    from velatura.errors import BadSpec

    if text in ("whole", "detect"):
        return text
    try:
        box = [float(word) for word in text.split(",")]
    except ValueError:
        box = []
    if len(box) != 4:
        raise BadSpec("audit.region", f"there is no region {text!r}", hint="whole, detect, or X0,Y0,X1,Y1 in pixels")
    return box
