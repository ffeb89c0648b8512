"""The compiler from one end to the other: a graph and samples in, a program with its parameters out.

Degrees are tried from the smallest up; at each, every layout of the input that was asked for is lowered, the cheapest program gets its primes and
scales, and the first whose predicted error is small enough is taken. Ranges are proven by intervals where that leaves room, else measured on the
samples, and the report says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadSpec, Unsupported
from velatura.homomorphic.batching import batched
from velatura.homomorphic.compiled import Compiled, Packing, Unpacking, pack
from velatura.homomorphic.cost import least_milliseconds, milliseconds, sizes
from velatura.homomorphic.expected_inputs import MOST_JUDGED, as_rows, input_bounds, largest_output
from velatura.homomorphic.fitting import deviation, fit
from velatura.homomorphic.fold import fold
from velatura.homomorphic.graph import Affine, Graph, Polynomial
from velatura.homomorphic.im2col import windowed
from velatura.homomorphic.layout import Layout, flat, pictures
from velatura.homomorphic.layout import windows as window_layout
from velatura.homomorphic.lowering import Known, lower, remaining_depth
from velatura.homomorphic.model_file import read_model
from velatura.homomorphic.parameters import MAX_LOG_QP
from velatura.homomorphic.program import Program, Rotate, without_gaps
from velatura.homomorphic.ranges import Interval, Ranges, calibrated, proven
from velatura.homomorphic.rescaling import lazily
from velatura.homomorphic.rotation_keys import limited, thrifty
from velatura.homomorphic.search import Found, imprecise, search
from velatura.homomorphic.simulator import bias_profile

__all__ = ["LAYOUTS", "Options", "compile_graph", "compile_model"]

Floats: TypeAlias = NDArray[np.float64]
LAYOUTS = ("auto", "raw", "im2col", "batch")
LEAST_PRIME = 20
OTHERWISE = 2.0
"""What is foretold is one key's noise on some samples: another's, on others, may be so much greater and is still within what was asked for."""
FINEST = 1e-15
"""Relative error below which doubles have no digits, whatever the degree."""
DEGREES = tuple(n for n in MAX_LOG_QP if 4096 <= n <= 65536)


@dataclass(frozen=True, slots=True)
class Options:
    """
    Args:
        layout: of `LAYOUTS`.
        input_range: least and greatest value of any input; None: by the calibration.
        error: greatest deviation of an output, relative to the largest on the calibration; what is foretold is at most half of it.
        activation_error: greatest deviation of a fitted activation, relative to its greatest value on the samples.
        flooding_bits: by which the noise will be flooded before a result is shared: the chain is chosen so much finer.
        max_key_mb: megabytes (10^6 bytes) of evaluation keys; None: as many as are fastest.
        max_log_qp: on somebody's own word, beyond the security table.
        samples: of the calibration that ranges and errors are measured on.
    """

    layout: str = "auto"
    input_range: tuple[float, float] | None = None
    error: float = 1e-3
    activation_error: float = 1e-2
    flooding_bits: float = 0.0
    max_key_mb: float | None = None
    max_log_qp: float | None = None
    samples: int = 64
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    program: Program
    packing: Packing
    unpacking: Unpacking
    layouts: Mapping[str, str]


def compile_model(
    model: Path | Graph, calibration: Floats, options: Options = Options(), *, told: Callable[[str], None] = lambda _: None
) -> Compiled:
    """An ONNX file, a `.pt2` file of torch, or a traced graph whose activations need not have been fitted; otherwise as `compile_graph`.

    Args:
        calibration: (samples, ...) inputs as the model takes them.

    Raises:
        BadInput, Unsupported, Missing: as `read_model`, `fold` and `fit` beside.
    """
    traced = read_model(model) if isinstance(model, Path) else model
    told("folding")
    graph = fold(traced)
    rows = as_rows(traced, calibration)
    exact = graph
    graph, fitted = fit(exact, rows[: max(options.samples, 1)] if len(rows) > MOST_JUDGED else rows, error=options.activation_error)
    compiled = compile_graph(fold(graph), rows, options, told=told)
    activations = {one.node: {"kind": one.kind, "radius": one.radius, "degree": one.degree, "error": one.error} for one in fitted}
    off = deviation(exact, graph, rows[:MOST_JUDGED]) if fitted else 0.0
    errors = {"activations_error": off, "predicted_error_in_all": compiled.report["predicted_error"] + off}
    more = {"activations": activations, **errors, "left_away": traced.left_away}
    return replace(compiled, left_away=traced.left_away, report={**compiled.report, **more})


def compile_graph(graph: Graph, calibration: Floats, options: Options = Options(), *, told: Callable[[str], None] = lambda _: None) -> Compiled:
    """
    Args:
        graph: of affine layers, polynomials and sums; activations have been fitted.
        calibration: (samples, elements) inputs like those that will come, within the bounds that the client will hold to.
        told: is told what is being done.

    Raises:
        Unsupported: `he.depth`, `he.precision`, `he.no-layout`.
        BadInput: `he.calibration`. BadSpec: `he.layout`.
    """
    if options.layout not in LAYOUTS:
        raise BadSpec("he.layout", f"there is no layout {options.layout!r}", hint=f"one of {', '.join(LAYOUTS)}")
    rows = as_rows(graph, calibration)
    samples = rows[np.random.default_rng(options.seed).permutation(len(rows))[: options.samples]]
    low, high = input_bounds(graph, rows, options.input_range)
    largest = largest_output(graph, rows)
    scaled = normalised(graph)
    depth = remaining_depth(scaled)[scaled.input.name]
    wanted = options.error / 2.0**options.flooding_bits / OTHERWISE
    if wanted < FINEST:
        raise imprecise(FINEST, wanted, DEGREES[-1])
    refusal: Unsupported | BadSpec | None = None
    for n in DEGREES:
        allowed = options.max_log_qp or MAX_LOG_QP[n]
        if (depth + 2) * LEAST_PRIME > allowed:
            continue
        told(f"layouts at degree {n}")
        try:
            candidates = sorted(_candidates(scaled, n // 2, options), key=lambda candidate: least_milliseconds(candidate.program))
        except Unsupported as error:
            refusal = error
            continue
        for number, one in enumerate(candidates, start=1):
            try:
                told(f"primes and scales at degree {n} for {one.name}, {number} of {len(candidates)}")
                one, found, ranges = _with_keys(one, samples, largest, low, high, options, wanted, allowed)
            except (Unsupported, BadSpec) as error:  # BadSpec: there are not so many small primes at a small degree
                refusal = error
                continue
            if found.error <= wanted and ranges.within:
                return _compiled(graph, one, found, ranges, low, high)
            refusal = imprecise(found.error, wanted, n) if ranges.within else _outside()
    raise refusal or Unsupported("he.depth", f"{depth} levels do not fit at any degree up to {DEGREES[-1]}", hint="fewer layers or lower degrees")


def normalised(graph: Graph) -> Graph:
    """A Chebyshev polynomial's division by its radius moves into the layer before, where nobody else reads that."""
    factor: dict[str, float] = {}
    for node in graph:
        if isinstance(node, Polynomial) and node.radius not in (None, 1.0):
            before = graph[node.of[0]]
            if isinstance(before, Affine) and len(graph.readers(before.name)) == 1 and before.name != graph.output:
                factor[before.name] = float(node.radius or 1.0)
    nodes = []
    for node in graph:
        if node.name in factor and isinstance(node, Affine):
            node = replace(node, matrix=node.matrix * (1 / factor[node.name]), bias=node.bias / factor[node.name])
        elif isinstance(node, Polynomial) and node.of[0] in factor:
            node = replace(node, radius=1.0)
        nodes.append(node)
    return Graph(tuple(nodes), graph.output)


