"""Linear regression from scratch, as chapters 1 to 3 build it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils import data

from d2lsupport import _checks
from d2lsupport.utils import Accumulator


def synthetic_data(
    w: torch.Tensor, b: Any, num_examples: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw examples of y = Xw + b + noise.

    Features are standard normal; the noise is normal with standard deviation 0.01.

    Args:
        w: weights, shape (d,).
        b: bias, a number.
        num_examples: number of examples, n.

    Returns:
        X of shape (n, d) and y of shape (n, 1).

    Raises:
        ValueError: if `w` is not of shape (d,) or (d, 1), or `num_examples` is below 1.
    """
    _checks.tensor("w", w)
    _checks.positive_int("num_examples", num_examples)
    if w.numel() == 0 or w.ndim not in (1, 2) or (w.ndim == 2 and w.shape[1] != 1):
        raise ValueError(f"w must have shape (d,) or (d, 1), got {tuple(w.shape)}")
    if isinstance(b, torch.Tensor) and b.numel() != 1:
        raise ValueError(f"b must be one number, got shape {tuple(b.shape)}")
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape(-1, 1)


def data_iter(
    batch_size: int, features: torch.Tensor, labels: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Go once through the examples in random order, a minibatch at a time.

    The last minibatch is shorter where `batch_size` does not divide n.

    Args:
        batch_size: examples in a minibatch, at least 1.
        features: shape (n, ...).
        labels: shape (n, ...).

    Returns:
        An iterator over pairs (features, labels) of `batch_size` rows; it lasts one epoch.

    Raises:
        ValueError: if `batch_size` is below 1, the lengths differ, or n is 0.
    """
    _checks.positive_int("batch_size", batch_size)
    _checks.tensor("features", features)
    _checks.tensor("labels", labels)
    _checks.same_length(features=features, labels=labels)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        indices = torch.randperm(len(features))
        for i in range(0, len(features), batch_size):
            batch = indices[i : i + batch_size]
            yield features[batch], labels[batch]

    return batches()


def linreg(X: torch.Tensor, w: torch.Tensor, b: Any) -> torch.Tensor:
    """The linear model Xw + b.

    Args:
        X: features, shape (n, d).
        w: weights, shape (d, 1).
        b: bias, shape (1,) or a number.

    Returns:
        Predictions, shape (n, 1); shape (n,) where `w` has shape (d,).

    Raises:
        ValueError: if `b` would be broadcast over the examples.
    """
    out = torch.matmul(X, w)
    outputs = w.shape[1] if w.ndim == 2 else 1
    if isinstance(b, torch.Tensor) and b.ndim > 0 and (
        b.numel() not in (1, outputs) or b.shape[-1] != b.numel() or b.ndim > max(out.ndim, 1)
    ):
        raise ValueError(
            f"b must be a number or have shape ({outputs},) for w of shape {tuple(w.shape)}, "
            f"got {tuple(b.shape)}"
        )
    return out + b


def squared_loss(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Half the squared error of each example, (y_hat - y)^2 / 2; no mean is taken.

    Args:
        y_hat: predictions, any shape.
        y: labels, as many numbers; they are given the shape of `y_hat`.

    Returns:
        The losses, in the shape of `y_hat`.

    Raises:
        ValueError: if the two do not hold equally many numbers.
    """
    _checks.tensor("y_hat", y_hat)
    _checks.tensor("y", y)
    if y_hat.numel() != y.numel():
        raise ValueError(
            f"y_hat and y must hold equally many numbers, got shapes "
            f"{tuple(y_hat.shape)} and {tuple(y.shape)}"
        )
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params: Iterable[torch.Tensor], lr: float, batch_size: int) -> None:
    """One step of minibatch stochastic gradient descent, in place; clears the gradients.

    Each parameter moves by -lr * grad / batch_size, where `grad` is the gradient of the *sum* of
    the losses of the minibatch.

    Args:
        params: tensors with gradients.
        lr: learning rate, finite and not negative.
        batch_size: number of examples in this minibatch.

    Raises:
        ValueError: if `lr` is negative or not finite, `batch_size` is below 1, or a parameter
            has no gradient.
    """
    _checks.learning_rate(lr)
    _checks.positive_int("batch_size", batch_size)
    params = [params] if isinstance(params, torch.Tensor) else list(params)
    if not params:
        raise ValueError("params is empty: was a generator used twice? Pass a list")
    for i, param in enumerate(params):
        _checks.tensor(f"params[{i}]", param)
        if param.grad is None:
            raise ValueError(
                f"params[{i}] of shape {tuple(param.shape)} has no gradient: call backward() first"
                " on a loss that depends on it, and make it with requires_grad=True"
            )
    with torch.no_grad():
        for param in params:
            assert param.grad is not None
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def load_array(
    data_arrays: Iterable[torch.Tensor], batch_size: int, is_train: bool = True
) -> data.DataLoader[Any]:
    """A DataLoader over tensors with equally many rows.

    Args:
        data_arrays: tensors of shape (n, ...), such as (features, labels).
        batch_size: examples in a minibatch, at least 1.
        is_train: shuffle anew in each epoch.

    Raises:
        ValueError: if the lengths differ, n is 0, or `batch_size` is below 1.
    """
    data_arrays = tuple(data_arrays)
    _checks.positive_int("batch_size", batch_size)
    for i, array in enumerate(data_arrays):
        _checks.tensor(f"data_arrays[{i}]", array)
    _checks.same_length(**{f"data_arrays[{i}]": a for i, a in enumerate(data_arrays)})
    dataset = data.TensorDataset(*data_arrays)
    return data.DataLoader(dataset, batch_size, shuffle=is_train)


def evaluate_loss(
    net: Callable[[torch.Tensor], torch.Tensor],
    data_iter: Iterable[tuple[torch.Tensor, torch.Tensor]],
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> float:
    """Mean loss over all examples of a data set; each example counts once.

    Args:
        net: maps X (n, d) to predictions.
        data_iter: gives minibatches (X, y).
        loss: returns one loss for each example (`reduction='none'`).

    Raises:
        ValueError: if there is no example, or the loss returns one number for a batch.
    """
    metric = Accumulator(2)
    with torch.no_grad():
        for X, y in data_iter:
            out = net(X)
            if y.numel() == out.numel():
                y = y.reshape(out.shape)
            l = loss(out, y)
            _checks.loss_per_example(l, y)
            metric.add(l.sum(), l.numel())
    if metric[1] == 0:
        raise ValueError("data_iter gave no examples: a generator lasts one epoch only")
    return metric[0] / metric[1]
