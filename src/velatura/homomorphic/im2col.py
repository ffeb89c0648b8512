"""The first convolution's windows, laid out by the client before he encrypts: each element as often as a window holds it.

The input's elements become (tap, window) pairs, and the convolution a matrix over these; all else sees an ordinary graph. Named after the
transformation that turns a convolution into a product of matrices (Chellapilla et al. 2006).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.graph import Affine, Graph, Input

__all__ = ["windowed"]

Numbers: TypeAlias = NDArray[np.int64]


def windowed(graph: Graph) -> tuple[Graph, Numbers] | None:
    """The graph over (tap, window) pairs, and for each pair the element that it holds, -1 outside the picture: (taps, windows).

    None where the input is read by anything else than one layer of windows, or where taps and windows would be many times the picture.
    """
    from scipy.sparse import csr_array

    readers = graph.readers(graph.input.name)
    if len(readers) != 1 or not isinstance(node := readers[0], Affine) or node.stride is None or len(graph.input.shape) != len(node.shape):
        return None
    width = graph.input.shape[-1]
    count = int(np.prod(node.shape[1:], dtype=np.int64))
    rows = np.repeat(np.arange(node.size), np.diff(node.matrix.indptr))
    window = rows % count
    columns = node.matrix.indices
    beginning = window // node.shape[-1] * node.stride[0] * width + window % node.shape[-1] * node.stride[1]
    taps, tap = np.unique(columns - beginning, return_inverse=True)
    if len(taps) * count > 64 * graph.input.size:
        return None
    elements = np.full((len(taps), count), -1, np.int64)
    elements[tap, window] = columns
    matrix = csr_array((node.matrix.data, (rows, tap * count + window)), shape=(node.size, len(taps) * count))
    matrix.sort_indices()
    pairs = Input(graph.input.name, (), (len(taps), count))
    return Graph((pairs, *(replace(one, matrix=matrix) if one is node else one for one in graph.nodes[1:])), graph.output), elements
