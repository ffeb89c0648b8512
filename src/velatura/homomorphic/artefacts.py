"""What a compilation leaves: `client.vlhe` for the owner, `server.vlhe` for the server, `report.json` for people.

Weights stand in the server's alone. The client's knows how samples go into slots and come out, within which bounds, what may be given out, and which
evaluation keys the program needs; both are tied to each other by the digest of the server's.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, BadSpec, VelaturaError
from velatura.files import sync
from velatura.homomorphic.compiled import Compiled, Packing, Unpacking
from velatura.homomorphic.flooding import own_noise, slot_deviation, strength
from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.packed_arrays import MOST_BYTES, dump_arrays, load_arrays, refused
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Multiply, Program
from velatura.homomorphic.program_form import (
    ParametersForm,
    StepForm,
    check_parameters,
    check_program,
    formed,
    inputs_of,
    joined_plains,
    parted_plains,
    read_steps,
)
from velatura.homomorphic.sharing import Sharing
from velatura.homomorphic.wire import DIGEST_BYTES, INSECURE, Expected, Header, Kind, open_message, read_message, seal_message
from velatura.specs import dump_json

__all__ = ["CLIENT", "REPORT", "SERVER", "ClientArtefact", "ServerArtefact", "dump_client", "dump_server", "load_client", "load_server", "write"]

Floats: TypeAlias = NDArray[np.float64]
CLIENT, SERVER, REPORT = "client.vlhe", "server.vlhe", "report.json"
LeftAway: TypeAlias = Literal["", "Softmax", "LogSoftmax", "ArgMax", "Sigmoid"]
_MOST = MOST_BYTES + (256 << 20)


@dataclass(frozen=True, slots=True)
class ServerArtefact:
    """
    Args:
        id: digest of the artefact, which client, keys and ciphertexts name.
        inputs: (source, index) of the ciphertexts of one sample, in the order in which they travel.
        batch: a ciphertext holds an element of many samples.
    """

    id: bytes
    program: Program
    parameters: Parameters
    scales: tuple[float, ...]
    plan: Plan
    inputs: tuple[tuple[int, int], ...]
    batch: bool

    @property
    def input_scale(self) -> float:
        return self.scales[0]


@dataclass(frozen=True, slots=True)
class ClientArtefact:
    """
    Args:
        program: digest of the server's artefact.
        range: "proven" for every input within the bounds, or "calibrated" on samples.
        rotations, products: what evaluation keys are needed for.
        outputs: level and scale of each ciphertext of an answer.
        flooding: for each of these the deviation of the noise on coefficients; zeros unless `sharing` is public.
        left_away: what the model does last and the owner has to do to scores himself, where he wants it.
    """

    program: bytes
    parameters: Parameters
    packing: Packing
    unpacking: Unpacking
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_low: Floats
    input_high: Floats
    range: str
    sharing: Sharing
    rotations: tuple[int, ...]
    products: bool
    input_scale: float
    outputs: tuple[tuple[int, float], ...]
    flooding: tuple[float, ...]
    left_away: LeftAway = ""

    @property
    def inputs(self) -> int:
        """Ciphertexts of one sample; of a batch."""
        return len(self.packing.gather)


class _ServerForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parameters: ParametersForm
    steps: tuple[StepForm, ...]
    outputs: tuple[int, ...]
    scales: tuple[float, ...]
    layers: tuple[str, ...]
    layer: tuple[int, ...]
    batch: bool


class _ClientForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parameters: ParametersForm
    batch: bool
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    range: Literal["proven", "calibrated"]
    sharing: Sharing
    rotations: tuple[int, ...]
    products: bool
    input_scale: float
    outputs: tuple[tuple[int, float], ...]
    flooding: tuple[float, ...]
    left_away: LeftAway = ""


def dump_server(compiled: Compiled) -> bytes:
    """The server's artefact as bytes."""
    program = compiled.program
    layers = tuple(dict.fromkeys(program.layer))
    number = {name: place for place, name in enumerate(layers)}
    about = _ServerForm(
        _form(compiled.parameters),
        tuple(formed(program.steps)),
        program.outputs,
        tuple(map(float, compiled.scales)),
        layers,
        tuple(number[name] for name in program.layer),
        compiled.packing.batch,
    )
    values, lengths = joined_plains(program.plains)
    payload = dump_arrays(about, {"plains": values, "lengths": lengths})
    return seal_message(_header(Kind.SERVER, compiled.parameters, _digest(payload)), payload)


