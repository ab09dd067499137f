"""Bad input to every public function: the right result, or an error that says what was given.

The cases are a table; `reference/bad-input.txt`, which the API page shows, is made from it by

    python tests/test_bad_input.py
"""
# ruff: noqa: E501  (a row of the table is a line)

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import d2lsupport as d2l
from d2lsupport import fashion_mnist

ROOT = Path(__file__).resolve().parent.parent
FRAGMENT = ROOT / "reference" / "bad-input.txt"
NAN, INF = float("nan"), float("inf")


class Case(NamedTuple):
    function: str
    given: str
    call: Callable[[], Any]
    error: type[Exception] | None  # None: it gives the right result, `result`
    words: str  # of the message, a pattern
    result: Any = None


CASES: list[Case] = []


def refused(error, function, given, call, words):
    CASES.append(Case(function, given, call, error, words))


def value(function, given, call, words):
    refused(ValueError, function, given, call, words)


def kind(function, given, call, words):
    refused(TypeError, function, given, call, words)


def right(function, given, call, result):
    CASES.append(Case(function, given, call, None, "", result))


# What the cases are made of. Functions, so that each case has its own.

META = torch.device("meta")  # stands for any other device
w, b = torch.tensor([[2.0], [-3.4]]), torch.tensor([4.2])
X, y = torch.ones(4, 2), torch.ones(4, 1)
scores = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]])  # probabilities, too
classes = torch.tensor([0, 2])
images, targets = torch.arange(12.0).reshape(2, 1, 2, 3) / 12, torch.tensor([1, 0])
each = nn.CrossEntropyLoss(reduction="none")
squares = nn.MSELoss(reduction="none")


def same(value):
    return value


def param(grad: float | None = 1.0, shape=(2, 1)):
    p = torch.ones(shape, requires_grad=True)
    p.grad = None if grad is None else torch.full(shape, grad)
    return p


def linear(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 3, **options))


def epoch(net=None, batches=None, loss=each, updater=None, lr=0.1):
    net = net or linear()
    parameters = getattr(net, "parameters", lambda: [torch.ones(1, requires_grad=True)])()
    updater = updater or torch.optim.SGD(parameters, lr=lr)
    return d2l.train_epoch_ch3(net, batches or [(images, targets)], loss, updater)


def used(iterator):
    list(iterator)
    return iterator


def after(action, result):
    action()
    return result()


def step(**arguments):
    p = param()
    d2l.sgd(**{"params": [p], "lr": 0.1, "batch_size": 1, **arguments})
    return p.detach()


def frozen():
    net = linear()
    net.requires_grad_(False)
    return net


def dropout(training):
    net = nn.Sequential(nn.Dropout(0.9), nn.Flatten())
    return net.train(training)


def axes(n=1):
    return d2l.plt.subplots(1, n)[1]


def curves(ax):
    return [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in ax.lines]


def plotted(*arguments, **options):
    ax = axes()
    d2l.plot(*arguments, axes=ax, **options)
    return curves(ax)


def added(*points):
    animator = d2l.Animator()
    for point in points:
        animator.add(*point)
    return [list(pair) for pair in zip(animator.X, animator.Y)]


def accumulated(*values):
    metric = d2l.Accumulator(len(values))
    metric.add(*values)
    return metric.data


# Data

f = "ensure_fashion_mnist"
kind(f, "a number for a path", lambda: d2l.ensure_fashion_mnist(3), "root must be the path.*3")
kind(f, "bytes", lambda: d2l.ensure_fashion_mnist(b"data"), r"root must be the path.*b'data'")
value(f, "a path with a null character", lambda: d2l.ensure_fashion_mnist("a\0b"), "root must")
value(f, "the home of nobody", lambda: d2l.ensure_fashion_mnist("~no-such-user/x"), "nobody's home")

f = "load_data_fashion_mnist"
for bad, error in [(0, ValueError), (-1, ValueError), (2.5, TypeError), ("256", TypeError), (True, TypeError), (None, TypeError)]:
    refused(error, f, f"`batch_size={bad!r}`", lambda bad=bad: d2l.load_data_fashion_mnist(bad), f"batch_size must be.*{bad!r}")
for bad, error in [
    (0, ValueError),
    (-64, ValueError),
    (64.0, TypeError),
    ("64", TypeError),
    ((64,), ValueError),
    ((64, 0), ValueError),
    ((1, 2, 3), ValueError),
]:
    refused(error, f, f"`resize={bad!r}`", lambda bad=bad: d2l.load_data_fashion_mnist(256, resize=bad), "resize must be")

f = "get_fashion_mnist_labels"
for bad in ([-1], [10], [1.5], ["1"], [True], [None]):
    value(f, f"`{bad!r}`", lambda bad=bad: d2l.get_fashion_mnist_labels(bad), f"whole numbers from 0 to 9, got {re.escape(repr(bad[0]))}")
value(f, "labels (n, 1)", lambda: d2l.get_fashion_mnist_labels(torch.tensor([[1]])), r"got \[1\]")
value(f, "float labels", lambda: d2l.get_fashion_mnist_labels(torch.tensor([1.0])), "got 1.0")
kind(f, "one number", lambda: d2l.get_fashion_mnist_labels(3), "labels must be a sequence.*got 3")
kind(f, "nothing", lambda: d2l.get_fashion_mnist_labels(None), "labels must be a sequence")
right(f, "no labels", lambda: d2l.get_fashion_mnist_labels([]), [])
right(f, "numpy's integers", lambda: d2l.get_fashion_mnist_labels(np.array([9])), ["ankle boot"])