def _candidates(graph: Graph, slots: int, options: Options) -> Iterator[_Candidate]:
    if options.layout == "batch":
        size = graph[graph.output].size
        places = np.stack([np.arange(size), np.zeros(size)], axis=1).astype(np.int32)
        whole, used = without_gaps(batched(graph, slots))
        gather = np.array(used, np.int32)[:, None]
        for program in lazily(whole):
            yield _Candidate("batch", program, Packing(gather, batch=True), Unpacking(places, batch=True), {})
        return
    identity = np.arange(graph.input.size)
    begun: list[tuple[str, Graph, Layout | None, NDArray[np.int64]]] = []
    if options.layout in ("auto", "raw"):
        begun += [(name, graph, layout, identity) for name, layout in _raw(graph, slots)]
    if options.layout in ("auto", "im2col") and (made := windowed(graph)):
        over, elements = made
        taps, count = elements.shape
        begun.append(("im2col", over, window_layout(taps, count, slots), elements.ravel()))
    refusal = Unsupported("he.no-layout", f"the input does not fit {slots} slots as --layout {options.layout} wants it", hint="another --layout")
    fitting = False
    for name, over, layout, elements in begun:
        if layout is None:
            continue
        known: Known = {}
        for clean in (True, False):
            try:
                lowered = lower(over, layout, clean=clean, known=known)
            except Unsupported as error:
                refusal = error
                continue
            places = _quietest(lowered.output, graph[graph.output].size)
            whole, used = without_gaps(lowered.program)
            gather = np.where(layout.table >= 0, elements[np.maximum(layout.table, 0)], -1).astype(np.int32)[used]
            fitting = True
            for program in lazily(whole):
                yield _Candidate(name, program, Packing(gather), Unpacking(places), lowered.layouts)
    if not fitting:
        raise refusal