def dump_client(compiled: Compiled, sharing: Sharing, program: bytes) -> bytes:
    """The client's artefact as bytes. `program`: the server's id."""
    planned = plan(compiled.program, compiled.parameters.data, compiled.scales)
    public = sharing.share == "public"
    about = _ClientForm(
        _form(compiled.parameters),
        compiled.packing.batch,
        compiled.input_shape,
        compiled.output_shape,
        "proven" if compiled.range == "proven" else "calibrated",
        sharing,
        compiled.program.rotations,
        any(isinstance(step, Multiply) for step in compiled.program.steps),
        float(compiled.scales[0]),
        tuple((planned.level[ref], planned.scale[ref]) for ref in compiled.program.outputs),
        tuple(strength(sharing) * noise for noise in own_noise(compiled)) if public else (0.0,) * len(compiled.program.outputs),
        _operator(compiled.left_away),
    )
    arrays: dict[str, NDArray[Any]] = {
        "gather": compiled.packing.gather.astype(np.int32),
        "places": compiled.unpacking.places.astype(np.int32),
        "low": compiled.input_low.astype(np.float64),
        "high": compiled.input_high.astype(np.float64),
    }
    return seal_message(_header(Kind.CLIENT, compiled.parameters, program), dump_arrays(about, arrays))


def load_server(source: Path | bytes) -> ServerArtefact:
    """
    Raises:
        BadInput: as `wire.open_message`; `he.artefact`, `he.insecure-unsaid`, `he.foreign-program`.
    """
    message = _message(source, Kind.SERVER)
    about, arrays = load_arrays(message.payload, _ServerForm)
    if _digest(message.payload) != message.header.program:
        raise BadInput("he.foreign-program", "the artefact is not the one that it says it is", hint="compile the model again")
    parameters = check_parameters(about.parameters)
    _same_parameters(message.header, parameters)
    if set(arrays) != {"plains", "lengths"} or not all(0 <= number < len(about.layers) for number in about.layer):
        raise refused("its parts are not those of a program")
    program = Program(
        parameters.slots,
        read_steps(about.steps),
        parted_plains(arrays["plains"], arrays["lengths"]),
        about.outputs,
        len(about.scales),
        tuple(about.layers[number] for number in about.layer),
    )
    planned = check_program(program, parameters, about.scales)
    return ServerArtefact(message.header.program, program, parameters, about.scales, planned, inputs_of(program), about.batch)


def load_client(source: Path | bytes) -> ClientArtefact:
    """
    Raises:
        BadInput: as `wire.open_message`; `he.artefact`, `he.insecure-unsaid`.
    """
    message = _message(source, Kind.CLIENT)
    about, arrays = load_arrays(message.payload, _ClientForm)
    parameters = check_parameters(about.parameters)
    _same_parameters(message.header, parameters)
    if set(arrays) != {"gather", "places", "low", "high"}:
        raise refused("its arrays are not those of a client")
    made = ClientArtefact(
        message.header.program,
        parameters,
        Packing(arrays["gather"], about.batch),
        Unpacking(arrays["places"], about.batch),
        about.input_shape,
        about.output_shape,
        arrays["low"],
        arrays["high"],
        about.range,
        about.sharing,
        about.rotations,
        about.products,
        about.input_scale,
        about.outputs,
        about.flooding,
        about.left_away,
    )
    _check_client(made)
    return made


def write(compiled: Compiled, sharing: Sharing, folder: Path, *, force: bool = False) -> dict[str, Any]:
    """Three files in a new folder, which appears whole or not at all; answers the report.

    Args:
        force: a folder that holds an earlier compilation, and nothing else, is replaced.

    Raises:
        BadSpec: `files.exists`, `files.no-folder`. VelaturaError: `files.unwritable`.
    """
    server = dump_server(compiled)
    program = load_server(server).id
    client = dump_client(compiled, sharing, program)
    report = _report(compiled, sharing, load_client(client))
    _whole_folder(folder, {CLIENT: client, SERVER: server, REPORT: dump_json(report)}, force=force)
    return report