f = "synthetic_data"
value(f, "w (2, 2)", lambda: d2l.synthetic_data(torch.ones(2, 2), 0.0, 5), r"w must have.*\(2, 2\)")
value(f, "w (1, 2), a row", lambda: d2l.synthetic_data(w.T, 0.0, 5), r"w must have.*\(1, 2\)")
value(f, "w without elements", lambda: d2l.synthetic_data(torch.ones(0), 0.0, 5), "w must have")
value(f, "w ()", lambda: d2l.synthetic_data(torch.tensor(1.0), 0.0, 5), "w must have shape")
kind(f, "w a list", lambda: d2l.synthetic_data([2, -3.4], 4.2, 5), "w must be a torch.Tensor.*list")
kind(f, "integer w", lambda: d2l.synthetic_data(torch.tensor([2, 3]), 4.2, 5), "torch.int64")
kind(f, "float64 w", lambda: d2l.synthetic_data(w.double(), 4.2, 5), "float32, got torch.float64")
kind(f, "complex w", lambda: d2l.synthetic_data(w + 0j, 4.2, 5), "real numbers.*complex64")
value(f, "nan in w", lambda: d2l.synthetic_data(w * NAN, 4.2, 5), "w must be finite")
value(f, "w on another device", lambda: d2l.synthetic_data(w.to(META), 4.2, 5), "cpu and meta")
value(f, "b with two numbers", lambda: d2l.synthetic_data(w, torch.ones(2), 5), r"b must be one.*2")
value(f, "`b=nan`", lambda: d2l.synthetic_data(w, NAN, 5), "b is nan")
kind(f, "b a text", lambda: d2l.synthetic_data(w, "4.2", 5), "b must be a number, got '4.2'")
kind(f, "`b=None`", lambda: d2l.synthetic_data(w, None, 5), "b must be a number, got NoneType")
value(f, "`num_examples=0`", lambda: d2l.synthetic_data(w, 4.2, 0), "num_examples.*got 0")
value(f, "`num_examples=-3`", lambda: d2l.synthetic_data(w, 4.2, -3), "num_examples.*got -3")
kind(f, "`num_examples=1e3`", lambda: d2l.synthetic_data(w, 4.2, 1e3), "num_examples.*1000.0")
right(f, "w (2, 1) and b (1,)", lambda: [t.shape for t in d2l.synthetic_data(w, b, 5)], [(5, 2), (5, 1)])

for f, reader in (("data_iter", lambda n, *arrays: d2l.data_iter(n, *arrays)), ("load_array", lambda n, *arrays: d2l.load_array(arrays, n))):
    for bad, error in [(0, ValueError), (-1, ValueError), (2.5, TypeError), ("2", TypeError), (True, TypeError), (torch.tensor(2), TypeError)]:
        refused(error, f, f"`batch_size={bad!r}`", lambda r=reader, bad=bad: r(bad, X, y), "batch_size must be")
    right(f, "a batch size larger than n", lambda r=reader: [[t.shape for t in batch] for batch in r(9, X, y)], [[(4, 2), (4, 1)]])
    value(f, "4 features, 3 labels", lambda r=reader: r(2, X, y[:3]), "one row for each.*4.*3")
    value(f, "no examples", lambda r=reader: r(2, X[:0], y[:0]), "no examples")
    value(f, "labels ()", lambda r=reader: r(2, X, torch.tensor(1.0)), r"row for each.*shape \(\)")
    kind(f, "lists", lambda r=reader: r(2, [1.0, 2.0], [1.0, 2.0]), "must be a torch.Tensor.*list")
    kind(f, "numpy's arrays", lambda r=reader: r(2, X.numpy(), y), "torch.Tensor, got ndarray")
    right(f, "labels (n,) instead of (n, 1)", lambda r=reader: sorted(torch.cat([l for _, l in r(3, X, torch.arange(4))]).tolist()), [0, 1, 2, 3])

f = "data_iter"
value(f, "a loop over an iterator used in part", lambda: (it := d2l.data_iter(2, X, y), next(it), list(it)), "used up, or in part")
value(f, "a second loop over one iterator", lambda: list(used(d2l.data_iter(2, X, y))), "used up")
f = "load_array"
kind(f, "one tensor in place of several", lambda: d2l.load_array(X, 2), "several tensors.*got one")
kind(f, "a number for the arrays", lambda: d2l.load_array(3, 2), "tuple of tensors, got 3")
value(f, "no arrays", lambda: d2l.load_array((), 2), "tuple of tensors, got none")
kind(f, "`is_train='no'`", lambda: d2l.load_array((X, y), 2, "no"), "is_train must be.*'no'")

# Models

f = "linreg"
value(f, "b (n,)", lambda: d2l.linreg(X, w, torch.ones(4)), r"b must be.*\(1,\).*got \(4,\)")
value(f, "b (n, 1)", lambda: d2l.linreg(X, w, torch.ones(4, 1)), r"b must be.*got \(4, 1\)")
value(f, "b (3, 1), a column, for w (2, 3)", lambda: d2l.linreg(torch.ones(3, 2), torch.ones(2, 3), torch.ones(3, 1)), r"shape \(3,\).*got \(3, 1\)")
value(f, "b (n,) for w (d,)", lambda: d2l.linreg(X, w[:, 0], torch.ones(4)), "b must be")
value(f, "three features for w (2, 1)", lambda: d2l.linreg(torch.ones(4, 3), w, b), r"same d, got \(4, 3\) and \(2, 1\)")
value(f, "w (1, d), a row", lambda: d2l.linreg(X, w.T, b), r"same d, got \(4, 2\) and \(1, 2\)")
value(f, "images that are not flattened", lambda: d2l.linreg(torch.ones(4, 1, 2, 2), w, b), r"X must have shape \(n, d\).*\(4, 1, 2, 2\)")
value(f, "X ()", lambda: d2l.linreg(torch.tensor(1.0), w, b), r"X must have shape \(n, d\)")
kind(f, "float64 X", lambda: d2l.linreg(X.double(), w, b), "one dtype, got torch.float64 and")
kind(f, "float64 b (1,)", lambda: d2l.linreg(X, w, b.double()), "one dtype, got torch.float32 and torch.float64")
kind(f, "integer X", lambda: d2l.linreg(X.long(), w, b), "one dtype, got torch.int64 and")
kind(f, "X a list", lambda: d2l.linreg([[1.0, 2.0]], w, b), "X must be a torch.Tensor, got list")
kind(f, "w an array", lambda: d2l.linreg(X, w.numpy(), b), "w must be a torch.Tensor, got ndarray")
kind(f, "b a text", lambda: d2l.linreg(X, w, "0"), "b must be a number, got '0'")
kind(f, "`b=None`", lambda: d2l.linreg(X, w, None), "b must be a number, got NoneType")
kind(f, "complex b", lambda: d2l.linreg(X, w, b + 0j), "b must hold real numbers")
value(f, "w on another device", lambda: d2l.linreg(X, w.to(META), b), "one device, got cpu and meta")
value(f, "b on another device", lambda: d2l.linreg(X, w, b.to(META)), "one device, got cpu and meta")
right(f, "X (d,), one example", lambda: d2l.linreg(X[0], w, b), torch.tensor([2.8]))
right(f, "w (d,)", lambda: d2l.linreg(X, w[:, 0], 4.2), torch.full((4,), 2.8))
right(f, "no examples", lambda: d2l.linreg(X[:0], w, b), torch.ones(0, 1))

