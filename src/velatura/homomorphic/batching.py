"""The batch layout: a ciphertext for each element, a slot for each sample (CryptoNets, Gilad-Bachrach et al., ICML 2016).

No rotations and no rotation keys; weights are single numbers, and those that are zero cost nothing. A batch costs the same however full it is.
"""

from __future__ import annotations

import numpy as np

from velatura.homomorphic import polynomials
from velatura.homomorphic.graph import Add, Affine, Graph, Polynomial
from velatura.homomorphic.layout import Layout
from velatura.homomorphic.program import Program, ProgramBuilder, Ref

__all__ = ["batched"]


def batched(graph: Graph, slots: int) -> Program:
    """The program over one ciphertext for each input element, in their order; one for each output element comes out."""
    builder = ProgramBuilder(slots)
    refs: dict[str, list[Ref]] = {graph.input.name: [builder.take(index) for index in range(graph.input.size)]}
    for node in graph.nodes[1:]:
        builder.layer = node.name
        before = refs[node.of[0]]
        match node:
            case Affine():
                scale = builder.new_scale()
                like = next((refs[name][0] for one in graph.readers(node.name) if isinstance(one, Add) for name in one.of if name in refs), None)
                refs[node.name] = [_row(builder, node, row, before, scale, like) for row in range(node.size)]
            case Polynomial():
                everywhere = Layout(np.zeros((1, slots), np.int32), clean=True)
                made = []
                for number, ref in enumerate(before):
                    own = node.coefficients if node.coefficients.shape[1] == 1 else node.coefficients[:, number : number + 1]
                    made += polynomials.emit(builder, Polynomial(node.name, node.of, (1,), own, node.radius), everywhere, [ref])
                refs[node.name] = made
            case Add():
                other = [builder.weigh([(b, np.ones(1))], like=a) for a, b in zip(before, refs[node.of[1]], strict=True)]
                refs[node.name] = [builder.add([a, b]) for a, b in zip(before, other, strict=True)]
    return builder.build(refs[graph.output])


def _row(builder: ProgramBuilder, node: Affine, row: int, before: list[Ref], scale: int, like: Ref | None) -> Ref:
    start, stop = node.matrix.indptr[row], node.matrix.indptr[row + 1]
    terms = [
        (before[column], np.array([weight])) for column, weight in zip(node.matrix.indices[start:stop], node.matrix.data[start:stop], strict=True)
    ]
    if not terms:  # a bias alone: no engine weighs by nothing
        terms = [(before[0], np.array([polynomials.TINY]))]
    return builder.shift(builder.weigh(terms, scale=scale, like=like), node.bias[row : row + 1])
