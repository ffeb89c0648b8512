"""Steps are torch's own, bit by bit, and do not load its compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest

from velatura.federated.descent import Descent
from velatura.federated.job import Training

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.0), (0.0, 0.01), (0.9, 0.01)])
def test_the_bits_are_those_of_torch(momentum: float, weight_decay: float) -> None:
    how = Training(lr=0.3, momentum=momentum, weight_decay=weight_decay)
    ours, theirs = _network(), _network()
    descent = Descent(ours.parameters(), how)
    peer = torch.optim.SGD(theirs.parameters(), how.lr, momentum=momentum, weight_decay=weight_decay)
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    for round_ in range(4):
        for network, forget in ((ours, descent.forget), (theirs, peer.zero_grad)):
            forget()
            if round_ == 2:
                network[0](x).square().mean().backward()  # the last layer has no gradient
            else:
                network(x).square().mean().backward()
        descent.step()
        peer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other) and not torch.equal(mine, torch.zeros_like(mine))


def test_a_run_leaves_the_compiler_and_scikit_learn_out() -> None:
    """They are 3 s of each process that trains."""
    code = (
        "import sys; from pathlib import Path; from velatura.federated.job import Training; from velatura.federated.loading import load\n"
        "from velatura.federated.training import trained; import torch\n"
        "network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))\n"
        "trained(network, load('digits', base=Path('.')), Training(epochs=1), seed=1)\n"
        "print(sorted({'torch._dynamo', 'sklearn', 'scipy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def _network() -> torch.nn.Sequential:
    generator = torch.Generator().manual_seed(7)
    network = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    with torch.no_grad():
        for one in network.parameters():
            one.copy_(torch.randn(one.shape, generator=generator))
    return network
