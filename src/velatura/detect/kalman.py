"""Where boxes will be: a constant-velocity Kalman filter for each coordinate of each box, all boxes of a label at once.

A box is its centre (x, y) in pixels and the logarithms of its width and height; time is in seconds; noise is in units of the box. The four
coordinates of a box are filtered independently, each with a 2x2 covariance (position, speed), so that everything is elementwise.
Limit: straight motion; a face that turns on the spot within a gap is caught by the growth of what is hidden, not by the filter.
Source: Bar-Shalom, Li, Kirubarajan 2001, section 6.2.2 (continuous white noise acceleration); sizes decay as in ByteTrack's practice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.settings import TrackSettings

__all__ = ["Floats", "Motion", "to_boxes", "to_states", "unit"]

Floats = NDArray[np.float64]


def to_states(boxes: Floats) -> Floats:
    """(..., 4) corners -> centre x, centre y, log width, log height; sides below one pixel count as one."""
    sides = np.maximum(boxes[..., 2:4] - boxes[..., :2], 1.0)
    return np.concatenate([(boxes[..., :2] + boxes[..., 2:4]) / 2, np.log(sides)], axis=-1)


def to_boxes(states: Floats) -> Floats:
    """The reverse of `to_states`; sides are kept between one pixel and what a picture can hold."""
    half = np.exp(_bounded(states[..., 2:4])) / 2
    return np.concatenate([states[..., :2] - half, states[..., :2] + half], axis=-1)


def unit(states: Floats) -> Floats:
    """(...,): the length that noise, gates and growth are measured in: the height, or the root of the area of a wide box."""
    side = np.maximum(states[..., 3], (states[..., 2] + states[..., 3]) / 2)
    return np.asarray(np.exp(_bounded(side)), dtype=np.float64)


def _bounded(logarithms: Floats) -> Floats:
    """`np.clip` of numpy costs four times as much on a few values, and this runs at every look."""
    return np.asarray(np.minimum(np.maximum(logarithms, 0.0), 12.0))


class Motion:
    """The filters of n boxes. Arrays are (n, 4): `at` (estimate), `speed`, and the covariance `pp`, `pv`, `vv` of each coordinate."""

    __slots__ = ("_settings", "at", "pp", "pv", "speed", "vv")

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self.at, self.speed, self.pp, self.pv, self.vv = (np.zeros((0, 4)) for _ in range(5))

    def __len__(self) -> int:
        return len(self.at)

    def begin(self, states: Floats) -> None:
        """Append filters that start at measured states (k, 4), at rest, with unknown speed."""
        speed = np.empty_like(states)
        speed[:, :2] = ((self._settings.first_speed * unit(states)) ** 2)[:, None]
        speed[:, 2:] = 0.25
        nothing = np.zeros_like(states)
        for name, more in (("at", states), ("speed", nothing), ("pp", self._measured(states)), ("pv", nothing), ("vv", speed)):
            setattr(self, name, np.concatenate([getattr(self, name), more]))

    def keep(self, rows: Sequence[int] | NDArray[np.intp]) -> None:
        """Forget all filters but these."""
        for name in ("at", "speed", "pp", "pv", "vv"):
            setattr(self, name, getattr(self, name)[rows])

    def predict(self, dt: float) -> None:
        """Carry every filter `dt` seconds on."""
        if not len(self):
            return
        s = self._settings
        noise = np.empty_like(self.at)
        noise[:, :2] = ((s.sigma_acceleration * unit(self.at)) ** 2)[:, None]
        noise[:, 2:] = s.sigma_growth**2
        self.at = self.at + self.speed * dt
        self.speed[:, 2:] *= np.exp(-dt / s.size_memory_s)
        self.pp = self.pp + 2 * dt * self.pv + dt * dt * self.vv + noise * dt**3 / 3
        self.pv = self.pv + dt * self.vv + noise * dt * dt / 2
        self.vv = self.vv + noise * dt

    def correct(self, rows: Sequence[int], states: Floats) -> None:
        """Measured states (k, 4) of the filters `rows`."""
        at = np.asarray(rows, dtype=np.intp)
        pp, pv = self.pp[at], self.pv[at]
        spread = pp + self._measured(states)
        gain, gain_speed, off = pp / spread, pv / spread, states - self.at[at]
        self.at[at] += gain * off
        self.speed[at] += gain_speed * off
        self.vv[at] -= gain_speed * pv
        self.pv[at] = (1 - gain) * pv
        self.pp[at] = (1 - gain) * pp

    def deviation(self) -> Floats:
        """(n,): standard deviation of the predicted centre, in pixels."""
        return np.asarray(np.sqrt((self.pp[:, 0] + self.pp[:, 1]) / 2), dtype=np.float64)

    def _measured(self, states: Floats) -> Floats:
        s = self._settings
        noise = np.empty_like(states)
        noise[:, :2] = ((s.sigma_box * unit(states)) ** 2)[:, None]
        noise[:, 2:] = s.sigma_size**2
        return noise