f = "softmax"
value(f, "X (q,)", lambda: d2l.softmax(torch.ones(3)), r"\(n, q\).*got \(3,\)")
value(f, "X (n, m, q)", lambda: d2l.softmax(torch.ones(2, 3, 4)), r"\(n, q\).*\(2, 3, 4\)")
value(f, "X (n, 0)", lambda: d2l.softmax(torch.ones(2, 0)), r"q >= 1, got \(2, 0\)")
kind(f, "integers", lambda: d2l.softmax(torch.ones(2, 3).long()), "floating point, got torch.int64")
kind(f, "truth values", lambda: d2l.softmax(scores > 0), "floating point, got torch.bool")
kind(f, "complex numbers", lambda: d2l.softmax(scores + 0j), "real numbers, got torch.complex64")
kind(f, "a list", lambda: d2l.softmax([[1.0, 2.0]]), "torch.Tensor, got list")
right(f, "logits of ±1000", lambda: d2l.softmax(torch.tensor([[1000.0, 0.0, -1000.0]])), torch.tensor([[1.0, 0.0, 0.0]]))
right(f, "logits of -inf", lambda: d2l.softmax(torch.tensor([[0.0, -INF]])), torch.tensor([[1.0, 0]]))
right(f, "nan: nan in that row only, as PyTorch has it", lambda: d2l.softmax(torch.tensor([[NAN, 0.0], [0.0, 0.0]])), torch.tensor([[NAN, NAN], [0.5, 0.5]]))
right(f, "no examples", lambda: d2l.softmax(scores[:0]), torch.ones(0, 3))

# Losses and measures

f = "squared_loss"
value(f, "3 and 4 numbers", lambda: d2l.squared_loss(y, y[:3]), r"equally many.*\(4, 1\).*\(3, 1\)")
value(f, "(2, 3) and (3, 2)", lambda: d2l.squared_loss(torch.ones(2, 3), torch.ones(3, 2)), r"same shape but for.*\(2, 3\) and \(3, 2\)")
value(f, "(2, 3) and (6,)", lambda: d2l.squared_loss(torch.ones(2, 3), torch.ones(6)), "same shape")
value(f, "(n, 1) and one number", lambda: d2l.squared_loss(y, torch.tensor(1.0)), "equally many")
value(f, "no examples", lambda: d2l.squared_loss(y[:0], y[:0]), "no examples")
kind(f, "integer predictions", lambda: d2l.squared_loss(y.to(torch.uint8), y), "floating point")
kind(f, "labels of truth values", lambda: d2l.squared_loss(y, y > 0), "y must hold numbers")
kind(f, "complex labels", lambda: d2l.squared_loss(y, y + 0j), "real numbers")
kind(f, "labels in a list", lambda: d2l.squared_loss(y, [1.0]), "y must be a torch.Tensor, got list")
value(f, "labels on another device", lambda: d2l.squared_loss(y, y.to(META)), "one device")
right(f, "(n, 1) and (n,)", lambda: d2l.squared_loss(y, 1 + torch.arange(4.0)), torch.tensor([[0.0], [0.5], [2.0], [4.5]]))
right(f, "(n,) and (n, 1)", lambda: d2l.squared_loss(1 + torch.arange(4.0), y), torch.tensor([0.0, 0.5, 2.0, 4.5]))
right(f, "integer labels", lambda: d2l.squared_loss(y, 2 * y.long()), torch.full((4, 1), 0.5))
right(f, "nan in one example: nan there", lambda: d2l.squared_loss(torch.tensor([NAN, 1]), y[:2]), torch.tensor([NAN, 0.0]))

f = "cross_entropy"
bad_labels = [
    (ValueError, "label -1", torch.tensor([0, -1]), r"lie in 0\.\.2, got -1\.\.0"),
    (ValueError, "label q", torch.tensor([0, 3]), r"lie in 0\.\.2, got 0\.\.3"),
    (ValueError, "labels (n, 1)", torch.tensor([[0], [1]]), r"\(2,\).*got \(2, 1\)"),
    (ValueError, "3 labels for 2 rows", torch.tensor([0, 1, 2]), r"\(2,\).*got \(3,\)"),
    (ValueError, "one-hot labels", torch.tensor([[1, 0, 0], [0, 0, 1]]), r"\(2,\).*got \(2, 3\)"),
    (TypeError, "float labels", torch.tensor([0.0, 1.0]), "integer class indices, got torch.float"),
    (TypeError, "labels of truth values", torch.tensor([True, False]), "integer.*torch.bool"),
    (TypeError, "labels in a list", [0, 1], "y must be a torch.Tensor, got list"),
    (ValueError, "labels on another device", classes.to(META), "one device"),
]
for error, what, labels, words in bad_labels:
    refused(error, f, what, lambda labels=labels: d2l.cross_entropy(scores, labels), words)
value(f, "y_hat (q,)", lambda: d2l.cross_entropy(scores[0], classes), r"\(n, q\), got \(3,\)")
value(f, "no examples", lambda: d2l.cross_entropy(scores[:0], classes[:0]), "no examples")
value(f, "logits", lambda: d2l.cross_entropy(torch.tensor([[-2.0, 5.0]]), classes[:1]), "probabilities, got values from -2 to -2: for logits")
value(f, "nan", lambda: d2l.cross_entropy(scores * NAN, classes), "probabilities, got.*nan")
kind(f, "integer probabilities", lambda: d2l.cross_entropy(scores.long(), classes), "floating point")
right(f, "probability 0: an infinite loss", lambda: d2l.cross_entropy(torch.eye(2), classes[:1].repeat(2)), torch.tensor([0.0, INF]))
value(f, "logits between 0 and 1 for the true classes", lambda: d2l.cross_entropy(torch.tensor([[0.5, 3.0]]), classes[:1]), "sum to 1 in each row, got sums from 3.5")
right(f, "uint8 labels", lambda: d2l.cross_entropy(scores, classes.to(torch.uint8)), -scores[[0, 1], [0, 2]].log())

