"""Several processes train as one does: the script that chapter 8 prints, run by torchrun."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import d2lsupport as d2l
from chapters import ROOT, code_cells


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    cells = code_cells(ROOT / "chapters" / "08-when-one-machine-is-not-enough.md")
    parts = [cell.source.split("\n", 1) for cell in cells]
    path = tmp_path_factory.mktemp("parallel") / "parallel.py"
    path.write_text("".join(part[1] for part in parts if part[0].startswith("%%writefile")))
    return path


@pytest.fixture(scope="module")
def alone():
    """Both models trained by plain code, without torch.distributed."""
    linear = nn.Linear(2, 1)
    torch.manual_seed(1)
    data = d2l.synthetic_data(torch.tensor([2, -3.4]), 4.2, 1000)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    trainer = torch.optim.SGD(linear.parameters(), lr=0.03)
    for _ in range(3):
        for X, y in d2l.load_array(data, 10):
            trainer.zero_grad()
            (nn.functional.mse_loss(linear(X), y) / 2).backward()
            trainer.step()
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    train_iter, test_iter = d2l.load_data_fashion_mnist(256)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        for X, y in train_iter:
            trainer.zero_grad()
            nn.functional.cross_entropy(net(X), y).backward()
            trainer.step()
        d2l.evaluate_accuracy(net, test_iter)  # draws from the generator, as train_ch3 does
    return {"linear": [linear.weight.T, linear.bias], "softmax": list(net.parameters())}


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_parameters_are_those_of_plain_training(processes, script, alone):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc_per_node={processes}", script.name]
    root = str(d2l.ensure_fashion_mnist().resolve())
    done = subprocess.run(
        command,
        cwd=script.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1", "D2L_DATA": root},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    results = torch.load(script.parent / f"results-{processes}.pt", weights_only=True)
    for name, params in alone.items():
        for p, q in zip(params, results[name], strict=True):
            torch.testing.assert_close(p.detach(), q, rtol=0, atol=1e-6)
            assert q.abs().max() > 0.1
