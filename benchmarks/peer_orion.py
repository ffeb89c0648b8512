"""Runs inside Orion's own environment (`homomorphic_orion`): its modules, its compiler, its scheme. Nothing of velatura is imported.

dense: weights on standard input; a line of JSON for each run, and waits for a line after it. lola: Orion's own network on a random picture.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import orion  # type: ignore[import-not-found]
import orion.nn as on  # type: ignore[import-not-found]
import torch


def settings(log_q: list[int], log_n: int, scale: int) -> dict[str, Any]:
    """Orion's own defaults but for sizes."""
    return {
        "ckks_params": {"LogN": log_n, "LogQ": log_q, "LogP": [log_q[0] + 5], "LogScale": scale, "H": 192, "RingType": "standard"},
        "orion": {"margin": 2, "embedding_method": "hybrid", "backend": "lattigo", "fuse_modules": True, "debug": False, "io_mode": "none"},
    }


class Dense(on.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.first, self.square, self.second = on.Linear(256, 64, bias=False), on.Quad(), on.Linear(64, 10, bias=False)

    def forward(self, x: Any) -> Any:
        return self.second(self.square(self.first(x)))


class Lola(on.Module):  # type: ignore[misc]
    """LoLA (Brutzkus et al., ICML 2019) as Orion's repository has it: a convolution, squares, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one = on.Conv2d(1, 5, kernel_size=2, stride=2, padding=0), on.Quad()
        self.flat, self.dense, self.two = on.Flatten(), on.Linear(980, 100), on.Quad()
        self.last = on.Linear(100, 10)

    def forward(self, x: Any) -> Any:
        return self.last(self.two(self.dense(self.flat(self.one(self.conv(x))))))


def answer(net: Any, x: Any, level: Any, want: Any) -> dict[str, float]:
    ciphertext = orion.encrypt(orion.encode(x, level))
    before = time.process_time()
    made = net(ciphertext)
    seconds = time.process_time() - before
    found = made.decrypt().decode().flatten()[: want.numel()]
    error = float((found.double() - want.double()).abs().max() / want.double().abs().max())
    return {"seconds": seconds, "error": error, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def compiled(net: Any, samples: Any) -> Any:
    orion.fit(net, samples)
    level = orion.compile(net)
    net.he()
    return level


def main(name: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if name == "lola":
        chosen = settings([29, 26, 26, 26, 26, 26], 13, 26)
        chosen["ckks_params"] |= {"LogP": [29, 29], "H": 8192, "RingType": "ConjugateInvariant"}  # as its repository has them
        orion.init_scheme(chosen)
        net = Lola()
        net.eval()
        x = torch.rand(8, 1, 28, 28)
        with torch.no_grad():
            want = net(x)
        level = compiled(net, x)
        answer(net, x[:1], level, want[0])
        print(json.dumps(answer(net, x[:1], level, want[0])), flush=True)
        return
    given = json.loads(sys.stdin.readline())
    orion.init_scheme(settings([40, 34, 34, 34], 13, 34))
    net = Dense()
    net.eval()
    with torch.no_grad():
        net.first.weight.copy_(torch.tensor(given["first"]))
        net.second.weight.copy_(torch.tensor(given["second"]))
    x = torch.tensor(given["x"], dtype=torch.float32)
    with torch.no_grad():
        want = net(x)
    level = compiled(net, x)
    for number in range(len(x)):
        print(json.dumps(answer(net, x[number : number + 1], level, want[number])), flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1])