f = "accuracy"
value(f, "labels (n, 1)", lambda: d2l.accuracy(torch.rand(256, 10), torch.zeros(256, 1).long()), r"\(256,\).*\(256, 1\).*same shape")
value(f, "predictions (n,), labels (n, 1)", lambda: d2l.accuracy(classes, classes[:, None]), "same shape")
value(f, "one-hot labels", lambda: d2l.accuracy(scores, torch.eye(3)[:2]), "same shape")
value(f, "3 labels for 2 rows", lambda: d2l.accuracy(scores, torch.arange(3)), "same shape")
value(f, "one column of scores, labels (n,)", lambda: d2l.accuracy(scores[:, :1], classes), "same shape")
value(f, "label -1", lambda: d2l.accuracy(scores, classes - 1), r"lie in 0\.\.2, got -1\.\.1")
value(f, "labels from 1 to q", lambda: d2l.accuracy(scores, classes + 1), r"lie in 0\.\.2, got 1\.\.3")
value(f, "nan scores", lambda: d2l.accuracy(scores * NAN, classes), "nan: the model has diverged")
value(f, "nan among predictions (n,)", lambda: d2l.accuracy(torch.tensor([NAN, 2.0]), classes), "nan: the model has diverged")
kind(f, "scores of truth values", lambda: d2l.accuracy(scores > 0, classes), "scores, got torch.bool")
kind(f, "sparse scores", lambda: d2l.accuracy(scores.to_sparse(), classes), "dense, got torch.sparse_coo")
value(f, "fractions as labels", lambda: d2l.accuracy(scores, classes + 0.5), "whole numbers, got fractions")
value(f, "nan labels", lambda: d2l.accuracy(scores, classes * NAN), "lie in 0..2, got nan")
kind(f, "labels of truth values", lambda: d2l.accuracy(scores, classes > 0), "class indices.*bool")
kind(f, "complex scores", lambda: d2l.accuracy(scores + 0j, classes), "real numbers")
kind(f, "labels in a list", lambda: d2l.accuracy(scores, [0, 2]), "y must be a torch.Tensor")
value(f, "labels on another device", lambda: d2l.accuracy(scores, classes.to(META)), "one device")
right(f, "predictions that are no whole numbers", lambda: d2l.accuracy(torch.tensor([0.7, 2.0]), classes), 1.0)
right(f, "float labels", lambda: d2l.accuracy(scores, classes.float()), 1.0)
right(f, "no examples", lambda: d2l.accuracy(scores[:0], classes[:0]), 0.0)
right(f, "300 classes, uint8 labels", lambda: d2l.accuracy(torch.eye(300)[[256, 1]], torch.tensor([0, 1], dtype=torch.uint8)), 1.0)

bad_batches = [
    (ValueError, "no batches", [], "gave no examples"),
    (ValueError, "an exhausted generator", "used", "gave no examples.*one epoch only"),
    (ValueError, "an exhausted data_iter", "used data_iter", "used up"),
    (ValueError, "a batch without examples", [(images[:0], targets[:0])], "hold no examples"),
    (ValueError, "2 images, 1 label", [(images, targets[:1])], "one row for each.*2.*1"),
    (TypeError, "a number for the data", 3, "iterable of pairs.*got 3"),
    (TypeError, "a pair (X, y) instead of a list of pairs", (images, targets), r"pairs \(X, y\)"),
    (TypeError, "batches of X alone", [(images,)], r"pairs \(X, y\), got tuple of 1"),
    (TypeError, "batches of three", [(images, targets, targets)], r"pairs.*tuple of 3"),
    (TypeError, "single examples", [(images[0], 1)], "y must be a torch.Tensor, got int"),
    (ValueError, "images of another size", [(torch.ones(2, 1, 4, 4), targets)], r"net fails on shape \(2, 1, 4, 4\)"),
    (ValueError, "float64 images", [(images.double(), targets)], "net fails on.*float64"),
    (ValueError, "images on another device", [(images.to(META), targets)], "net fails on.*on meta"),
]


def made(batches):
    """Each time anew: the iterators in the list are used once."""
    if batches == "used":
        return used(batch for batch in [(images, targets)])
    return used(d2l.data_iter(2, images, targets)) if batches == "used data_iter" else batches


for error, what, batches, words in bad_batches:
    refused(error, "evaluate_accuracy", what, lambda batches=batches: d2l.evaluate_accuracy(linear(), made(batches)), words)
    refused(error, "evaluate_loss", what, lambda batches=batches: d2l.evaluate_loss(linear(), made(batches), each), words)
    refused(
        error,
        "train_epoch_ch3",
        what,
        lambda batches=batches: d2l.train_epoch_ch3(linear(), made(batches), each, torch.optim.SGD(linear().parameters(), lr=0.1)),
        words,
    )

f = "evaluate_accuracy"
good = [(images, targets)]
value(f, "a net that returns nan", lambda: d2l.evaluate_accuracy(lambda X: X.flatten(1) * NAN, good), "nan")
value(f, "labels out of range", lambda: d2l.evaluate_accuracy(linear(), [(images, targets + 3)]), "lie in 0..2")
value(f, "labels (n, 1)", lambda: d2l.evaluate_accuracy(linear(), [(images, targets[:, None])]), "same shape")
value(f, "a model on another device", lambda: d2l.evaluate_accuracy(linear(device="meta"), good), "net fails on")
kind(f, "a net that is none", lambda: d2l.evaluate_accuracy(None, good), "net must be a function")
kind(f, "a net that returns a pair", lambda: d2l.evaluate_accuracy(lambda X: (X, X), good), "what net returns")
right(
    f,
    "a module with parts in different modes: given back as it was",
    lambda: after(lambda: d2l.evaluate_accuracy(mixed, good), lambda: [m.training for m in mixed]),
    [True, False],
)
mixed = nn.Sequential(nn.Flatten(), nn.Linear(6, 3).eval())
right(
    f,
    "a module in training mode, with dropout: evaluated without",
    lambda: d2l.evaluate_accuracy(dropout(True), [(torch.eye(3)[[0, 1, 2]], torch.arange(3))] * 20),
    1.0,
)

