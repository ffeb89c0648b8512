"""The job that runs inside: a small network on digits, under differential privacy. It sees the rows; only what job.toml declares leaves.

Every row takes part in a step by itself (Poisson), its gradient is cut to a length, and noise is added to the sum: that is what epsilon is reckoned
from, outside, from the same numbers. The accuracy is over rows that no step saw: epsilon does not cover it, and job.toml bounds it to 6.7 bits.
"""

import os

import torch

from velatura.dp.sgd import PrivateStep, drawn


def run(inputs, outputs, config):
    digits = inputs["digits"]
    pixels = torch.tensor(digits["x"], dtype=torch.float32) / 16.0
    labels = torch.tensor(digits["y"], dtype=torch.long)
    held_out = len(labels) // 5
    rows, test = slice(held_out, None), slice(0, held_out)

    network = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
    optimiser = torch.optim.SGD(network.parameters(), lr=config["lr"])
    count = len(labels) - held_out
    sampling, noise, steps = config["sampling"], config["noise"], config["steps"]
    with PrivateStep(network, clip=config["clip"], noise=noise, expected=sampling * count, secret=os.urandom(32)) as step:
        for number in range(steps):
            chosen = torch.tensor(drawn(count, sampling, os.urandom(32)))
            total = step.sums(pixels[rows][chosen], labels[rows][chosen])
            step.release(f"step {number}", total, lambda name: None)
            optimiser.step()

    with torch.no_grad():
        right = (network(pixels[test]).argmax(dim=1) == labels[test]).float().mean()
    outputs.put("metrics", {"accuracy": float(right)}, rows=held_out)
    outputs.put("model", network.state_dict(), privacy={"noise": noise, "sampling": sampling, "steps": steps})
