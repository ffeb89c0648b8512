"""From a graph to a program: the cheapest chain of layouts, found by a beam search over placements, and its steps.

Each affine layer may put its outputs in many ways (`placement`), and what is cheap for one layer may be dear for the next; so the few cheapest
chains are carried along, at most `BEAM` of different last layouts. A layer that is added to another is also tried in the other's places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

import numpy as np

from velatura.errors import Unsupported
from velatura.homomorphic import affine, polynomials
from velatura.homomorphic.affine import Diagonals
from velatura.homomorphic.cost import Prices, prices
from velatura.homomorphic.diagonals import Fold
from velatura.homomorphic.graph import Activation, Add, Affine, Graph, Input, Node, Polynomial
from velatura.homomorphic.layout import Layout
from velatura.homomorphic.placement import in_place, placements
from velatura.homomorphic.pooling import pooled
from velatura.homomorphic.program import Program, ProgramBuilder, Ref

__all__ = ["Known", "Lowered", "lower", "remaining_depth"]

BEAM = 4
KEPT = 6
"""Placements of one layer and input layout that are carried on."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A sum without weights."""

    folds: tuple[Fold, ...]
    layout: Layout
    cost: float


@dataclass(frozen=True, slots=True)
class Plain:
    """What leaves elements where they are."""

    layout: Layout
    cost: float


Choice: TypeAlias = Diagonals | Pooled | Plain
Known: TypeAlias = dict[tuple[str, bytes, bool], list[Choice]]
"""Placements of a layer by its name, the layouts there are, and whether it must leave nothing beside its outputs."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A program with the layouts of its input and output, and for each node the milliseconds that the search reckoned with."""

    program: Program
    input: Layout
    output: Layout
    cost: float
    layouts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Chain:
    layouts: Mapping[str, Layout]
    choices: Mapping[str, Choice]
    cost: float


def remaining_depth(graph: Graph) -> dict[str, int]:
    """For each node the levels between its result and the output."""
    left = {node.name: 0 for node in graph}
    for node in reversed(graph.nodes):
        for name in node.of:
            left[name] = max(left[name], left[node.name] + _depth(node))
    return left


def lower(graph: Graph, layout: Layout, *, clean: bool, known: Known | None = None) -> Lowered:
    """
    Args:
        layout: of the input.
        clean: the last layer leaves nothing beside its outputs, at whatever price; otherwise what is left there is cleared by one more level.
        known: what other calls for the same graph have found out, and this one adds to.

    Raises:
        Unsupported: `he.no-layout`, by the node's name.
    """
    price, left = prices(layout.slots), remaining_depth(graph)
    known = {} if known is None else known
    chains = [_Chain({graph.input.name: layout}, {}, 0.0)]
    for node in graph.nodes[1:]:
        level = 1 + left[node.name] + _depth(node)
        last = clean and node.name == graph.output
        found = [chain for one in chains for chain in _continued(graph, node, one, level, price, known, clean=last)]
        if not found:
            raise Unsupported("he.no-layout", f"node {node.name!r} finds no place in {layout.slots} slots", hint="a smaller input, or --layout batch")
        chains = _best(found)
    best = min(chains, key=lambda chain: chain.cost)
    return _emitted(graph, layout, best)


def _continued(graph: Graph, node: Node, chain: _Chain, level: int, price: Prices, known: Known, *, clean: bool) -> list[_Chain]:
    before = [chain.layouts[name] for name in node.of]
    match node:
        case Affine():
            beside = b"".join(one.table.tobytes() for name, one in chain.layouts.items() if name != node.of[0])
            key = (node.name, before[0].table.tobytes() + beside, clean)
            if key not in known:
                known[key] = _affine_options(graph, node, chain, level, price, clean=clean)
            options = known[key]
        case Polynomial():
            layout = replace(before[0], clean=before[0].clean and not np.any(node.coefficients[0]))
            options = [Plain(layout, before[0].ciphertexts * (node.degree + 1) / 2 * (price.rotate(level) + price.rescale(level)))]
        case Add():
            met = _met(before[0], before[1], node.size)
            options = [] if met is None else [Plain(met, 0.0)]
        case _:
            raise AssertionError(f"{type(node).__name__} does not reach the lowering")
    gone = {name for name in node.of if graph.readers(name)[-1] is node}
    result = []
    for option in options:
        layouts = {name: one for name, one in chain.layouts.items() if name not in gone}
        layout = option.placement.layout if isinstance(option, Diagonals) else option.layout
        result.append(_Chain({**layouts, node.name: layout}, {**chain.choices, node.name: option}, chain.cost + option.cost))
    return result


def _affine_options(graph: Graph, node: Affine, chain: _Chain, level: int, price: Prices, *, clean: bool) -> list[Choice]:
    layout = chain.layouts[node.of[0]]
    if not clean and (sums := pooled(node, layout)):
        folds, after = sums
        cost = layout.ciphertexts * sum(affine.fold_rotations(one.terms) for one in folds) * price.rotate(level)
        return [Pooled(folds, after, cost)]
    must_be_clean = clean or any(isinstance(reader, Polynomial) and reader.radius is not None for reader in graph.readers(node.name))
    proposed = list(placements(node, layout))
    others = [chain.layouts[name] for name in _met_by(graph, node) if name in chain.layouts]
    if others:  # what it is added to lies there already
        proposed = [one for one in proposed if all(_met(one.layout, other, node.size) for other in others)] + [in_place(others[0])]
    kept: dict[bytes, Diagonals] = {}
    for placement in proposed:
        if must_be_clean and not placement.layout.clean:
            continue
        worst = max((one.cost for one in kept.values()), default=inf) if len(kept) >= KEPT else inf
        one = affine.diagonals(node, layout, placement, level, price, worst)
        key = placement.layout.table.tobytes()
        if one and one.cost < min(worst, kept[key].cost if key in kept else inf):
            kept[key] = one
            if len(kept) > KEPT:
                del kept[max(kept, key=lambda name: kept[name].cost)]
    return sorted(kept.values(), key=lambda one: one.cost)