def _whole_folder(folder: Path, files: dict[str, bytes], *, force: bool) -> None:
    if not folder.parent.is_dir():
        raise BadSpec("files.no-folder", f"{folder.parent}: there is no such folder", hint="make it first, or choose another output")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if (folder.exists() or folder.is_symlink()) and not (force and folder.is_dir() and there <= set(files)):
        raise BadSpec("files.exists", f"{folder}: is already there", hint="another folder, or --force to replace an earlier compilation")
    part = None
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        for name, raw in files.items():
            (part / name).write_bytes(raw)
            sync(part / name)
        part.chmod(0o755)
        if folder.is_dir():
            shutil.rmtree(folder)
        part.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise VelaturaError("files.unwritable", f"{folder}: cannot be written: {error.strerror}", hint="another folder, or more space") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _report(compiled: Compiled, sharing: Sharing, client: ClientArtefact) -> dict[str, Any]:
    report = {**compiled.report, "program": client.program.hex(), "share": sharing.share, "top_k": sharing.top_k, "queries_a_key": sharing.queries}
    if sharing.share == "public":
        n = compiled.parameters.n
        report["statistical_bits"] = sharing.statistical_bits
        report["flooding_deviation"] = max(
            slot_deviation(sigma, n=n, scale=scale) for sigma, (_, scale) in zip(client.flooding, client.outputs, strict=True)
        )
    return report


def _message(source: Path | bytes, kind: Kind) -> Any:
    expected = Expected(kind, most=_MOST)
    return read_message(source, expected) if isinstance(source, Path) else open_message(source, expected)


def _form(parameters: Parameters) -> ParametersForm:
    return ParametersForm(parameters.n, parameters.data, parameters.special, parameters.insecure)


def _header(kind: Kind, parameters: Parameters, program: bytes) -> Header:
    return Header(kind, parameters.digest(), program, flags=INSECURE if parameters.insecure else 0)


def _same_parameters(header: Header, parameters: Parameters) -> None:
    if header.parameters != parameters.digest() or bool(header.flags & INSECURE) is not parameters.insecure:
        raise refused("its header names other parameters")


def _operator(left_away: str) -> LeftAway:
    """Of what is left away; the node's name, which is the model's own word, stays with the server."""
    kind = left_away.partition(" ")[0]
    return next(one for one in get_args(LeftAway) if one == kind)


def _digest(payload: bytes | memoryview) -> bytes:
    return blake2b(payload, digest_size=DIGEST_BYTES, person=b"vlhe-program").digest()


def _check_client(made: ClientArtefact) -> None:
    """Every figure that a client will use as a place or a size. Raises BadInput: `he.artefact`."""
    slots, elements, primes = made.parameters.slots, _count(made.input_shape), len(made.parameters.data)
    gather, places = made.packing.gather, made.unpacking.places
    wide, least = (1, 0) if made.packing.batch else (slots, -1)
    if gather.ndim != 2 or not len(gather) or gather.shape[1] != wide:
        raise refused("its inputs do not fit their shape")
    if not (gather.min() >= least and gather.max() < elements):
        raise refused("a slot is filled with an element that there is not")
    if made.input_low.shape != (elements,) or made.input_high.shape != (elements,) or np.any(made.input_low > made.input_high):
        raise refused("its bounds do not fit its inputs")
    if places.shape != (_count(made.output_shape), 2) or np.any(places < 0) or np.any(places >= [len(made.outputs), slots]):
        raise refused("an output lies where there is no slot")
    if not 1 <= len(made.outputs) == len(made.flooding) or not all(1 <= level <= primes for level, _ in made.outputs):
        raise refused("its outputs have no level")
    if not all(isfinite(scale) and scale > 0 for scale in (made.input_scale, *(scale for _, scale in made.outputs))):
        raise refused("its scales are none")
    if not all(0 < by < slots for by in made.rotations) or len(set(made.rotations)) != len(made.rotations):
        raise refused("a rotation is none")
    _check_sharing(made)


def _check_sharing(made: ClientArtefact) -> None:
    sharing, outputs = made.sharing, _count(made.output_shape)
    if not 1 <= sharing.top_k <= max(outputs - 1, 1) or (sharing.queries is not None and sharing.queries < 1):
        raise refused("its sharing policy is none")
    least = strength(sharing) if sharing.share == "public" and sharing.queries is not None and 20 <= sharing.statistical_bits <= 128 else 0.0
    if sharing.share == "public" and (not least or not all(isfinite(sigma) and sigma >= least for sigma in made.flooding)):
        raise refused("what it would give out is not flooded")


def _count(shape: tuple[int, ...]) -> int:
    """Elements; 0 for a shape that there is not."""
    return int(np.prod(shape, dtype=np.int64)) if 0 < len(shape) <= 8 and all(0 < side < 1 << 24 for side in shape) else 0
