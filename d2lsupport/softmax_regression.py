"""Softmax regression from scratch, as chapters 4 to 7 build it, and its training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from d2lsupport import _checks
from d2lsupport.fashion_mnist import get_fashion_mnist_labels
from d2lsupport.utils import Accumulator, evaluation

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]
Net = Callable[[torch.Tensor], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class History(list[tuple[float, float, float]]):
    """For each epoch: training loss, training accuracy, test accuracy.

    A list, but for one thing: as the last line of a cell it shows nothing, as code written for D2L
    expects of `train_ch3`.
    """

    def _ipython_display_(self) -> None:
        pass


def softmax(X: torch.Tensor) -> torch.Tensor:
    """Probabilities exp(x_j) / sum_k exp(x_k) for each row of logits.

    The largest logit of a row is subtracted first, which changes nothing in the result and keeps
    exp from overflowing.

    Args:
        X: logits, shape (n, q), floating point.

    Returns:
        Shape (n, q); each row is non-negative and sums to 1.

    Raises:
        ValueError: if `X` does not have two axes, or has no columns.
        TypeError: if `X` is not floating point.
    """
    _checks.tensor("X", X)
    if X.ndim != 2 or X.shape[1] == 0:
        raise ValueError(f"X must have shape (n, q) with q >= 1, got {tuple(X.shape)}")
    _checks.floating("X", X)
    X_exp = torch.exp(X - X.max(1, keepdim=True).values)
    return X_exp / X_exp.sum(1, keepdim=True)


def cross_entropy(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood -log y_hat[i, y[i]] of each example.

    Args:
        y_hat: probabilities, not logits, shape (n, q).
        y: class indices in 0..q-1, shape (n,), integers.

    Returns:
        The losses, shape (n,); infinite where the true class was given probability 0.

    Raises:
        ValueError: if the shapes do not fit, a label is out of range, or `y_hat` holds no
            probabilities but logits or nan.
        TypeError: if `y` does not hold integers, or `y_hat` is not floating point.
    """
    _checks.class_indices(y_hat, y)
    _checks.floating("y_hat", y_hat)
    p = y_hat[range(len(y_hat)), y.long()]
    low, high = (bound.item() for bound in p.detach().aminmax())
    hint = (
        "for logits call softmax first, or use nn.CrossEntropyLoss; nan comes from a diverged model"
    )
    if not 0 <= low <= high <= 1.001:
        raise ValueError(
            f"y_hat must hold probabilities, got values from {low:.3g} to {high:.3g}: {hint}"
        )
    sums = y_hat.detach().float().sum(1)
    if not (sums - 1).abs().max() < 0.02:
        raise ValueError(
            "y_hat must hold probabilities, which sum to 1 in each row, got sums from "
            f"{sums.min():.3g} to {sums.max():.3g}: {hint}"
        )
    return -torch.log(p)


def accuracy(y_hat: torch.Tensor, y: torch.Tensor) -> float:
    """Number of correct predictions (a count, not a fraction).

    Args:
        y_hat: scores of the classes, shape (n, q), of which the largest is the prediction;
            or the predictions themselves, in the shape of `y`.
        y: labels, shape (n,).

    Raises:
        ValueError: if predictions and labels differ in shape, a score is nan, or a label is not
            one of the classes.
        TypeError: if they are no tensors of real numbers.
    """
    _checks.tensor("y_hat", y_hat)
    _checks.tensor("y", y)
    _checks.same_device("y_hat", y_hat, "y", y)
    q = y_hat.shape[1] if y_hat.ndim > 1 else 1
    y_hat = _predictions(y_hat) if q > 1 else _without_nan(y_hat)
    if y_hat.shape != y.shape:
        raise ValueError(
            f"predictions of shape {tuple(y_hat.shape)} and labels of shape {tuple(y.shape)} "
            "must have the same shape"
        )
    if q > 1 and y.numel():
        _checks.labels(y, q)
    cmp = y_hat == (y if y.is_floating_point() else y.long())
    return float(cmp.sum())


def _without_nan(scores: torch.Tensor) -> torch.Tensor:
    if scores.numel() and math.isnan(scores.detach().max()):  # max() hands a nan on
        raise ValueError("y_hat holds nan: the model has diverged; lower the learning rate")
    return scores


def _predictions(scores: torch.Tensor) -> torch.Tensor:
    """The class with the largest score, of those along axis 1."""
    if scores.dtype == torch.bool:
        raise TypeError(f"y_hat must hold scores, got {scores.dtype}")
    scores = _without_nan(scores)
    return scores.argmax(1)


def evaluate_accuracy(net: Net, data_iter: Batches) -> float:
    """Fraction of the examples in `data_iter` that `net` classifies correctly.

    A module is put into evaluation mode and given back in the mode it was in.

    Raises:
        ValueError: if `data_iter` gives no examples, `net` does not take them, or `accuracy`
            refuses what it returns.
        TypeError: if `data_iter` does not give pairs of tensors.
    """
    metric = Accumulator(2)  # correct predictions, predictions
    with evaluation(net):
        for X, y in _checks.batches("data_iter", data_iter):
            metric.add(accuracy(_checks.call("net", net, X), y), y.numel())
    return metric[0] / metric[1]


