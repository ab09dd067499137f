"""What the chapters print and what d2lsupport holds is the same algorithm: equal on good input."""

import inspect
import math
import random

import pytest
import torch
from torch import nn

import d2lsupport as d2l
from chapters import CHAPTERS, definitions

BY_NUMBER = {int(md.name[:2]): md for md in CHAPTERS}


def printed(number, *names):
    """Run the definitions that chapter `number` prints and return those of the given names."""
    space = {"torch": torch, "nn": nn, "d2l": d2l, "random": random, "math": math,
             "data": torch.utils.data}
    for name, source in definitions(BY_NUMBER[number]).items():
        if name in d2l.__all__:
            exec(source, space)  # the project's own text
    return [space[name] for name in names]


@pytest.mark.parametrize(
    ("number", "names"),
    [
        (2, ["synthetic_data", "data_iter", "linreg", "squared_loss", "sgd"]),
        (3, ["load_array"]),
        (5, ["get_dataloader_workers", "get_fashion_mnist_labels", "load_data_fashion_mnist"]),
        (6, ["softmax", "net", "cross_entropy", "accuracy", "evaluate_accuracy", "Accumulator",
             "train_epoch_ch3", "train_ch3", "updater", "predict_ch3"]),
        (7, ["init_weights"]),
    ],
)
def test_every_function_of_the_notes_is_printed_in_its_chapter(number, names):
    assert set(names) <= set(definitions(BY_NUMBER[number]))


def test_printed_functions_take_the_arguments_of_the_package():
    for md in CHAPTERS:
        for name, source in definitions(md).items():
            if name in d2l.__all__ and source.startswith("def"):
                (function,) = printed(int(md.name[:2]), name)
                ours = inspect.signature(getattr(d2l, name)).parameters.values()
                theirs = inspect.signature(function).parameters.values()
                assert [(p.name, p.default) for p in theirs] == [(p.name, p.default) for p in ours]


def test_synthetic_data():
    (synthetic_data,) = printed(2, "synthetic_data")
    results = []
    for function in (synthetic_data, d2l.synthetic_data):
        torch.manual_seed(3)
        results.append(function(torch.tensor([2, -3.4]), 4.2, 7))
    torch.testing.assert_close(*results, rtol=0, atol=0)


def test_data_iter():
    (data_iter,) = printed(2, "data_iter")
    X, y = torch.arange(14.0).reshape(7, 2), torch.arange(7.0).reshape(7, 1)
    results = []
    for function in (data_iter, d2l.data_iter):
        torch.manual_seed(3)
        results.append(list(function(3, X, y)))
    assert [len(y) for _, y in results[0]] == [3, 3, 1]
    torch.testing.assert_close(*results, rtol=0, atol=0)


def test_linreg_and_squared_loss():
    linreg, squared_loss = printed(2, "linreg", "squared_loss")
    X, w, b = torch.randn(5, 3), torch.randn(3, 1), torch.randn(1)
    y = torch.randn(5)
    torch.testing.assert_close(linreg(X, w, b), d2l.linreg(X, w, b), rtol=0, atol=0)
    y_hat = d2l.linreg(X, w, b)
    torch.testing.assert_close(squared_loss(y_hat, y), d2l.squared_loss(y_hat, y), rtol=0, atol=0)


def test_sgd():
    (sgd,) = printed(2, "sgd")
    params = [torch.ones(3, 1, requires_grad=True), torch.ones(3, 1, requires_grad=True)]
    for param, function in zip(params, (sgd, d2l.sgd)):
        (param**3).sum().backward()
        function([param], 0.1, 5)
        assert param.grad.abs().sum() == 0
    torch.testing.assert_close(params[0].data, torch.full((3, 1), 1 - 0.1 * 3 / 5))
    torch.testing.assert_close(*params, rtol=0, atol=0)


def test_load_array():
    (load_array,) = printed(3, "load_array")
    arrays = torch.arange(7.0), torch.arange(7)
    for is_train in (True, False):
        results = []
        for function in (load_array, d2l.load_array):
            torch.manual_seed(3)
            results.append(list(function(arrays, 3, is_train)))
        torch.testing.assert_close(*results, rtol=0, atol=0)


def test_softmax_cross_entropy_accuracy():
    softmax, cross_entropy, accuracy = printed(6, "softmax", "cross_entropy", "accuracy")
    o, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 1, 1])
    torch.testing.assert_close(softmax(o), d2l.softmax(o))
    torch.testing.assert_close(cross_entropy(softmax(o), y), d2l.cross_entropy(d2l.softmax(o), y))
    assert accuracy(o, y) == d2l.accuracy(o, y)


def test_the_training_loops_give_the_same_history():
    names = "train_epoch_ch3", "evaluate_accuracy", "Accumulator", "train_ch3"
    train_epoch, evaluate, accumulator, train = printed(6, *names)
    torch.manual_seed(0)
    X, y = torch.randn(50, 1, 4, 4), torch.randint(0, 3, (50,))
    histories = []
    for train_function, accuracy_of in ((train, evaluate), (d2l.train_ch3, d2l.evaluate_accuracy)):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        batches, others = d2l.load_array((X, y), 8), [(X[:20], y[:20])]
        trainer = torch.optim.SGD(net.parameters(), lr=0.1)
        loss = nn.CrossEntropyLoss(reduction="none")
        history = train_function(net, batches, others, loss, 3, trainer)
        assert history[-1][2] == accuracy_of(net, others)
        histories.append([*net.parameters(), torch.tensor(list(history))])
    torch.testing.assert_close(*histories, rtol=0, atol=0)