def _quietest(layout: Layout, size: int) -> NDArray[np.int32]:
    """(size, 2) ciphertext and slot of each output, in the copy that lies farthest from the first slots, where key switching is noisiest."""
    profile = bias_profile(2 * layout.slots, layout.slots)
    ciphertext, slot = layout.first(size)
    copies = [(slot + shift) % layout.slots for shift in layout.copies]
    return np.stack([ciphertext, min(copies, key=lambda one: float(profile[one].max()))], axis=1).astype(np.int32)


def _raw(graph: Graph, slots: int) -> Iterator[tuple[str, Layout | None]]:
    shape = graph.input.shape
    if len(shape) in (2, 3):
        channels, height, width = shape if len(shape) == 3 else (shape[0], 1, shape[1])
        yield "raw", pictures((channels, height, width), slots)
        if width & (width - 1):
            yield "raw, rows without gaps", pictures((channels, height, width), slots, tight=True)
    if len(shape) < 2 or np.prod(shape[1:]) > slots or not any(isinstance(one, Affine) and one.stride for one in graph):
        yield "raw, as a vector", flat(graph.input.size, slots)


def _chain(one: _Candidate, samples: Floats, largest: float, low: Floats, high: Floats, options: Options, wanted: float) -> tuple[Found, Ranges]:
    """Primes and scales: under ranges that are proven for all inputs, or where that is too dear, under measured ones."""
    packed = _packed(one, samples)
    intervals = {
        key: Interval(below[0], above[0])
        for (key, below), above in zip(_packed(one, low[None]).items(), _packed(one, high[None]).values(), strict=True)
    }
    if one.packing.batch:  # unused samples are zero
        zero = np.zeros(one.program.slots)
        intervals = {
            (0, number): Interval(np.minimum(low[element], zero), np.maximum(high[element], zero))
            for number, (element,) in enumerate(one.packing.gather)
        }
    refusal: Unsupported | None = None
    for known in (proven(one.program, intervals), calibrated(one.program, packed)):
        try:
            found = search(
                one.program,
                packed,
                _judged(one, len(samples)),
                known,
                seed=options.seed,
                max_log_qp=options.max_log_qp,
                largest=largest,
                wanted=wanted,
            )
        except Unsupported as error:
            refusal = error
            continue
        if (found.error <= wanted and known.within) or not known.proven:
            return found, known
    assert refusal is not None, "measured ranges are returned or refused"
    raise refusal


