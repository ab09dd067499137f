"""What the chapters print holds also where their own examples cannot tell, as with dropout."""

import time

import pytest
import torch
from test_printed_code import printed
from torch import nn

import d2lsupport as d2l
from chapters import CHAPTERS, definitions


@pytest.fixture
def modes():
    """A model that notes for each call whether it trains and whether a graph is built."""

    class Net(nn.Linear):
        def forward(self, X):
            scores = super().forward(X)
            calls.append((self.training, scores.requires_grad))
            return scores

    calls = []
    return Net(3, 2), calls


BATCHES = [(torch.eye(3), torch.tensor([0, 1, 1])), (torch.ones(1, 3), torch.tensor([0]))]


def test_the_printed_evaluation_is_without_dropout_and_without_a_graph(modes):
    net, calls = modes
    (evaluate_accuracy,) = printed(6, "evaluate_accuracy")
    evaluate_accuracy(net, BATCHES)
    assert calls == [(False, False)] * 2


def test_the_evaluation_of_a_loss_keeps_no_graph(modes):
    net, calls = modes
    d2l.evaluate_loss(net, BATCHES, nn.CrossEntropyLoss(reduction="none"))
    assert [graph for _, graph in calls] == [False] * 2


def test_the_printed_epoch_trains_in_training_mode(modes):
    net, calls = modes
    (train_epoch,) = printed(6, "train_epoch_ch3")
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    train_epoch(net.eval(), BATCHES, nn.CrossEntropyLoss(reduction="none"), trainer)
    assert calls == [(True, True)] * 2


def test_the_printed_prediction_shows_the_true_name_above_the_likeliest():
    (predict_ch3,) = printed(6, "predict_ch3")
    X, y = torch.rand(8, 1, 28, 28), torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])
    d2l.plt.close("all")
    predict_ch3(lambda X: nn.functional.one_hot(y[: len(X)] + 1, 10), [(X, y)], n=3)
    axes = d2l.plt.gcf().axes
    assert [ax.get_title() for ax in axes] == [
        "t-shirt\ntrouser", "trouser\npullover", "pullover\ndress"]  # fmt: skip
    assert all((ax.images[0].get_array() == X[i, 0].numpy()).all() for i, ax in enumerate(axes))
    d2l.plt.close("all")


def test_the_printed_timer_adds_up_its_intervals():
    space = {"time": time}
    exec(definitions(CHAPTERS[0])["Timer"], space)  # the project's own text
    timer = space["Timer"]()
    timer.times = [1.0, 3.0, 8.0]
    assert (timer.avg(), timer.sum(), timer.cumsum()) == (4.0, 12.0, [1.0, 4.0, 12.0])


@pytest.mark.parametrize("source", ["printed", "package"])
def test_an_interval_is_the_time_that_went_by(source, monkeypatch):
    space = {"time": time, "Timer": d2l.Timer}
    if source == "printed":
        exec(definitions(CHAPTERS[0])["Timer"], space)
    ticks = iter([1.0, 3.5, 4.0, 4.25])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    timer = space["Timer"]()
    assert timer.stop() == 2.5
    timer.start()
    assert timer.stop() == 0.25
