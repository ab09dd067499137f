"""Guards shared by the public functions: each names what was given and what was expected.

They look at shapes, types and counts, and at the labels of one minibatch, so they cost
microseconds; nothing here reads the values of a large tensor.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import torch


def given(value: Any) -> str:
    """A value in a few words: shape and dtype of a tensor, else what it looks like, and its type.

    >>> given(torch.ones(3, 1)), given("0.1")
    ('shape (3, 1), torch.float32', "'0.1' (str)")
    """
    if isinstance(value, torch.Tensor):
        device = "" if value.device.type == "cpu" else f" on {value.device}"
        return f"shape {tuple(value.shape)}, {value.dtype}{device}"
    if isinstance(value, (str, int, float, complex, bytes)):
        return f"{value!r} ({type(value).__name__})"
    return type(value).__name__


def tensor(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a tensor of real numbers."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be dense, got {value.layout}: call to_dense()")


def floating(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a floating-point tensor."""
    tensor(name, value)
    if not value.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {value.dtype}")


def positive_int(name: str, value: Any) -> None:
    """Raise unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def number(name: str, value: Any) -> float:
    """`value`, a number or a tensor that holds one, as a float; it may be nan or infinite."""
    if type(value) is float:  # the most frequent: an accumulated sum
        return value
    if isinstance(value, torch.Tensor):
        tensor(name, value)
        if value.numel() != 1:
            raise ValueError(f"{name} must be one number, got shape {tuple(value.shape)}")
        if value.is_meta:
            raise ValueError(f"{name} must hold a value, got {given(value)}")
        return float(value.detach())
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {given(value)}")
    return float(value)


def learning_rate(lr: Any) -> float:
    """`lr` as a float; raise unless it is a finite number of at least 0."""
    value = number("lr", lr)
    if isinstance(lr, bool):
        raise TypeError(f"lr must be a number, got {given(lr)}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"lr must be finite and not negative, got {value}")
    return value


def size(name: str, value: Any) -> None:
    """Raise unless `value` is a pair of positive numbers, such as width and height in inches."""
    try:
        good = len(value) == 2 and all(0 < number(name, x) < math.inf for x in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair of numbers, got {value!r}") from None
    if not good:
        raise ValueError(f"{name} must be a pair of positive numbers, got {value!r}")


def iterable(name: str, value: Any, of: str) -> Iterator[Any]:
    """An iterator over `value`; raise TypeError where it has none."""
    try:
        return iter(value)
    except TypeError:
        raise TypeError(f"{name} must be {of}, got {given(value)}") from None


def same_device(name_a: str, a: torch.Tensor, name_b: str, b: torch.Tensor) -> None:
    """Raise unless two tensors are on one device."""
    if a.device != b.device:
        raise ValueError(
            f"{name_a} and {name_b} must be on one device, got {a.device} and {b.device}"
        )


def same_dtype(name_a: str, a: torch.Tensor, name_b: str, b: torch.Tensor) -> None:
    """Raise unless two tensors have one dtype."""
    if a.dtype != b.dtype:
        raise TypeError(f"{name_a} and {name_b} must have one dtype, got {a.dtype} and {b.dtype}")


def same_length(**tensors: Any) -> None:
    """Raise unless all arguments have equally many rows, and at least one."""
    for name, value in tensors.items():
        if value.ndim == 0:
            raise ValueError(f"{name} must have a row for each example, got shape ()")
    lengths = {name: len(value) for name, value in tensors.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected one row for each example in all of them, got {lengths} rows")
    if 0 in lengths.values():
        raise ValueError(f"{' and '.join(lengths)} hold no examples")


def same_layout(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two shapes are equal but for axes of length 1."""
    if a.shape == b.shape:
        return True
    return [n for n in a.shape if n != 1] == [n for n in b.shape if n != 1]