def _packed(one: _Candidate, samples: Floats) -> dict[tuple[int, int], Floats]:
    """(source, ciphertext) -> (samples, slots)."""
    packed = pack(one.packing, one.program.slots, samples)
    return {(0, number): packed[:, number] for number in range(packed.shape[1])}


def _judged(one: _Candidate, samples: int) -> NDArray[np.int32]:
    """The slots at which the error counts: with a batch, those of the samples."""
    places = one.unpacking.places
    if not one.packing.batch:
        return places
    return np.stack([np.repeat(places[:, 0], samples), np.tile(np.arange(samples), len(places))], axis=1).astype(np.int32)


def _with_keys(
    one: _Candidate, samples: Floats, largest: float, low: Floats, high: Floats, options: Options, wanted: float, log_qp: float
) -> tuple[_Candidate, Found, Ranges]:
    """A candidate with its primes and scales, and no more keys than asked for: what they weigh is known with the primes, then one less is tried."""
    if options.max_key_mb is None:
        one = replace(one, program=thrifty(one.program))
        return one, *_chain(one, samples, largest, low, high, options, wanted)
    most = options.max_key_mb * 1e6
    keys = int(most // _key_bytes(2 * one.program.slots, one.program.depth + 1, log_qp))
    while True:
        program = one.program if len(one.program.rotations) < keys else limited(one.program, max(keys - 1, 0))  # one is for products
        fewer = replace(one, program=program)
        found, ranges = _chain(fewer, samples, largest, low, high, options, wanted)
        if sizes(program, found.plan, found.parameters).evaluation_keys <= most:
            return fewer, found, ranges
        keys = min(keys, len(program.rotations) + 1) - 1


def _key_bytes(n: int, primes: int, log_qp: float) -> float:
    """Of one seeded key, about and rather too little: a polynomial of all primes for each data prime, compressed."""
    return 1.2 * primes * n * log_qp / 8


def _outside() -> Unsupported:
    return Unsupported("he.range", "a fitted activation is asked for values outside its range", hint="more calibration samples, or a wider margin")


def _compiled(graph: Graph, one: _Candidate, found: Found, ranges: Ranges, low: Floats, high: Floats) -> Compiled:
    chosen, program = found.parameters, one.program
    output = graph[graph.output]
    kind = "proven" if ranges.proven else "calibrated"
    bytes_ = sizes(program, found.plan, chosen)
    report = {
        "n": chosen.n,
        "log_qp": round(chosen.log_qp, 2),
        "allowed_log_qp": MAX_LOG_QP[chosen.n],
        "security": "insecure" if chosen.insecure else "128 bits (classical, ternary secret, guideline of 2024)",
        "prime_bits": list(chosen.bits),
        "log2_scales": [round(log2(scale), 2) for scale in found.scales],
        "levels": program.depth,
        "inputs_from_to": [float(low.min()), float(high.max())],
        "input_layout": one.name,
        "layout": dict(one.layouts),
        "rotations": sum(isinstance(step, Rotate) for step in program.steps),
        "galois_keys": len(program.rotations),
        "eval_key_bytes": bytes_.evaluation_keys,
        "upload_bytes": len(one.packing.gather) * bytes_.upload,
        "result_bytes": len(program.outputs) * bytes_.result,
        "server_key_bytes": bytes_.keys_held,
        "server_plain_bytes": bytes_.plains_held,
        "predicted_ms": round(milliseconds(program, found.plan), 1),
        "predicted_first_ms": round(milliseconds(program, found.plan, encoding=True), 1),
        "predicted_error": found.error,
        "spare_bits": round(found.spare, 2),
        "least_spare_at": found.layer,
        "range": kind,
        "output": "masked",
    }
    return Compiled(program, chosen, found.scales, one.packing, one.unpacking, graph.input.shape, output.shape, low, high, kind, report)
