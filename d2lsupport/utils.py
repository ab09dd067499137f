"""Small aids of the training loops: a running sum, a stopwatch, evaluation without traces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from d2lsupport import _checks


class Accumulator:
    """Running sums of `n` quantities.

    >>> metric = Accumulator(2)
    >>> metric.add(3, 10)
    >>> metric.add(4, 10)
    >>> metric[0] / metric[1]
    0.35
    """

    def __init__(self, n: int) -> None:
        _checks.positive_int("n", n)
        self.data = [0.0] * n

    def add(self, *args: Any) -> None:
        """Add one number (or one-element tensor) to each sum.

        Raises:
            ValueError, TypeError: if there are not exactly `n` numbers.
        """
        if len(args) != len(self.data):
            raise ValueError(f"expected {len(self.data)} numbers, got {len(args)}")
        self.data = [a + _checks.number("what is added", b) for a, b in zip(self.data, args)]

    def reset(self) -> None:
        """Set all sums back to zero."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, idx: int) -> float:
        return self.data[idx]


class Timer:
    """A stopwatch that keeps the length of every interval, in seconds. It starts when made."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Start a new interval."""
        self.tik = time.perf_counter()

    def stop(self) -> float:
        """End the interval, record its length and return it (seconds)."""
        self.times.append(time.perf_counter() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        """Mean length of the recorded intervals (seconds).

        Raises:
            ValueError: if none was recorded.
        """
        if not self.times:
            raise ValueError("no interval recorded yet: call stop() first")
        return sum(self.times) / len(self.times)

    def sum(self) -> float:
        """Total length of the recorded intervals (seconds)."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Running totals of the recorded intervals (seconds)."""
        return [sum(self.times[: i + 1]) for i in range(len(self.times))]


@contextmanager
def evaluation(net: Any) -> Iterator[None]:
    """No gradients, and a module in evaluation mode; each of its parts is given back as it was."""
    modes = [(m, m.training) for m in net.modules()] if isinstance(net, torch.nn.Module) else []
    try:
        if modes:
            net.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