def train_epoch_ch3(net: Net, train_iter: Batches, loss: Loss, updater: Any) -> tuple[float, float]:
    """Train for one epoch.

    Args:
        net: maps X (n, ...) to (n, q).
        train_iter: gives minibatches (X, y).
        loss: returns one loss for each example (`reduction='none'`).
        updater: a `torch.optim.Optimizer`, which steps along the mean of the losses; or a function
            of the batch size, such as `lambda n: sgd(params, lr, n)`, which is left the gradient of
            their sum.

    Returns:
        Training loss (mean over the examples) and training accuracy (a fraction), both of the
        model as it was at each minibatch.

    Raises:
        ValueError: if there are no examples, the loss returns one number for a batch, no parameter
            gets a gradient, a loss or a learning rate is not finite, or `net` or `loss` does not
            take what it is given. The step at fault is not taken; those before it were.
        TypeError: if `train_iter` does not give pairs of tensors, or `updater` is neither of both.
    """
    _checks.updater(updater)
    if isinstance(net, torch.nn.Module):
        net.train()
    metric = Accumulator(3)  # sum of losses, correct predictions, examples
    for X, y in _checks.batches("train_iter", train_iter):
        y_hat = _checks.call("net", net, X)
        correct = accuracy(y_hat, y)  # before the step: what it refuses must change nothing
        l = _checks.call("loss", loss, y_hat, y)
        l = _checks.loss_per_example(l, y_hat, y)
        if l.numel() != y.numel():  # by which its sum is divided
            raise ValueError(
                f"the loss returned shape {tuple(l.shape)} for labels of shape {tuple(y.shape)}; "
                "it must return one number for each"
            )
        _checks.reaches_parameters(l)
        total = float(l.detach().sum())
        _checks.finite(
            "the training loss",
            total,
            "the model has diverged; lower the learning rate, and check that the inputs are scaled",
        )
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            l.mean().backward()
            if metric[2] == 0:
                _checks.has_gradients(updater)
            updater.step()
        else:
            l.sum().backward()
            updater(X.shape[0])
        metric.add(total, correct, y.numel())
    return metric[0] / metric[2], metric[1] / metric[2]


def train_ch3(
    net: Net,
    train_iter: Batches,
    test_iter: Batches,
    loss: Loss,
    num_epochs: int,
    updater: Any,
) -> History:
    """Train for `num_epochs` epochs and draw the three curves as they grow.

    Arguments are those of `train_epoch_ch3`, and the data on which accuracy is evaluated after
    each epoch.

    Returns:
        For each epoch: training loss, training accuracy, accuracy on `test_iter`.

    Raises:
        ValueError, TypeError: if `num_epochs` is no whole number of at least 1, and as
            `train_epoch_ch3` and `evaluate_accuracy` do.
    """
    _checks.positive_int("num_epochs", num_epochs)
    from d2lsupport.plotting import Animator  # when first needed: it loads matplotlib

    animator = Animator(
        xlabel="epoch", xlim=[1, num_epochs], legend=["train loss", "train acc", "test acc"]
    )
    history = History()
    for epoch in range(num_epochs):
        train_metrics = train_epoch_ch3(net, train_iter, loss, updater)
        test_acc = evaluate_accuracy(net, test_iter)
        animator.add(epoch + 1, train_metrics + (test_acc,))
        history.append(train_metrics + (test_acc,))
    return history


def predict_ch3(net: Net, test_iter: Batches, n: int = 6) -> None:
    """Show the first `n` images of `test_iter` with their true (above) and predicted labels.

    Args:
        net: maps images (n, 1, h, w) to (n, 10).
        test_iter: gives minibatches (X, y) of Fashion-MNIST.
        n: how many images, no more than a minibatch holds.

    Raises:
        ValueError, TypeError: if `n` is below 1, `test_iter` gives no images and labels, or `net`
            no scores for them.
    """
    from d2lsupport.plotting import show_images

    _checks.positive_int("n", n)
    X, y = next(_checks.batches("test_iter", test_iter))
    n = min(n, len(X))
    if X.ndim < 3 or X[0].numel() != X.shape[-2] * X.shape[-1]:
        raise ValueError(f"X must have shape (n, 1, h, w) or (n, h, w), got {tuple(X.shape)}")
    with evaluation(net):
        scores = _checks.call("net", net, X[:n])
    if scores.ndim != 2 or len(scores) != n or scores.shape[1] < 2:
        raise ValueError(f"net must return shape ({n}, q) with q > 1, got {tuple(scores.shape)}")
    preds = _predictions(scores)
    names = zip(get_fashion_mnist_labels(y[:n]), get_fashion_mnist_labels(preds))
    titles = [true + "\n" + pred for true, pred in names]
    show_images(X[:n].reshape(n, *X.shape[-2:]), 1, n, titles=titles)
