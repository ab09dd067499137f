"""Linear regression from scratch, as chapters 1 to 3 build it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils import data

from d2lsupport import _checks
from d2lsupport._loader import BatchLoader, Rows, as_tensors
from d2lsupport.utils import Accumulator, evaluation


def synthetic_data(w: torch.Tensor, b: Any, num_examples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw examples of y = Xw + b + noise.

    Features are standard normal; the noise is normal with standard deviation 0.01.

    Args:
        w: weights, shape (d,).
        b: bias, a number.
        num_examples: number of examples, n.

    Returns:
        X of shape (n, d) and y of shape (n, 1).

    Raises:
        ValueError, TypeError: if `w` is not of shape (d,) or (d, 1) and PyTorch's default dtype,
            `num_examples` is below 1, or `w` or `b` is not finite.
    """
    _checks.tensor("w", w)
    _checks.positive_int("num_examples", num_examples)
    if w.numel() == 0 or w.ndim not in (1, 2) or (w.ndim == 2 and w.shape[1] != 1):
        raise ValueError(f"w must have shape (d,) or (d, 1), got {tuple(w.shape)}")
    b = _checks.number("b", b)
    _checks.finite("b", b, "it must be a finite number")
    like = torch.empty(0)  # as X will be; nothing is drawn before all is checked
    _checks.same_device("X", like, "w", w)
    if w.dtype != like.dtype:
        raise TypeError(f"w must be {like.dtype}, got {w.dtype}: write 2.0, not 2, or w.float()")
    if not w.isfinite().all():
        raise ValueError("w must be finite, got nan or inf")
    w = w.detach()  # data are constants: a graph in y could be gone through once only
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
        An iterator over pairs (features, labels) of `batch_size` rows; it lasts one epoch, and a
        second loop over it is refused.

    Raises:
        ValueError, TypeError: if `batch_size` is below 1, the lengths differ, or n is 0.
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

    return _Epoch(batches())


