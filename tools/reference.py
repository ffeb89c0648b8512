"""Writes docs/reference/errors.md and docs/reference/cli.md from the source; a test compares them with what this would write.

`python tools/reference.py`          write
`python tools/reference.py --check`  exit 1 if they are not what the source says
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "velatura"
STATUS = {"VelaturaError": 1, "BadSpec": 2, "Broken": 3, "Withheld": 3, "Missing": 4, "BadInput": 5, "Unsupported": 5, "Interrupted": 130}
AREAS = (
    "attack|audit|cli|crypto|detect|dp|edge|enclave|extra|federated|files|he|media|models|obfuscate|plugins|regions|remove|report"
    "|sandbox|seal|spec|unseal"
)
CODE = re.compile(rf"({AREAS})\.(?!json$|html$|md$)[a-z][a-z0-9-]+")


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value


def raised(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """(code, class, hint) of each error that is built with a literal code."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        first = node.args[0]
        if name in STATUS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            hint = next((word.value for word in node.keywords if word.arg == "hint"), None)
            yield first.value, name, hint.value if isinstance(hint, ast.Constant) and isinstance(hint.value, str) else ""


def errors() -> str:
    kinds: dict[str, str] = {}
    hints: dict[str, str] = {}
    places: dict[str, set[str]] = {}
    for path in sorted(SRC.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for code in strings(tree):
            places.setdefault(code, set()).add(path.relative_to(SRC).as_posix())
        for code, kind, hint in raised(tree):
            kinds.setdefault(code, kind)
            places.setdefault(code, set()).add(path.relative_to(SRC).as_posix())
            if hint:
                hints.setdefault(code, hint)
    rows = [
        f"| `{code}` | {STATUS[kinds[code]] if code in kinds else STATUS['BadInput']} | {hints.get(code, '')} | {', '.join(sorted(places[code]))} |"
        for code in sorted(places)
    ]
    head = "# Error codes\n\nStable words; in `--json` as `error.code`. Exit statuses: `velatura/errors.py`. Written by `tools/reference.py`.\n"
    return "\n".join([head, "| code | exit | what to do | raised in |", "|---|---|---|---|", *rows]) + "\n"


def cli() -> str:
    import click

    from velatura.cli.main import VERBS, load_verb, verbs

    root = click.Context(verbs, info_name="velatura", max_content_width=110, terminal_width=110)
    parts = ["# Command line\n\nWhat `--help` prints. Written by `tools/reference.py`.\n", "## velatura\n\n```\n" + verbs.get_help(root) + "\n```\n"]
    for name in VERBS:
        parts += list(helps(load_verb(name), click.Context(verbs, info_name="velatura"), name))
    return "\n".join(line.rstrip() for line in "\n".join(parts).splitlines()) + "\n"


def helps(command: object, parent: object, name: str) -> Iterator[str]:
    import click

    context = click.Context(command, info_name=name, parent=parent, max_content_width=110, terminal_width=110)  # type: ignore[arg-type]
    yield f"## {context.command_path}\n\n```\n{context.command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from helps(found, context, child)


def edge_states() -> str:
    from velatura.edge.states import AREAS

    lines = [
        "# States of `velatura edge status`",
        "",
        "Written by `tools/reference.py` from `velatura.edge.states`. A *fault* makes the exit status 3; a *note* does not.",
        "",
        "| of | state | grade | what it means | what to do next |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {area} | `{name}` | {one.grade} | {one.means} | {one.next} |" for area, known in AREAS.items() for name, one in known.items()]
    return "\n".join(lines) + "\n"


def enclave() -> str:
    from velatura.enclave.explanations import CHECKS, CODES, FORMATS
    from velatura.enclave.limits import LIMITS
    from velatura.enclave.policy import FORMATS as KNOWN
    from velatura.enclave.policy import Require, With

    lines = [
        "# Evidence, policies, checks and codes",
        "",
        "Written by `tools/reference.py` from `velatura.enclave`; `velatura enclave explain WORD` says the same. [How to](../how-to/enclave.md).",
        "",
        "## Assurance, the weakest first",
        "",
        "| `minimum_assurance` | what a verdict that reached it does not prove |",
        "|---|---|",
        *(f"| `{one.word}` | {sentence} |" for one, sentence in LIMITS.items()),
        "",
        "## Formats",
        "",
        "| `format` | what it is | wants beside it | reaches | `[reference]` | nonce, bytes |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in FORMATS.items():
        known = KNOWN[name]
        nonce = f"up to {max(known.nonce)}" if known.nonce else "up to 1,024"
        values = ", ".join(f"`{value}`" for value in _shortened(list(known.values)))
        lines.append(f"| `{name}` | {one.means} | {one.next} | `{known.assurance.word}` | {values} | {nonce} |")
    told = "lists values, any of which will do, as hex; or says `any_measurement = true` alone. `mrsigner` wants `prodid` and `min_svn` beside it."
    lines += ["", f"`[reference]` {told}"]
    for table, kind in (("require", Require), ("with", With)):
        lines += ["", f"## `[{table}]`", "", "| key | default | what it asks |", "|---|---|---|", *_keys(kind)]
    lines += ["", "## Checks", "", "| check | what it looks at |", "|---|---|", *(f"| `{name}` | {one.means} |" for name, one in CHECKS.items())]
    lines += ["", "## Codes", "", "| code | what it means | what to do |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {one.means} | {one.next} |" for name, one in CODES.items())]) + "\n"


