"""Time d2lsupport beside a bare loop and beside the usual loader, on real Fashion-MNIST.

    python benchmarks/side_by_side.py [-n ROUNDS] [PART ...]

Each measurement runs in a process of its own, the competitors of a row in turn. What counts is the
CPU time of the process and its workers, so that a busy machine disturbs little. A ratio is the
median over the rounds of the ratios within a round. "usual" is the loader of many tutorials: a
data set of torchvision that decodes one image at a time, `ToTensor`, and a DataLoader.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings

BATCH = 256


def cpu():
    """Seconds of CPU that this process and its ended workers have used."""
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + workers.ru_utime + workers.ru_stime


def model():
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    loss = nn.CrossEntropyLoss(reduction="none")
    return net, loss, torch.optim.SGD(net.parameters(), lr=0.1)


def scratch():
    import torch

    import d2lsupport as d2l

    W, b = torch.normal(0, 0.01, (784, 10), requires_grad=True), torch.zeros(10, requires_grad=True)

    def net(X):
        return d2l.softmax(X.reshape(-1, 784) @ W + b)

    return net, d2l.cross_entropy, lambda n: d2l.sgd([W, b], 0.1, n)


# The competitors without d2lsupport


def usual_loaders(workers=0, resize=None):
    import d2lsupport as d2l  # for the data alone; and so that torchvision can be imported

    root = d2l.ensure_fashion_mnist()
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import FashionMNIST

    warnings.simplefilter("ignore")  # more workers than cores
    steps = [transforms.Resize(resize)] if resize else []
    transform = transforms.Compose([*steps, transforms.ToTensor()])
    return [
        DataLoader(FashionMNIST(root, train, transform), BATCH, shuffle=train, num_workers=workers)
        for train in (True, False)
    ]


def usual_accuracy(net, data_iter):
    import torch

    right = count = 0
    net.eval()
    with torch.no_grad():
        for X, y in data_iter:
            right += float((net(X).argmax(1) == y).sum())
            count += len(y)
    return right / count


def usual_epoch(net, train_iter, loss, trainer):
    total = right = count = 0
    net.train()
    for X, y in train_iter:
        y_hat = net(X)
        l = loss(y_hat, y)
        trainer.zero_grad()
        l.mean().backward()
        trainer.step()
        total += float(l.detach().sum())
        right += float((y_hat.argmax(1) == y).sum())
        count += len(y)
    return total / count, right / count


def bare_epoch(images, labels, net, loss, trainer):
    """Forward, backward, step: no sums, no accuracy, images ready as float32."""
    import torch

    for rows in torch.randperm(len(images)).split(BATCH):
        l = loss(net(images.index_select(0, rows)), labels.index_select(0, rows))
        trainer.zero_grad()
        l.mean().backward()
        trainer.step()


# What is timed: each function prepares, and returns the work


def epoch_bare():
    import d2lsupport as d2l

    files = d2l.load_data_fashion_mnist(BATCH)[0].dataset
    images, labels, parts = files.images.unsqueeze(1) / 255, files.targets, model()
    return lambda: bare_epoch(images, labels, *parts)


def epoch_ours(parts=model):
    import d2lsupport as d2l

    train_iter, (net, loss, updater) = d2l.load_data_fashion_mnist(BATCH)[0], parts()
    return lambda: d2l.train_epoch_ch3(net, train_iter, loss, updater)


def train_ours(parts=model, epochs=1):
    import d2lsupport as d2l

    loaders, (net, loss, updater) = d2l.load_data_fashion_mnist(BATCH), parts()
    return lambda: d2l.train_ch3(net, *loaders, loss, epochs, updater)


def train_usual(workers=0, epochs=1):
    (train_iter, test_iter), parts = usual_loaders(workers), model()

    def work():
        for _ in range(epochs):
            usual_epoch(parts[0], train_iter, *parts[1:])
            usual_accuracy(parts[0], test_iter)

    return work


def evaluate_ours():
    import d2lsupport as d2l

    test_iter, net = d2l.load_data_fashion_mnist(BATCH)[1], model()[0]
    return lambda: d2l.evaluate_accuracy(net, test_iter)


def evaluate_usual():
    test_iter, net = usual_loaders()[1], model()[0]
    return lambda: usual_accuracy(net, test_iter)


def read_ours(resize=None):
    import d2lsupport as d2l

    test_iter = d2l.load_data_fashion_mnist(BATCH, resize)[1]
    return lambda: [None for _ in test_iter]


def read_usual(resize=None):
    test_iter = usual_loaders(resize=resize)[1]
    return lambda: [None for _ in test_iter]


def linear(kind):
    """Three epochs of linear regression on 1,000 examples in batches of 10."""
    import torch
    from torch import nn
    from torch.utils import data

    import d2lsupport as d2l

    X, y = d2l.synthetic_data(torch.tensor([2, -3.4]), 4.2, 1000)
    batches = {
        "ready": lambda: list(zip(X.split(10), y.split(10))),
        "ours": lambda: d2l.load_array((X, y), 10),
        "usual": lambda: data.DataLoader(data.TensorDataset(X, y), 10, shuffle=True),
    }[kind]()
    net, loss = nn.Linear(2, 1), nn.MSELoss()
    trainer = torch.optim.SGD(net.parameters(), lr=0.03)

    def work():
        for _ in range(3):
            for X, y in batches:
                l = loss(net(X), y)
                trainer.zero_grad()
                l.backward()
                trainer.step()

    return work


def imports(name):
    return lambda: __import__(name)


# part: competitor -> (what prepares the work, times it is repeated in a process); ratios are to the
# first, goals are the largest ratio, or with a minus the smallest, or megabytes.
REPEATED, ONCE, WHOLE = 9, 1, 0  # WHOLE: the process from its start
PARTS = {
    "import": {
        "import torch": (lambda: imports("torch"), WHOLE, None),
        "import d2lsupport": (lambda: imports("d2lsupport"), WHOLE, 1.1),
    },
    "epoch": {
        "bare loop": (epoch_bare, REPEATED, None),
        "train_epoch_ch3, concise": (epoch_ours, REPEATED, 1.2),
        "train_epoch_ch3, scratch": (lambda: epoch_ours(scratch), REPEATED, None),
    },
    "epoch and evaluation": {
        "train_ch3, concise": (train_ours, REPEATED, None),
        "train_ch3, scratch": (lambda: train_ours(scratch), REPEATED, None),
        "usual, 0 workers": (train_usual, ONCE, -12),
        "usual, 4 workers": (lambda: train_usual(4), ONCE, None),
    },
    "evaluation": {
        "evaluate_accuracy": (evaluate_ours, REPEATED, None),
        "usual": (evaluate_usual, ONCE, -30),
    },
    "reading 10,000 images": {
        "load_data_fashion_mnist": (read_ours, REPEATED, None),
        "usual": (read_usual, ONCE, None),
    },
    "the same with resize=64": {
        "load_data_fashion_mnist": (lambda: read_ours(64), ONCE, None),
        "usual": (lambda: read_usual(64), ONCE, -5),
    },
    "linear regression": {
        "ready-made batches": (lambda: linear("ready"), REPEATED, None),
        "load_array": (lambda: linear("ours"), REPEATED, 1.15),
        "usual": (lambda: linear("usual"), REPEATED, None),
    },
    "10 epochs, whole process": {
        "usual, 0 workers": (lambda: train_usual(epochs=10), WHOLE, None),
        "train_ch3": (lambda: train_ours(epochs=10), WHOLE, 0.2),
    },
}
MEMORY = 420  # MB, of train_ch3 as a whole process


def measure(part, name):
    """In a process of its own: seconds of CPU (median), and megabytes at the peak."""
    prepare, times, _ = PARTS[part][name]
    work = prepare()
    if times != WHOLE:
        import torch

        torch.set_num_threads(1)
        work()  # once to warm up
    seconds = []
    for _ in range(times or 1):
        start = cpu() if times else 0
        work()
        seconds.append(cpu() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(statistics.median(seconds), peak / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("-n", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return measure(*arguments.measure)
    missed = []
    print(f"{'':27} {'CPU s':>8} {'ratio':>7} {'spread':>13} {'goal':>7} {'MB':>5}")
    for part in arguments.parts or PARTS:
        print(part, flush=True)
        rounds = []
        for _ in range(arguments.n):
            results = {}
            for name in PARTS[part]:
                command = [sys.executable, __file__, "--measure", part, name]
                environment = os.environ | {"OMP_NUM_THREADS": "1"}
                output = subprocess.run(
                    command, env=environment, check=True, stdout=subprocess.PIPE, text=True
                ).stdout
                results[name] = [float(number) for number in output.split()]
            rounds.append(results)
        first = next(iter(PARTS[part]))
        for name, (_, _, goal) in PARTS[part].items():
            seconds = statistics.median(results[name][0] for results in rounds)
            ratios = sorted(results[name][0] / results[first][0] for results in rounds)
            ratio, peak = statistics.median(ratios), max(results[name][1] for results in rounds)
            bound = "" if goal is None else f"<= {goal}" if goal > 0 else f">= {-goal}"
            if goal is not None and (ratio > goal if goal > 0 else ratio < -goal):
                missed.append(f"{part}, {name}: {ratio:.2f}")
            if part.startswith("10 epochs") and name == "train_ch3" and peak > MEMORY:
                missed.append(f"{part}, {name}: {peak:.0f} MB, the goal is {MEMORY}")
            spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}"
            print(f"  {name:25} {seconds:8.4f} {ratio:7.2f} {spread:>13} {bound:>7} {peak:5.0f}")
    print("missed: " + "; ".join(missed) if missed else "every goal is reached")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
