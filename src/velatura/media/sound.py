"""The sound track on its way past the pictures, when a person asked to keep it.

The decoder's child sends it as plain samples, in step with the pictures; the writer encodes it anew. Never are the source's own packets
copied: they may carry what nobody has looked at.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput

__all__ = ["Samples", "SoundQueue"]

_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Samples:
    """`time`: of the first sample, seconds since the clip's start; `values`: (count, channels) int16."""

    time: Fraction
    values: NDArray[np.int16]


class SoundQueue:
    """Samples between reader and writer; one thread puts, one takes.

    Args:
        rate: samples a second.
        channels: 1 or 2.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self._waiting: deque[Samples] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, time: Fraction, samples: bytes) -> None:
        """Take interleaved little-endian samples.

        Raises:
            BadInput: `media.malformed` for half a sample, `media.too-large` when nobody takes them away.
        """
        if len(samples) % (2 * self.channels):
            raise BadInput("media.malformed", "the sound track ends within a sample")
        values: NDArray[Any] = np.frombuffer(samples, "<i2").reshape(-1, self.channels)
        with self._lock:
            self._bytes += values.nbytes
            if self._bytes > _MOST_BYTES:
                raise BadInput("media.too-large", "the sound track runs far ahead of the pictures", hint="leave the sound out")
            self._waiting.append(Samples(time, values.astype(np.int16)))

    def take(self) -> Iterator[Samples]:
        """All that waits, in order."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
        yield from taken
