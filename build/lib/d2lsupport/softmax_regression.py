"""Softmax regression from scratch, as chapters 4 to 7 build it, and its training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from d2lsupport import _checks
from d2lsupport.fashion_mnist import get_fashion_mnist_labels
from d2lsupport.plotting import Animator, show_images
from d2lsupport.utils import Accumulator

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]
Net = Callable[[torch.Tensor], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


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
    if not X.is_floating_point():
        raise TypeError(f"X must be floating point, got {X.dtype}")
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
        ValueError: if the shapes do not fit or a label is out of range.
        TypeError: if `y` does not hold integers.
    """
    _checks.class_indices(y_hat, y)
    return -torch.log(y_hat[range(len(y_hat)), y])


def accuracy(y_hat: torch.Tensor, y: torch.Tensor) -> float:
    """Number of correct predictions (a count, not a fraction).

    Args:
        y_hat: scores of the classes, shape (n, q), of which the largest is the prediction;
            or the predictions themselves, in the shape of `y`.
        y: labels, shape (n,).

    Raises:
        ValueError: if predictions and labels differ in shape, or a score is nan.
    """
    _checks.tensor("y_hat", y_hat)
    _checks.tensor("y", y)
    if y_hat.ndim > 1 and y_hat.shape[1] > 1:
        if y_hat.isnan().any():
            raise ValueError("y_hat holds nan: the model has diverged; lower the learning rate")
        y_hat = y_hat.argmax(1)
    if y_hat.shape != y.shape:
        raise ValueError(
            f"predictions of shape {tuple(y_hat.shape)} and labels of shape {tuple(y.shape)} "
            "must have the same shape"
        )
    cmp = y_hat.type(y.dtype) == y
    return float(cmp.sum())


def evaluate_accuracy(net: Net, data_iter: Batches) -> float:
    """Fraction of the examples in `data_iter` that `net` classifies correctly.

    A module is put into evaluation mode and given back in the mode it was in.

    Raises:
        ValueError: if `data_iter` gives no examples.
    """
    was_training = isinstance(net, torch.nn.Module) and net.training
    if isinstance(net, torch.nn.Module):
        net.eval()
    metric = Accumulator(2)  # correct predictions, predictions
    try:
        with torch.no_grad():
            for X, y in data_iter:
                metric.add(accuracy(net(X), y), y.numel())
    finally:
        if isinstance(net, torch.nn.Module):
            net.train(was_training)
    if metric[1] == 0:
        raise ValueError("data_iter gave no examples: a generator lasts one epoch only")
    return metric[0] / metric[1]


def train_epoch_ch3(
    net: Net, train_iter: Batches, loss: Loss, updater: Any
) -> tuple[float, float]:
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
        ValueError: if there are no examples, the loss returns one number for a batch, or the mean
            loss is not finite.
    """
    if isinstance(net, torch.nn.Module):
        net.train()
    metric = Accumulator(3)  # sum of losses, correct predictions, examples
    for X, y in train_iter:
        y_hat = net(X)
        l = loss(y_hat, y)
        _checks.loss_per_example(l, y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            l.mean().backward()
            updater.step()
        else:
            l.sum().backward()
            updater(X.shape[0])
        metric.add(l.sum(), accuracy(y_hat, y), y.numel())
    if metric[2] == 0:
        raise ValueError("train_iter gave no examples: a generator lasts one epoch only")
    _checks.finite(
        "the training loss",
        metric[0],
        "the model has diverged; lower the learning rate, and check that the inputs are scaled",
    )
    return metric[0] / metric[2], metric[1] / metric[2]


def train_ch3(
    net: Net,
    train_iter: Batches,
    test_iter: Batches,
    loss: Loss,
    num_epochs: int,
    updater: Any,
) -> list[tuple[float, float, float]]:
    """Train for `num_epochs` epochs and draw the three curves as they grow.

    Arguments are those of `train_epoch_ch3`, and the data on which accuracy is evaluated after
    each epoch.

    Returns:
        For each epoch: training loss, training accuracy, accuracy on `test_iter`.

    Raises:
        ValueError: if `num_epochs` is below 1, and as `train_epoch_ch3` does.
    """
    _checks.positive_int("num_epochs", num_epochs)
    animator = Animator(
        xlabel="epoch", xlim=[1, num_epochs], legend=["train loss", "train acc", "test acc"]
    )
    history = []
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
    """
    _checks.positive_int("n", n)
    X, y = next(iter(test_iter))
    n = min(n, len(X))
    with torch.no_grad():
        preds = net(X[:n]).argmax(1)
    names = zip(get_fashion_mnist_labels(y[:n]), get_fashion_mnist_labels(preds))
    titles = [true + "\n" + pred for true, pred in names]
    show_images(X[:n].reshape(n, *X.shape[-2:]), 1, n, titles=titles)
