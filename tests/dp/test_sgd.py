"""One private step: clipped sums as a loop over rows makes them, noise of the claimed size, batches of the claimed chance."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("opacus")

from velatura.dp.sgd import UNITS, PrivateStep, drawn, made_private  # noqa: E402
from velatura.errors import BadSpec, Withheld  # noqa: E402

KEY = bytes(range(32))


def networks() -> dict[str, object]:
    nn = torch.nn
    torch.manual_seed(0)
    return {
        "dense": nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 5)),
        "conv": nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 5)),
        "plain": nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.Tanh(), nn.Flatten(), nn.Linear(144, 9, bias=False), nn.Tanh(), nn.Linear(9, 5)),
        "norm": nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(36, 5)),
    }


def rows(count: int) -> tuple[object, object]:
    made = np.random.default_rng(1)
    return torch.from_numpy(made.normal(0, 1, (count, 1, 8, 8)).astype(np.float32)), torch.from_numpy(made.integers(0, 5, count))


def one_by_one(network: object, x: object, y: object, clip: float) -> np.ndarray:
    """The definition: a gradient for each row, shortened, added up."""
    total = 0.0
    for index in range(len(y)):
        network.zero_grad()
        torch.nn.functional.cross_entropy(network(x[index : index + 1]), y[index : index + 1]).backward()
        flat = np.concatenate([one.grad.numpy().astype(np.float64).ravel() for one in network.parameters()])
        total = total + flat * min(1.0, clip / np.linalg.norm(flat))
    return total


@pytest.mark.parametrize("name", ["dense", "conv", "plain", "norm"])
@pytest.mark.parametrize("clip", [0.1, 100.0])
def test_sums_are_those_of_a_loop_over_rows(name: str, clip: float) -> None:
    network, _ = made_private(networks()[name])
    x, y = rows(600)  # more than are in memory at once
    wanted = one_by_one(network, x, y, clip)
    with PrivateStep(network, clip=clip, noise=1.0, expected=1.0, secret=KEY) as step:
        told = step.sums(x, y) * clip / UNITS
    assert np.abs(told - wanted).max() < 1e-4 * max(np.abs(wanted).max(), clip)


def test_no_row_moves_a_sum_by_more_than_the_norm() -> None:
    network, _ = made_private(networks()["norm"])
    x, y = rows(20)
    with PrivateStep(network, clip=0.5, noise=1.0, expected=1.0, secret=KEY) as step:
        all_, without = step.sums(x, y), step.sums(x[1:], y[1:])
    assert 0 < np.linalg.norm(all_ - without) <= UNITS + np.sqrt(all_.size)


def test_noise_has_the_claimed_size_and_is_of_the_sum() -> None:
    network, _ = made_private(networks()["dense"])
    size = sum(one.numel() for one in network.parameters())
    total = np.zeros(size, np.int64)

    def released(name: str, values: np.ndarray) -> np.ndarray:
        with PrivateStep(network, clip=0.5, noise=3.0, expected=8.0, secret=KEY) as step:
            step.release(name, values, lambda _: None)
        return np.concatenate([one.grad.numpy().ravel() for one in network.parameters()])

    first = released("a", total)
    assert abs(first.std() / (3.0 * 0.5 / 8) - 1) < 5 / np.sqrt(2 * size) and abs(first.mean()) < 5 * 3 * 0.5 / 8 / np.sqrt(size)
    assert np.array_equal(first, released("a", total)), "the same sum, the same noise"
    moved = total.copy()
    moved[0] = 1
    for other in (released("b", total), released("a", moved)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(size), "another name or sum, other noise"


def test_what_is_not_paid_for_is_not_released() -> None:
    network, _ = made_private(networks()["dense"])
    told: list[str] = []

    def broke(key: str) -> None:
        told.append(key)
        raise Withheld("dp.budget", "spent")

    with PrivateStep(network, clip=0.5, noise=3.0, expected=8.0, secret=KEY) as step:
        total = step.sums(*rows(8))
        network.zero_grad()
        with pytest.raises(Withheld, match="spent"):
            step.release("a", total, broke)
    assert told == [f"a {hashlib.sha256(total.tobytes()).hexdigest()}"]
    assert all(one.grad is None for one in network.parameters())


def test_each_row_is_drawn_by_itself() -> None:
    counts, rounds = np.zeros(500), 400
    sizes = []
    for number in range(rounds):
        chosen = drawn(500, 0.3, hashlib.sha256(str(number).encode()).digest())
        counts[chosen] += 1
        sizes.append(len(chosen))
    assert abs(np.mean(sizes) - 150) < 5 * np.sqrt(500 * 0.21 / rounds)
    assert 0.7 < np.var(sizes) / (500 * 0.3 * 0.7) < 1.4, "sizes vary as they should"
    assert abs(counts / rounds - 0.3).max() < 5 * np.sqrt(0.21 / rounds)
    assert len(drawn(500, 1.0, KEY)) == 500 and len(drawn(0, 0.5, KEY)) == 0


def test_what_mixes_rows_is_swapped_and_said() -> None:
    _network, said = made_private(networks()["norm"])
    assert said == ["1: BatchNorm2d is GroupNorm here"]
    assert made_private(networks()["dense"])[1] == []


def test_layers_without_a_private_form_are_refused() -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Linear(4, 4)
            self.two = torch.nn.Linear(4, 4)
            self.two.weight = self.one.weight

    for network in (Tied(), torch.nn.Sequential(torch.nn.InstanceNorm1d(4, affine=True, track_running_stats=True))):
        with pytest.raises(BadSpec, match=r"dp\.network"):
            made_private(network)


WRITES = {
    "a write that torch counts": lambda own, x: own.seen.add_(x.detach().mean()),
    "a write past torch's count": lambda own, x: own.seen.data.add_(x.detach().mean()),
    "a write by NumPy": lambda own, x: own.seen.numpy().__iadd__(float(x.mean())),
    "a buffer outside the state": lambda own, x: own.unsaved.add_(x.detach().mean()),
    "another buffer": lambda own, x: setattr(own, "seen", x.detach()[0, :3].clone()),
    "one of another shape": lambda own, x: setattr(own, "seen", x.detach()[0, :2].clone()),
    "one more": lambda own, x: own.register_buffer("late", torch.zeros(1)),
    "one less": lambda own, x: own.__delattr__("seen"),
    "a weight": lambda own, x: own.out.weight.data.mul_(0.5),
    "not a number": lambda own, x: own.seen.fill_(float("nan")),
}


class Writes(torch.nn.Module):
    def __init__(self, write: object, after: int) -> None:
        super().__init__()
        self.out, self.write, self.left = torch.nn.Linear(64, 5), write, after
        self.register_buffer("seen", torch.zeros(3))
        self.register_buffer("unsaved", torch.zeros(3), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        if self.left < 0:
            self.write(x.flatten(1))  # type: ignore[operator]
        told: torch.Tensor = self.out(x.flatten(1))
        return told


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("how", WRITES)
def test_a_network_that_writes_into_what_it_holds_is_refused_in_that_step(how: str, after: int) -> None:
    network = Writes(lambda x: None, after)
    network.write = lambda x: WRITES[how](network, x)
    with PrivateStep(network, clip=1.0, noise=1.0, expected=8.0, secret=KEY) as step:
        for _ in range(after):
            step.release("honest", step.sums(*rows(8)), lambda _: None)
        with pytest.raises(BadSpec, match=r"changes as the network is used.*\[dp\.network\]"):
            step.sums(*rows(8))


def test_weights_that_the_optimiser_moved_are_not_taken_for_it() -> None:
    network = Writes(lambda x: None, 99)
    optimizer = torch.optim.SGD(network.parameters(), 0.5)
    with PrivateStep(network, clip=1.0, noise=1.0, expected=8.0, secret=KEY) as step:
        for number in range(3):
            step.release(str(number), step.sums(*rows(8)), lambda _: None)
            optimizer.step()
            network.seen += 1  # between steps, by whoever holds the loop


def test_a_row_whose_gradient_is_no_number_is_not_released_as_one() -> None:
    """NaN as an integer is the least of them, in every coordinate: far more than one row may change."""
    network, _ = made_private(networks()["dense"])
    x, y = rows(8)
    x[3] = 3e38
    network[1].weight.data.fill_(10.0)
    with PrivateStep(network, clip=1.0, noise=1.0, expected=8.0, secret=KEY) as step, pytest.raises(BadSpec, match=r"not finite.*\[dp\.network\]"):
        step.sums(x, y)