f = "evaluate_loss"
value(f, "a loss with `reduction='mean'`", lambda: d2l.evaluate_loss(linear(), good, nn.CrossEntropyLoss()), "reduction='none'")
value(f, "a loss with `reduction='sum'`", lambda: d2l.evaluate_loss(linear(), good, nn.CrossEntropyLoss(reduction="sum")), "reduction='none'")
value(
    f,
    "predictions (n, 2), labels (n, 1): a loss that broadcasts",
    lambda: d2l.evaluate_loss(same, [(X, y)], lambda a, b: (a - b.T[:, :, None]) ** 2),
    "one number for each",
)
value(f, "labels out of range", lambda: d2l.evaluate_loss(linear(), [(images, targets + 3)], each), "loss fails on")
value(f, "a net that returns nan", lambda: d2l.evaluate_loss(lambda X: X * NAN, [(y, y)], squares), "loss is nan")
value(f, "a model on another device", lambda: d2l.evaluate_loss(linear(device="meta"), good, each), "net fails on")
kind(f, "`loss=None`", lambda: d2l.evaluate_loss(linear(), good, None), "loss must be a function")
value(f, "the class `nn.MSELoss` for a loss", lambda: d2l.evaluate_loss(same, [(y, y)], nn.MSELoss), "loss fails on")
right(f, "predictions (n, 1), labels (n,)", lambda: d2l.evaluate_loss(same, [(torch.arange(3.0)[:, None], torch.arange(3.0))], squares), 0.0)
right(f, "an infinite loss: it is infinite", lambda: d2l.evaluate_loss(lambda X: X * INF, [(y, y)], squares), INF)
right(f, "one example, a loss with `reduction='mean'`", lambda: d2l.evaluate_loss(same, [(2 * y[:1], y[:1])], nn.MSELoss()), 1.0)
right(f, "a module in training mode, with dropout: evaluated without", lambda: d2l.evaluate_loss(dropout(True), [(X, X)] * 20, squares), 0.0)

# Training

f = "sgd"
for bad in (-0.1, NAN, INF):
    value(f, f"`lr={bad}`", lambda bad=bad: step(lr=bad), f"finite and not negative, got {bad}")
for bad in ("0.1", None, [0.1], True, 0.1j):
    kind(f, f"`lr={bad!r}`", lambda bad=bad: step(lr=bad), "lr must be a number")
value(f, "lr of several numbers", lambda: step(lr=torch.ones(2)), r"one number, got shape \(2,\)")
for bad, error in [(0, ValueError), (-1, ValueError), (10.0, TypeError), (None, TypeError)]:
    refused(error, f, f"`batch_size={bad!r}`", lambda bad=bad: step(batch_size=bad), "batch_size must")
value(f, "a parameter without gradient", lambda: step(params=[param(), param(None)]), r"params\[1\] of shape \(2, 1\) has no gradient")
value(f, "an exhausted iterator", lambda: step(params=used(iter([param()]))), "params is empty")
value(f, "no parameters", lambda: step(params=[]), "params is empty")
kind(f, "`params=None`", lambda: step(params=None), "list of tensors, got NoneType")
kind(f, "a module for the parameters", lambda: step(params=nn.Sequential(nn.Linear(1, 1))), r"params\[0\] must be a torch.Tensor, got Linear")
right(f, "`lr=0`: nothing moves", lambda: step(lr=0), torch.ones(2, 1))
right(f, "one tensor instead of a list", lambda: after(lambda: d2l.sgd(alone, 0.5, 1), lambda: alone.detach()), torch.full((2, 1), 0.5))
alone = param()
right(f, "a rate in a tensor", lambda: after(lambda: d2l.sgd([rated], torch.tensor(0.5), 2), lambda: rated.detach()), torch.full((2, 1), 0.75))
rated = param()

f = "train_epoch_ch3"
value(f, "a loss with `reduction='mean'`", lambda: epoch(loss=nn.CrossEntropyLoss()), "reduction='none'")
value(f, "a loss with `reduction='sum'`", lambda: epoch(loss=nn.CrossEntropyLoss(reduction="sum")), "reduction='none'")
value(f, "a loss of n x n numbers", lambda: epoch(loss=lambda a, b: each(a, b)[:, None] + each(a, b)), r"\(2, 2\) for 2 examples")
value(f, "a loss that is not finite", lambda: epoch(loss=lambda a, b: each(a, b) * INF), "training loss is (inf|nan)")
value(f, "a learning rate of nan", lambda: epoch(lr=NAN, batches=good * 2), "lr must be finite")
value(f, "images that are nan", lambda: epoch(batches=[(images * NAN, targets)]), "nan: the model has diverged")
value(f, "label -100, which PyTorch would skip", lambda: epoch(batches=[(images, targets - 100)]), "lie in 0..2")
value(f, "label q", lambda: epoch(batches=[(images, targets + 2)]), r"lie in 0\.\.2, got 2\.\.3")
value(f, "labels (n, 1)", lambda: epoch(batches=[(images, targets[:, None])]), "same shape")
value(f, "one-hot labels", lambda: epoch(batches=[(images, torch.eye(3)[targets])]), "same shape")
value(f, "float labels", lambda: epoch(batches=[(images, targets.float())]), "loss fails on.*float32")
value(f, "a model whose parameters are frozen", lambda: epoch(frozen()), "no parameter with requires_grad")
value(f, "a net under `no_grad`", lambda: epoch(torch.no_grad()(linear())), "requires_grad")
value(f, "an optimiser of another model", lambda: epoch(updater=torch.optim.SGD(linear().parameters(), lr=0.1)), "no parameter of the optimiser")
value(f, "an updater of parameters without gradients", lambda: epoch(updater=lambda n: d2l.sgd([param(None)], 0.1, n)), "no gradient")
value(f, "a model on another device", lambda: epoch(linear(device="meta")), "net fails on")
value(f, "a net that returns (n,)", lambda: epoch(lambda X: X.sum((1, 2, 3))), "loss")
kind(f, "`updater='sgd'`", lambda: epoch(updater="sgd"), "updater must be.*got 'sgd'")
kind(f, "`loss=None`", lambda: epoch(loss=None), "loss must be a function")
kind(f, "a net that is none", lambda: epoch(net=[1]), "net must be a function")
kind(f, "a net that returns a list", lambda: epoch(net=lambda X: X.tolist()), "what net returns must be a torch.Tensor")
right(
    f,
    "one example at a time, `reduction='mean'`: as `reduction='none'`",
    lambda: epoch(batches=[(images[:1], targets[:1])], loss=nn.CrossEntropyLoss()),
    epoch(batches=[(images[:1], targets[:1])]),
)

