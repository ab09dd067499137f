"""Guards shared by the public functions: each names what was given and what was expected.

They look at shapes, types and counts only, so they cost microseconds;
nothing here reads the values of a large tensor.
"""

from __future__ import annotations

import math
from typing import Any

import torch


def tensor(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a tensor."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")


def positive_int(name: str, value: Any) -> None:
    """Raise unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def learning_rate(lr: Any) -> None:
    """Raise unless `lr` is a finite number of at least 0."""
    try:
        value = float(lr)
    except (TypeError, ValueError):
        raise TypeError(f"lr must be a number, got {lr!r} ({type(lr).__name__})") from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"lr must be finite and not negative, got {value}")


def same_length(**tensors: Any) -> None:
    """Raise unless all arguments have equally many rows, and at least one."""
    lengths = {name: len(value) for name, value in tensors.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected one row for each example in all of them, got {lengths} rows")
    if 0 in lengths.values():
        raise ValueError(f"{' and '.join(lengths)} hold no examples")


def class_indices(y_hat: torch.Tensor, y: torch.Tensor) -> None:
    """Raise unless `y` (n,) holds integer labels for the rows of `y_hat` (n, q), 0 to q - 1."""
    tensor("y_hat", y_hat)
    tensor("y", y)
    if y_hat.ndim != 2:
        raise ValueError(f"y_hat must have shape (n, q), got {tuple(y_hat.shape)}")
    if y.ndim != 1 or len(y) != len(y_hat):
        raise ValueError(
            f"y must have shape ({len(y_hat)},), one class index for each row of y_hat, "
            f"got {tuple(y.shape)}"
        )
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise TypeError(f"y must hold integer class indices, got {y.dtype}")
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < y_hat.shape[1]:
        raise ValueError(
            f"labels must lie in 0..{y_hat.shape[1] - 1}, got {int(y.min())}..{int(y.max())}"
        )


def loss_per_example(l: torch.Tensor, y: torch.Tensor) -> None:
    """Raise where `l` is one number for a batch of several examples."""
    if l.numel() == 1 and len(y) > 1:
        raise ValueError(
            f"the loss returned one number for {len(y)} examples; it must return one for each: "
            "use reduction='none'"
        )


def finite(name: str, value: float, hint: str) -> None:
    """Raise where `value` is nan or infinite."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}: {hint}")