def labels(y: torch.Tensor, q: int) -> None:
    """Raise unless `y`, which is not empty, holds whole numbers from 0 to q - 1."""
    if y.dtype == torch.bool:
        raise TypeError(f"y must hold class indices, got {y.dtype}")
    whole = y if y.is_floating_point() else y.long()  # some types of integers have no aminmax
    low, high = (bound.item() for bound in whole.aminmax())
    if not 0 <= low <= high < q:
        raise ValueError(f"labels must lie in 0..{q - 1}, got {low}..{high}")
    if y.is_floating_point() and (y != y.round()).any():
        raise ValueError("labels must be whole numbers, got fractions")


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
    same_length(y_hat=y_hat, y=y)
    same_device("y_hat", y_hat, "y", y)
    if y.is_floating_point() or y.dtype == torch.bool:
        raise TypeError(f"y must hold integer class indices, got {y.dtype}")
    labels(y, y_hat.shape[1])


def batches(name: str, iterator: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The minibatches of `iterator`; raise unless they are pairs (X, y), and at least one."""
    empty = True
    for batch in iterable(name, iterator, "an iterable of pairs (X, y)"):
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            count = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
            raise TypeError(f"{name} must give pairs (X, y), got {given(batch)}{count}")
        X, y = batch
        tensor("X", X)
        tensor("y", y)
        if not X.ndim or X.shape[:1] != y.shape[:1] or not y.numel():
            same_length(X=X, y=y)
            raise ValueError(f"y holds no labels, got shape {tuple(y.shape)}")
        empty = False
        yield X, y
    if empty:
        raise ValueError(f"{name} gave no examples: a generator lasts one epoch only")


def call(name: str, function: Callable[..., Any], *tensors: torch.Tensor) -> torch.Tensor:
    """What `function` makes of `tensors`; where PyTorch refuses them, say what they are."""
    if not callable(function):
        raise TypeError(f"{name} must be a function or a module, got {given(function)}")
    try:
        result = function(*tensors)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as error:
        what = " and ".join(given(value) for value in tensors)
        raise ValueError(f"{name} fails on {what}: {error}") from error
    tensor(f"what {name} returns", result)
    return result


def loss_per_example(l: torch.Tensor, y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`l`, if it holds one number for each example (or each number in `y`); else raise.

    Numbers of 16 bits come back as 32: the sum of many may be more than 16 can hold.
    """
    if l.numel() == 1 and len(y) > 1:
        raise ValueError(
            f"the loss returned one number for {len(y)} examples; it must return one for each: "
            "use reduction='none'"
        )
    if l.numel() not in (len(y), y.numel()) or l.numel() > y_hat.numel():  # it was broadcast
        raise ValueError(
            f"the loss returned shape {tuple(l.shape)} for {len(y)} examples; it must return one "
            "number for each: do prediction and label differ in shape?"
        )
    return l.float() if l.element_size() < 4 else l


def reaches_parameters(l: torch.Tensor) -> None:
    """Raise where nothing that `l` was computed from wants a gradient."""
    if not l.requires_grad:
        raise ValueError(
            "the loss depends on no parameter with requires_grad=True: was it set, or lost by "
            "detach() or no_grad()?"
        )


def updater(value: Any) -> None:
    """Raise unless `value` is an optimiser, with usable learning rates, or a function."""
    if isinstance(value, torch.optim.Optimizer):
        for group in value.param_groups:
            if isinstance(group.get("lr"), (float, torch.Tensor)):
                learning_rate(group["lr"])
    elif isinstance(value, type) or not callable(value):
        what = f"the class {value.__name__}" if isinstance(value, type) else given(value)
        raise TypeError(
            f"updater must be a torch.optim.Optimizer or a function of the batch size, got {what}"
        )


def has_gradients(trainer: torch.optim.Optimizer) -> None:
    """Raise where no parameter of an optimiser has a gradient: it would train nothing."""
    if all(p.grad is None for group in trainer.param_groups for p in group["params"]):
        raise ValueError(
            "no parameter of the optimiser got a gradient: expected the parameters of the model "
            "that is trained"
        )


def finite(name: str, value: float, hint: str) -> None:
    """Raise where `value` is nan or infinite."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}: {hint}")