f = "train_ch3"


def train(num_epochs=1, test=good, train=good, loss=each):
    net = linear()
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    return d2l.train_ch3(net, train, test, loss, num_epochs, trainer)


value(f, "`num_epochs=0`", lambda: train(0), "num_epochs must be at least 1, got 0")
value(f, "`num_epochs=-1`", lambda: train(-1), "num_epochs must be at least 1, got -1")
kind(f, "`num_epochs=2.0`", lambda: train(2.0), "num_epochs must be an int, got 2.0")
value(f, "a generator for the training data, 2 epochs", lambda: train(2, train=iter(good)), "train_iter gave no examples.*one epoch only")
value(f, "a generator for the test data, 2 epochs", lambda: train(2, test=iter(good)), "data_iter gave no examples.*one epoch only")
value(f, "no test data", lambda: train(test=[]), "data_iter gave no examples")
value(f, "a loss with `reduction='mean'`", lambda: train(loss=nn.CrossEntropyLoss()), "reduction='none'")
right(f, "one epoch", lambda: len(train(1)), 1)

f = "predict_ch3"


def predicted(net=lambda X: torch.eye(10)[targets], test=good, n=2):
    d2l.predict_ch3(net, test, n)
    return [ax.get_title() for ax in d2l.plt.gcf().axes]


value(f, "`n=0`", lambda: predicted(n=0), "n must be at least 1, got 0")
kind(f, "`n=2.5`", lambda: predicted(n=2.5), "n must be an int, got 2.5")
value(f, "no test data", lambda: predicted(test=[]), "test_iter gave no examples")
value(f, "rows of pixels instead of images", lambda: predicted(test=[(images.flatten(1), targets)]), r"X must have.*\(2, 6\)")
value(f, "images of three colours", lambda: predicted(test=[(torch.rand(2, 3, 4, 4), targets)]), r"X must have.*\(2, 3, 4, 4\)")
value(f, "labels out of range", lambda: predicted(test=[(images, targets + 9)]), "0 to 9, got 10")
value(f, "a net of nan", lambda: predicted(lambda X: torch.full((2, 10), NAN)), "nan: the model has diverged")
value(f, "a net that returns (n,)", lambda: predicted(lambda X: torch.ones(2)), r"shape \(2, q\) with q > 1, got \(2,\)")
value(f, "a net of 12 classes", lambda: predicted(lambda X: torch.eye(12)[[11, 0]]), "0 to 9, got 11")
value(f, "a model on another device", lambda: predicted(linear(device="meta")), "net fails on")
right(f, "n larger than the minibatch: all that it holds", lambda: predicted(n=9), ["trouser\ntrouser", "t-shirt\nt-shirt"])

f = "Accumulator"
value(f, "`n=0`", lambda: d2l.Accumulator(0), "n must be at least 1, got 0")
kind(f, "`n=2.0`", lambda: d2l.Accumulator(2.0), "n must be an int, got 2.0")
value(f, "`add` of 1 number to 2 sums", lambda: d2l.Accumulator(2).add(1), "expected 2 numbers, got 1")
value(f, "`add` of a tensor of 2 numbers", lambda: accumulated(torch.ones(2)), r"one number, got shape \(2,\)")
kind(f, "`add` of a text", lambda: accumulated("3"), "must be a number, got '3'")
kind(f, "`add` of nothing", lambda: accumulated(None), "must be a number, got NoneType")
kind(f, "`add` of a complex number", lambda: accumulated(1j), "must be a number, got 1j")
right(f, "`add` of a tensor with gradient, of shape (1,)", lambda: accumulated(param(shape=(1,)), 2), [1.0, 2.0])
refused(IndexError, f, "`metric[2]` of 2 sums", lambda: d2l.Accumulator(2)[2], "index out of range")

f = "Timer"
value(f, "`avg` before `stop`", lambda: d2l.Timer().avg(), "no interval recorded")
right(f, "`sum` and `cumsum` before `stop`", lambda: (d2l.Timer().sum(), d2l.Timer().cumsum()), (0, []))

# Figures

f = "set_figsize"
for bad, error in [
    (5, TypeError),
    (("a", 2), TypeError),
    (None, TypeError),
    ((1, 2, 3), ValueError),
    ((-1, 2), ValueError),
    ((0, 2), ValueError),
    ((NAN, 2), ValueError),
]:
    refused(error, f, f"`{bad!r}`", lambda bad=bad: d2l.set_figsize(bad), "figsize must be a pair")

f = "set_axes"


def set_axes(ax=None, xlim=None, ylim=None, xscale="linear", legend=None):
    ax = axes() if ax is None else ax
    d2l.set_axes(ax, "x", "y", xlim, ylim, xscale, "linear", legend)
    return ax


kind(f, "an array of Axes", lambda: set_axes(axes(2)), "one matplotlib Axes, got ndarray")
kind(f, "a text for the legend", lambda: set_axes(legend="loss"), r"list of names, got 'loss'")
value(f, "`xlim=(0,)`", lambda: set_axes(xlim=(0,)), "xlim must be a pair")
value(f, "`ylim=3`", lambda: set_axes(ylim=3), "ylim must be a pair.*got 3")
value(f, "`xscale='x'`", lambda: set_axes(xscale="x"), "not a valid value for scale")
right(f, "`xlim=[1, 1]`, after one epoch: left to matplotlib", lambda: set_axes(xlim=[1, 1]).get_xlim(), (0, 1))

