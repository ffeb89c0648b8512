"""Convolutions and poolings as matrices agree with torch, window by window."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from velatura.homomorphic.window_layers import Windows, averaging, convolution

torch = pytest.importorskip("torch")

CASES = [
    (size, kernel, stride, pad)
    for size, kernel, stride, pad in product([(7, 9), (8, 5)], [(1, 1), (2, 3), (3, 3)], [(1, 1), (2, 3), (3, 1)], [(0, 0), (1, 1)])
    if all(2 * p <= k for p, k in zip(pad, kernel, strict=True))
]


@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), CASES)
@pytest.mark.parametrize("ceiling", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_means_are_torchs(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], *, ceiling: bool, counted: bool
) -> None:
    x = np.random.default_rng(0).normal(0, 1, (2, *size))
    want = torch.nn.functional.avg_pool2d(torch.tensor(x)[None], kernel, stride, pad, ceiling, counted)[0].numpy()
    windows = Windows(size, kernel, stride, pads=(pad, pad), ceiling=ceiling)
    assert windows.out == want.shape[1:]
    np.testing.assert_allclose(averaging(windows, 2, count_padding=counted) @ x.ravel(), want.ravel(), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_convolutions_are_torchs_also_with_pads_that_differ(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    each, out = int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    kernel, stride, dilation, before, after = (tuple(int(n) for n in rng.integers(low, 4, 2)) for low in (1, 1, 1, 0, 0))
    size = tuple(int(n) for n in rng.integers(8, 12, 2))
    x, weights = rng.normal(0, 1, (groups * each, *size)), rng.normal(0, 1, (out, each, *kernel))
    padded = np.pad(x, [(0, 0), (before[0], after[0]), (before[1], after[1])])
    want = torch.nn.functional.conv2d(torch.tensor(padded)[None], torch.tensor(weights), None, stride, 0, dilation, groups)[0].numpy()
    windows = Windows(size, kernel, stride, dilation, (before, after))  # type: ignore[arg-type]
    assert windows.out == want.shape[1:]
    np.testing.assert_allclose(convolution(windows, weights, groups) @ x.ravel(), want.ravel(), atol=1e-12)