def _met_by(graph: Graph, node: Node) -> list[str]:
    """What a layer's result is added to, be it after polynomials, which leave elements where they are."""
    found: list[str] = []
    for reader in graph.readers(node.name):
        if isinstance(reader, Add):
            found += [name for name in reader.of if name != node.name]
        elif isinstance(reader, Polynomial):
            found += _met_by(graph, reader)
    return found


def _met(one: Layout, other: Layout, size: int) -> Layout | None:
    """Where two layouts agree; None where an element is not in the same slot in both."""
    if one.table.shape != other.table.shape:
        return None
    table = np.where(one.table == other.table, one.table, -1)
    if len(np.unique(table[table >= 0])) < size:
        return None
    met = Layout(table, one.grid or other.grid, one.axes or other.axes, (0,), clean=one.clean and other.clean)
    ciphertext, slot = met.first(size)
    element = np.arange(size)
    copies = [q for q in one.copies if q in other.copies and np.array_equal(table[ciphertext, (slot + q) % met.slots], element)]
    return replace(met, copies=tuple(copies) or (0,))


def _best(found: Sequence[_Chain]) -> list[_Chain]:
    """The cheapest, of different layouts."""
    kept: dict[tuple[bytes, ...], _Chain] = {}
    for chain in sorted(found, key=lambda one: one.cost):
        kept.setdefault(tuple(layout.table.tobytes() for layout in chain.layouts.values()), chain)
        if len(kept) >= BEAM:
            break
    return list(kept.values())


def _emitted(graph: Graph, layout: Layout, chain: _Chain) -> Lowered:
    builder = ProgramBuilder(layout.slots)
    refs: dict[str, list[Ref]] = {graph.input.name: [builder.take(index) for index in range(layout.ciphertexts)]}
    layouts: dict[str, Layout] = {graph.input.name: layout}
    scale_of = {graph.input.name: graph.input.name}  # the node whose scale a node's result has
    for node in graph.nodes[1:]:
        builder.layer = node.name
        scale_of[node.name] = node.name
        before = [refs[name] for name in node.of]
        choice = chain.choices[node.name]
        match node, choice:
            case Affine(), Diagonals():
                beside = _added_to(graph, node, refs)
                like, scale = (None, builder.new_scale()) if beside is None else (refs[beside][0], 0)
                refs[node.name] = affine.emit(builder, node, choice, before[0], scale, like)
                scale_of[node.name] = node.name if beside is None else scale_of[beside]
                layouts[node.name] = choice.placement.layout
            case Affine(), Pooled():
                refs[node.name] = [affine.fold(builder, ref, choice.folds) for ref in before[0]]
                scale_of[node.name] = scale_of[node.of[0]]
                layouts[node.name] = choice.layout
            case Polynomial(), Plain():
                refs[node.name] = polynomials.emit(builder, node, layouts[node.of[0]], before[0])
                layouts[node.name] = choice.layout
            case Add(), Plain():
                first, second = before
                if scale_of[node.of[0]] != scale_of[node.of[1]]:  # two products: one is weighed by one, for its scale
                    second = [builder.weigh([(b, np.ones(1))], like=a) for a, b in zip(first, second, strict=True)]
                refs[node.name] = [builder.add([a, b]) for a, b in zip(first, second, strict=True)]
                scale_of[node.name] = scale_of[node.of[0]]
                layouts[node.name] = choice.layout
    after = layouts[graph.output]
    outputs = refs[graph.output]
    if not after.clean:
        scale = builder.new_scale()
        builder.layer = "mask"
        outputs = [builder.weigh([(ref, np.where(after.table[number] >= 0, 1.0, 0.0))], scale=scale) for number, ref in enumerate(outputs)]
    told = {name: describe(one) for name, one in layouts.items()}
    return Lowered(builder.build(outputs), layout, after, chain.cost, told)


def _added_to(graph: Graph, node: Node, refs: Mapping[str, list[Ref]]) -> str | None:
    """What a layer's result will be added to, where that is there already: the layer takes its scale."""
    for reader in graph.readers(node.name):
        if isinstance(reader, Add):
            for name in reader.of:
                if name != node.name and name in refs:
                    return name
    return None


def describe(layout: Layout) -> str:
    """A layout in a line, for the report."""
    grid = " x ".join(f"{axis.extent}@{axis.stride}" for axis in layout.grid)
    axes = " ".join(f"{axis.extent}@{axis.stride}" for axis in layout.axes)
    parts = [f"{layout.ciphertexts} ct", f"grid {grid}" if grid else "", f"axes {axes}" if axes else "", f"{len(layout.copies)} copies"]
    return ", ".join(part for part in parts if part)


def _depth(node: Node) -> int:
    match node:
        case Affine():
            return 0 if node.matrix.nnz and np.all(node.matrix.data == 1) and not np.any(node.bias) else 1
        case Polynomial():
            return polynomials.depth(node)
        case Input() | Add() | Activation():
            return 0
    return 0