f = "plot"
value(f, "2 x and 3 y", lambda: plotted([1, 2], [1, 2, 3]), "must have same first dimension")
value(f, "2 X and 3 Y", lambda: plotted([[1], [2]], [[1], [2], [3]]), "one X.*got 2 X and 3 Y")
value(f, "no points", lambda: plotted([]), "X holds no points")
kind(f, "a number", lambda: plotted(5), "sequence of numbers, got 5")
kind(f, "nothing", lambda: plotted(None), "sequence of numbers, got NoneType")
kind(f, "a generator", lambda: plotted(i for i in range(3)), "sequence of numbers, got generator")
value(f, "`fmts=()`", lambda: plotted([1, 2], fmts=()), "fmts must hold a format")
kind(f, "a text for the legend", lambda: plotted([1, 2], legend="loss"), "list of names")
value(f, "`figsize=(-1, 2)`", lambda: d2l.plot([1, 2], figsize=(-1, 2)), "figsize must be a pair")
kind(f, "an array of Axes", lambda: d2l.plot([1, 2], axes=axes(2)), "one matplotlib Axes")
right(f, "tensors with gradient", lambda: plotted(param(shape=(2,)), param(shape=(2,))), [([1, 1], [1, 1])])

f = "show_images"
value(f, "5 images for 1 x 3 cells", lambda: d2l.show_images(torch.rand(5, 2, 2), 1, 3), "5 images do not fit into 1 x 3")
value(f, "`num_rows=0`", lambda: d2l.show_images(images, 0, 2), "num_rows must be at least 1")
kind(f, "`num_cols=2.0`", lambda: d2l.show_images(images, 1, 2.0), "num_cols must be an int")
value(f, "1 title for 2 images", lambda: d2l.show_images(images, 1, 2, ["a"]), "2 texts, one for each image")
value(f, "a text for the titles", lambda: d2l.show_images(images, 1, 2, "ab"), "2 texts, one for each image, got 'ab'")
value(f, "colours first, (3, h, w)", lambda: d2l.show_images(torch.rand(1, 3, 5, 5), 1, 1), r"imgs\[0\] must have.*\(3, 5, 5\)")
value(f, "rows of pixels", lambda: d2l.show_images(images.flatten(1), 1, 2), r"imgs\[0\] must have.*\(6,\)")
value(f, "`scale=0`", lambda: d2l.show_images(images, 1, 2, scale=0), "scale must be")
kind(f, "`scale='a'`", lambda: d2l.show_images(images, 1, 2, scale="a"), "scale must be")
kind(f, "nothing", lambda: d2l.show_images(None, 1, 2), "sequence of images, got NoneType")
right(f, "no images: empty cells", lambda: len(d2l.show_images([], 1, 2)), 2)

f = "Animator"
value(f, "`add` of 2 x and 3 y", lambda: added(([1, 2], [1, 2, 3])), "2 x and 3 y")
kind(f, "`add` of a text", lambda: added((1, "a")), "y must be a number, got 'a'")
kind(f, "`add` at a text", lambda: added(("a", 1)), "x must be a number, got 'a'")
value(f, "`add` of a tensor of 2 numbers for one curve", lambda: added((1, (torch.ones(2),))), r"one number, got shape \(2,\)")
value(f, "`nrows=0`", lambda: d2l.Animator(nrows=0), "[Nn]umber of rows must be a positive integer")
value(f, "`figsize=(-1, 2)`", lambda: d2l.Animator(figsize=(-1, 2)), "size must be positive finite")
right(f, "`add` of a tensor of shape ()", lambda: added((1, torch.tensor(2.5))), [[[1], [2.5]]])
right(f, "`add` of None: the curve stays", lambda: added((1, (1, 2)), (2, (3, None))), [[[1, 2], [1, 3]], [[1], [2]]])

right("get_dataloader_workers", "nothing, as it should be", lambda: d2l.get_dataloader_workers(), 0)


# The tests


@pytest.fixture(autouse=True)
def no_figures_left():
    d2l.plt.close("all")
    yield
    d2l.plt.close("all")


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    """A file that is read in spite of bad arguments is missing."""
    monkeypatch.setattr(fashion_mnist, "MIRRORS", [])
    monkeypatch.setenv("D2L_DATA", str(tmp_path))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.function}: {case.given}")
def test_bad_input_gets_an_error_that_names_it_or_the_right_result(case):
    if case.error is None:
        result = case.call()
        if isinstance(case.result, torch.Tensor):
            torch.testing.assert_close(result, case.result, equal_nan=True)
        else:
            assert result == case.result
    else:
        with pytest.raises(case.error, match=case.words) as caught:
            case.call()
        assert type(caught.value) is case.error


def test_every_public_function_has_cases():
    without = {"plt", "glue", "use_svg_display"}  # they take nothing that could be wrong
    assert {case.function for case in CASES} == set(d2l.__all__) - without


def test_what_is_refused_changes_no_parameter():
    for wrong in ([(images, targets[:, None])], [(images, targets - 100)], [(images * NAN, targets)]):
        net = linear()
        before = [p.detach().clone() for p in net.parameters()]
        with pytest.raises(ValueError):
            epoch(net, wrong, updater=torch.optim.SGD(net.parameters(), lr=0.1))
        torch.testing.assert_close([p.detach() for p in net.parameters()], before, rtol=0, atol=0)
    good_param, bad_param = param(), param(None)
    with pytest.raises(ValueError):
        d2l.sgd([good_param, bad_param], 0.1, 1)
    assert (good_param == 1).all() and (good_param.grad == 1).all()


# Shapes: any that fits gives what an oracle gives, any other is refused

shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
small = settings(deadline=None, max_examples=150)