class _Epoch(Iterator[tuple[torch.Tensor, torch.Tensor]]):
    """The minibatches of one epoch, which raises where a second loop would get none or a rest."""

    def __init__(self, batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> None:
        self._batches, self._begun = batches, False

    def __iter__(self) -> _Epoch:
        if self._begun:
            raise ValueError(
                "this data_iter is used up, or in part: it lasts one epoch; call data_iter again"
            )
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        self._begun = True
        return next(self._batches)


def linreg(X: torch.Tensor, w: torch.Tensor, b: Any) -> torch.Tensor:
    """The linear model Xw + b.

    Args:
        X: features, shape (n, d).
        w: weights, shape (d, 1).
        b: bias, shape (1,) or a number.

    Returns:
        Predictions, shape (n, 1); shape (n,) where `w` has shape (d,).

    Raises:
        ValueError: if the shapes do not fit, or `b` would be broadcast over the examples.
        TypeError: if the dtypes differ, or one of them is no tensor, or `b` no number.
    """
    _checks.tensor("X", X)
    _checks.tensor("w", w)
    if X.ndim not in (1, 2) or w.ndim not in (1, 2) or X.shape[-1] != len(w):
        raise ValueError(
            "X must have shape (n, d) and w shape (d, 1) with the same d, got "
            f"{tuple(X.shape)} and {tuple(w.shape)}"
        )
    _checks.same_dtype("X", X, "w", w)
    _checks.same_device("X", X, "w", w)
    out = torch.matmul(X, w)
    outputs = w.shape[1] if w.ndim == 2 else 1
    if not isinstance(b, torch.Tensor):
        _checks.number("b", b)
    elif b.ndim > 0 and (
        b.numel() not in (1, outputs) or b.shape[-1] != b.numel() or b.ndim > max(out.ndim, 1)
    ):
        raise ValueError(
            f"b must be a number or have shape ({outputs},) for w of shape {tuple(w.shape)}, "
            f"got {tuple(b.shape)}"
        )
    else:
        _checks.tensor("b", b)
        _checks.same_device("w", w, "b", b)
        if b.ndim and b.is_floating_point():  # it would turn the predictions into its own dtype
            _checks.same_dtype("w", w, "b", b)
    return out + b


def squared_loss(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Half the squared error of each example, (y_hat - y)^2 / 2; no mean is taken.

    Args:
        y_hat: predictions, any shape, floating point.
        y: labels; their shape may differ in axes of length 1, as (n,) does from (n, 1).

    Returns:
        The losses, in the shape of `y_hat`.

    Raises:
        ValueError: if the shapes do not fit, or there are no examples.
        TypeError: if `y_hat` is not floating point, or `y` holds truth values.
    """
    _checks.floating("y_hat", y_hat)
    _checks.tensor("y", y)
    if y.dtype == torch.bool:
        raise TypeError(f"y must hold numbers, got {y.dtype}")
    if y_hat.numel() != y.numel():
        raise ValueError(
            f"y_hat and y must hold equally many numbers, got shapes "
            f"{tuple(y_hat.shape)} and {tuple(y.shape)}"
        )
    if not _checks.same_layout(y_hat, y):
        raise ValueError(
            "y_hat and y must have the same shape but for axes of length 1, got "
            f"{tuple(y_hat.shape)} and {tuple(y.shape)}"
        )
    if y_hat.numel() == 0:
        raise ValueError(f"y_hat and y hold no examples, got shape {tuple(y_hat.shape)}")
    _checks.same_device("y_hat", y_hat, "y", y)
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
        TypeError: if one of them is not what it should be.
    """
    lr = _checks.learning_rate(lr)
    _checks.positive_int("batch_size", batch_size)
    if isinstance(params, torch.Tensor):
        params = [params]
    params = list(_checks.iterable("params", params, "a list of tensors"))
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
        ValueError, TypeError: if the lengths differ, n is 0, or `batch_size` is below 1.
    """
    if isinstance(data_arrays, torch.Tensor):
        raise TypeError("data_arrays must be several tensors, as (X, y), got one: write (X,)")
    data_arrays = tuple(_checks.iterable("data_arrays", data_arrays, "a tuple of tensors"))
    if not data_arrays:
        raise ValueError("data_arrays must be a tuple of tensors, got none")
    if not isinstance(is_train, bool):
        raise TypeError(f"is_train must be True or False, got {_checks.given(is_train)}")
    _checks.positive_int("batch_size", batch_size)
    for i, array in enumerate(data_arrays):
        _checks.tensor(f"data_arrays[{i}]", array)
    _checks.same_length(**{f"data_arrays[{i}]": a for i, a in enumerate(data_arrays)})
    dataset = Rows(*data_arrays)
    return BatchLoader(dataset, batch_size, shuffle=is_train, collate_fn=as_tensors)


def evaluate_loss(
    net: Callable[[torch.Tensor], torch.Tensor],
    data_iter: Iterable[tuple[torch.Tensor, torch.Tensor]],
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> float:
    """Mean loss over all examples of a data set; each example counts once.

    A module is put into evaluation mode and given back in the mode it was in.

    Args:
        net: maps X (n, d) to predictions.
        data_iter: gives minibatches (X, y).
        loss: returns one loss for each example (`reduction='none'`).

    Raises:
        ValueError: if there is no example, the loss returns one number for a batch or more than
            there are predictions, it is nan, or `net` or `loss` does not take what it is given.
        TypeError: if `data_iter` does not give pairs of tensors.
    """
    metric = Accumulator(2)
    with evaluation(net):
        for X, y in _checks.batches("data_iter", data_iter):
            out = _checks.call("net", net, X)
            if _checks.same_layout(y, out):
                y = y.reshape(out.shape)
            l = _checks.call("loss", loss, out, y)
            l = _checks.loss_per_example(l, out, y)
            metric.add(l.sum(), l.numel())
    if math.isnan(metric[0]):
        raise ValueError("the loss is nan: the model has diverged, or the data hold nan")
    return metric[0] / metric[1]