JOB = """
`velatura enclave run JOB.toml`: what is run, on what, and what may leave. Its files lie in its own folder. Everything that stands in it, and the
content of its files, is in the job's digest. Written by `tools/reference.py` from `velatura.enclave`. [How to](../how-to/enclave.md).

A network on data that stay sealed, and the answers to whom they are for:

    version = 1
    kind = "inference"
    model = "net.onnx"
    recipient = "me.key.pub"
    [inputs.rows]
    file = "rows.sealed"
    form = "npy"
    purpose = "sort letters"
    [outputs.scores]                      # the network's output of that name, or its first
    type = "array"
    dtype = "float32"
    shape = [1000, 10]
    leave = "sealed"

Code of your own, a table and a metric:

    version = 1
    kind = "python"
    code = "count.py"
    [inputs.rows]
    file = "rows.sealed"
    form = "npz"
    purpose = "count by ward"
    [outputs.by_ward]
    type = "table"
    columns = ["ward", "mean"]
    rows = 50
    [outputs.metrics]
    type = "metrics"
    k = 20
    metrics = { mean = { decimals = 1, low = 0, high = 100 } }

    # count.py
    def run(inputs, outputs, config):
        age, ward = inputs["rows"]["age"], inputs["rows"]["ward"]
        outputs.put("by_ward", [[int(one), round(float(age[ward == one].mean()), 1)] for one in sorted(set(ward.tolist()))])
        outputs.put("metrics", {"mean": float(age.mean())}, rows=len(age))

A network that nobody here may read either, on data of somebody else: it is an input, sealed by its owner for this code.

    version = 1
    kind = "python"
    code = "score.py"
    imports = ["velatura.models.runtime"]
    [inputs.network]
    file = "net.sealed"                   # velatura enclave seal net.onnx -o net.sealed ... --code score.py
    purpose = "sort letters"
    [inputs.rows]
    file = "rows.sealed"
    form = "npy"
    purpose = "sort letters"
    [outputs.scores]
    type = "array"
    dtype = "float32"
    shape = [1000, 3]

    # score.py
    from velatura.models.runtime import OnnxBackend

    def run(inputs, outputs, config):
        network = OnnxBackend(inputs["network"], threads=1)
        outputs.put("scores", network.run(inputs["rows"])["scores"])
"""


def enclave_job() -> str:
    from velatura.enclave.input_forms import FORMS
    from velatura.enclave.job import InputFile, JobFile
    from velatura.enclave.manifest import State
    from velatura.enclave.outputs import FIELDS, HANDED, OPTIONAL, Metric, Output, Privacy
    from velatura.enclave.release import SUFFIXES

    head = ["", "| key | default | what it is |", "|---|---|---|"]
    lines = ["# A job's file", JOB, "## The file", *head, *_keys(JobFile), "", "## `[inputs.NAME]`", *head, *_keys(InputFile), ""]
    lines += ["| `form` | what the job finds as `inputs[NAME]` |", "|---|---|", *(f"| `{name}` | {means} |" for name, means in FORMS.items())]
    lines += ["", "## `[outputs.NAME]`", *head, *_keys(Output), ""]
    lines += ["| `type` | wants | may have | file | what the job hands over: `outputs.put(NAME, VALUE)` |", "|---|---|---|---|---|"]
    for name, fields in FIELDS.items():
        wants, may = ([f"`{one}`" for one in fields if (one in OPTIONAL) is optional] for optional in (False, True))
        lines.append(f"| `{name}` | {', '.join(wants)} | {', '.join(may)} | {SUFFIXES[name]} | {HANDED[name]} |")
    for title, kind in (("metrics = { NAME = {...} }", Metric), ("privacy = {...}", Privacy), ("[state]", State)):
        lines += ["", f"## `{title}`", *head, *_keys(kind)]
    return "\n".join(lines) + "\n"


def _shortened(names: list[str]) -> list[str]:
    registers = [name for name in names if name.startswith("pcr")]
    return [name for name in names if name not in registers] + ([f"{registers[0]} ... {registers[-1]}"] if registers else [])


def _keys(kind: type) -> Iterator[str]:
    """Fields of a struct with what its docstring says under Attributes; several may share a line."""
    import msgspec

    told: dict[str, str] = {}
    for names, text in re.findall(r"^ {8}(\w+(?:, \w+)*): (.*)$", kind.__doc__ or "", re.MULTILINE):
        told |= dict.fromkeys(names.split(", "), text)
    for field in msgspec.structs.fields(kind):
        word = "required" if field.required else _default(field.default)
        yield f"| `{field.name}` | {word} | {told.get(field.name, '')} |"


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = list(value)
    plain = isinstance(value, bool | int | float | str | list) and (value or isinstance(value, bool | int | float))
    return f"`{json.dumps(value)}`" if plain else ""


def main() -> None:
    pages = {"errors.md": errors(), "cli.md": cli(), "edge-states.md": edge_states(), "enclave.md": enclave(), "enclave-job.md": enclave_job()}
    wanted = {ROOT / "docs" / "reference" / name: text for name, text in pages.items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        sys.exit("\n".join(f"{path.relative_to(ROOT)} is not what the source says: make docs" for path in stale) or 0)
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