@given(X_shape=shapes, w_shape=shapes, b_shape=shapes, like=st.booleans())
@small
def test_linreg_takes_exactly_the_shapes_of_the_model(X_shape, w_shape, b_shape, like):
    if like:  # else they hardly ever fit
        w_shape = X_shape[-1:] + w_shape[1:]
    X, w, b = torch.randn(X_shape), torch.randn(w_shape), torch.randn(b_shape)
    outputs = w_shape[1] if len(w_shape) == 2 else 1
    fits = (
        len(X_shape) in (1, 2)
        and len(w_shape) in (1, 2)
        and X_shape[-1] == w_shape[0]
        and b_shape in ((), (1,), (1, 1), (outputs,), (1, outputs))
        and len(b_shape) <= max(len(X_shape) + len(w_shape) - 2, 1)
    )
    if fits:
        rows, columns = X.reshape(-1, X_shape[-1]), w.reshape(w_shape[0], -1)
        loop = [[sum(x * v for x, v in zip(row, column)) for column in columns.T] for row in rows]
        expected = torch.tensor(loop) + b.reshape(-1)
        result = d2l.linreg(X, w, b)
        assert result.shape == X_shape[:-1] + w_shape[1:] or result.numel() == expected.numel() == 1
        torch.testing.assert_close(result.flatten(), expected.flatten())
    else:
        with pytest.raises(ValueError, match="must"):
            d2l.linreg(X, w, b)


@given(a=shapes, b=shapes, like=st.booleans(), ones=st.lists(st.integers(0, 3), max_size=2))
@small
def test_squared_loss_compares_number_with_number_or_refuses(a, b, like, ones):
    if like:  # the shape of `a`, with axes of length 1 put in or taken out
        b = [n for n in a if n != 1]
        for place in ones:
            b.insert(min(place, len(b)), 1)
        b = tuple(b)
    y_hat, y = torch.randn(a), torch.randn(b)
    if [n for n in a if n != 1] == [n for n in b if n != 1]:
        pairs = zip(y_hat.flatten().tolist(), y.flatten().tolist())
        expected = torch.tensor([(p - q) ** 2 / 2 for p, q in pairs]).reshape(a)
        torch.testing.assert_close(d2l.squared_loss(y_hat, y), expected)
    else:
        with pytest.raises(ValueError, match="equally many|same shape"):
            d2l.squared_loss(y_hat, y)


@given(shape=shapes, y_shape=shapes, fits=st.booleans(), shift=st.sampled_from([0, 0, 0, -1, 1]))
@small
def test_class_labels_fit_the_scores_or_are_refused(shape, y_shape, fits, shift):
    if fits:
        shape = (shape + (2, 3))[:2]
        y_shape = shape[:1]
    o = torch.randn(shape)
    q = shape[1] if len(shape) == 2 else 3
    y = torch.arange(math.prod(y_shape)).reshape(y_shape) % q + shift
    fits = len(shape) == 2 and y_shape == shape[:1] and 0 <= y.min() and y.max() < q
    if fits:
        p = d2l.softmax(o)
        torch.testing.assert_close(p, torch.softmax(o, 1))
        torch.testing.assert_close(d2l.cross_entropy(p, y), each(o, y))
        if q > 1:  # one column stands for the predictions themselves
            rows = zip(o.tolist(), y.tolist())
            assert d2l.accuracy(o, y) == sum(row.index(max(row)) == k for row, k in rows)
    else:
        with pytest.raises(ValueError, match="must"):
            d2l.cross_entropy(torch.rand(shape), y)
        if len(shape) == 2 and q > 1:
            with pytest.raises(ValueError, match="must"):
                d2l.accuracy(o, y)


@given(n=st.integers(0, 6), m=st.integers(0, 6), batch_size=st.integers(-1, 8))
@small
def test_readers_give_every_row_once_or_refuse(n, m, batch_size):
    features, labels = torch.arange(2.0 * n).reshape(n, 2), torch.arange(m)
    for reader in (lambda: d2l.data_iter(batch_size, features, labels), lambda: d2l.load_array((features, labels), batch_size)):
        if n == m > 0 and batch_size > 0:
            batches = list(reader())
            assert len(batches) == -(-n // batch_size)
            assert all(torch.equal(X, features[y]) for X, y in batches)
            assert sorted(torch.cat([y for _, y in batches]).tolist()) == list(range(n))
        else:
            with pytest.raises(ValueError, match="batch_size|one row|no examples"):
                reader()


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5))
@small
def test_evaluation_counts_each_example_once_whatever_the_batches(sizes):
    n = sum(sizes)
    o, y = torch.randn(n, 3), torch.randint(0, 3, (n,))
    batches = list(zip(o.split(sizes), y.split(sizes)))
    right_ones = (o.argmax(1) == y).sum().item()
    assert d2l.evaluate_accuracy(same, batches) == pytest.approx(right_ones / n)
    assert d2l.evaluate_loss(same, batches, each) == pytest.approx(each(o, y).mean().item(), rel=1e-5)


# The table on the API page


def answer(case: Case) -> str:
    """What comes back, in the words of the package where the message is its own."""
    if case.error is None:
        return "the right result"
    try:
        case.call()
    except case.error as error:
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        own = Path(trace.tb_frame.f_code.co_filename).parent == Path(d2l.__file__).parent
        message = str(error) if own else "says so in the words of Python or matplotlib"
        return f"{case.error.__name__}: " + re.sub(r"( fails on [^:]*): .*", r"\1: …", message)
    finally:
        d2l.plt.close("all")
    raise AssertionError(f"{case.function}, {case.given}: nothing was raised")


def fragment() -> str:
    """The table, in Markdown; a row for each case, in the order of the functions' names."""
    lines = ["| Function | Given | What comes back |", "|---|---|---|"]
    for case in sorted(CASES, key=lambda case: case.function.lower()):
        text = re.sub(r"([\\`*_\[\]<>|$~{}])", r"\\\1", answer(case).replace("\n", " "))
        lines.append(f"| `{case.function}` | {case.given} | {text} |")
    return "\n".join(lines) + "\n"


def test_the_table_on_the_api_page_is_that_of_these_cases():
    assert FRAGMENT.read_text() == fragment(), "run `python tests/test_bad_input.py`"


if __name__ == "__main__":
    os.environ["D2L_DATA"] = "/nonexistent"
    FRAGMENT.write_text(fragment())
    refusals = sum(case.error is not None for case in CASES)
    print(f"{len(CASES)} cases: {refusals} refused, {len(CASES) - refusals} right: {FRAGMENT}")
