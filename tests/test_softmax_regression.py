"""Each function of chapters 4 to 7 against an oracle: its torch twin, a formula, or by hand."""

import math

import pytest
import torch
from torch import nn

import d2lsupport as d2l

NAN = float("nan")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def problem(n=50, d=6, q=4):
    X = torch.randn(n, d)
    return X, (X @ torch.randn(d, q)).argmax(1)


def test_softmax_equals_its_torch_twin_also_at_extreme_logits():
    o = torch.randn(20, 7) * 10
    torch.testing.assert_close(d2l.softmax(o), torch.softmax(o, 1))
    extreme = torch.tensor([[1000.0, 0.0, -1000.0], [-1000.0, -1000.0, -1000.0], [89.0, 0.0, 89.0]])
    expected = torch.tensor([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0, 0.5]])
    torch.testing.assert_close(d2l.softmax(extreme), expected)


def test_softmax_rows_sum_to_one_and_ignore_a_shift():
    o = torch.randn(9, 5)
    torch.testing.assert_close(d2l.softmax(o).sum(1), torch.ones(9))
    torch.testing.assert_close(d2l.softmax(o + 3), d2l.softmax(o))
    assert (d2l.softmax(o) > 0).all()


@pytest.mark.parametrize("X", [torch.ones(3), torch.ones(2, 3, 4), torch.ones(2, 0)])
def test_softmax_refuses_other_than_rows_of_logits(X):
    with pytest.raises(ValueError, match=r"shape \(n, q\)"):
        d2l.softmax(X)


def test_softmax_refuses_integers():
    with pytest.raises(TypeError, match="floating point"):
        d2l.softmax(torch.ones(2, 3, dtype=torch.int64))


def test_cross_entropy_by_hand_and_against_its_torch_twin():
    y_hat, y = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]]), torch.tensor([0, 2])
    expected = torch.tensor([-math.log(0.1), -math.log(0.5)])
    torch.testing.assert_close(d2l.cross_entropy(y_hat, y), expected)
    o, y = torch.randn(8, 5), torch.randint(0, 5, (8,))
    twin = nn.CrossEntropyLoss(reduction="none")(o, y)
    torch.testing.assert_close(d2l.cross_entropy(d2l.softmax(o), y), twin)


def test_the_gradient_with_respect_to_the_logits_is_y_hat_minus_y():
    o = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 1, 2, 3, 0, 0])
    d2l.cross_entropy(d2l.softmax(o), y).sum().backward()
    expected = d2l.softmax(o.detach()) - nn.functional.one_hot(y, 4)
    torch.testing.assert_close(o.grad, expected)
    assert torch.autograd.gradcheck(lambda o: d2l.cross_entropy(d2l.softmax(o), y), o)


@pytest.mark.parametrize(
    ("y", "error"),
    [
        (torch.tensor([0, -1]), ValueError),
        (torch.tensor([0, 3]), ValueError),
        (torch.tensor([[0], [1]]), ValueError),
        (torch.tensor([0, 1, 2]), ValueError),
        (torch.tensor([0.0, 1.0]), TypeError),
        (torch.tensor([True, False]), TypeError),
        ([0, 1], TypeError),
    ],
)
def test_cross_entropy_refuses_labels_that_would_index_something_else(y, error):
    with pytest.raises(error, match="labels|y must"):
        d2l.cross_entropy(torch.full((2, 3), 1 / 3), y)


def test_accuracy_is_a_count():
    y_hat = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5], [0.9, 0.1, 0.0]])
    assert d2l.accuracy(y_hat, torch.tensor([0, 2, 0])) == 2.0
    assert d2l.accuracy(torch.tensor([1, 2, 0]), torch.tensor([1, 2, 2])) == 2.0
    # one output, as in a regression: compared number by number
    assert d2l.accuracy(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0]])) == 1.0


def test_accuracy_refuses_columns_of_labels_and_nan():
    with pytest.raises(ValueError, match="same shape"):
        d2l.accuracy(torch.rand(256, 10), torch.zeros(256, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="nan"):
        d2l.accuracy(torch.full((2, 3), NAN), torch.tensor([0, 0]))


def test_accumulator_adds_and_resets():
    metric = d2l.Accumulator(2)
    metric.add(1, torch.tensor(2.5, requires_grad=True))
    metric.add(10, 0.5)
    assert (metric[0], metric[1]) == (11, 3)
    metric.reset()
    assert (metric[0], metric[1]) == (0, 0)
    with pytest.raises(ValueError, match="expected 2 numbers"):
        metric.add(1)
    with pytest.raises(ValueError, match="n must be"):
        d2l.Accumulator(0)


def test_evaluate_accuracy_weighs_examples_and_gives_the_net_back_as_it_was():
    X, y = torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 2, 1])
    batches = [(X[:3], y[:3]), (X[3:], y[3:])]  # 3 of 3 and 0 of 1: 0.75, not 0.5
    assert d2l.evaluate_accuracy(lambda X: X, batches) == 0.75
    net = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
    for training in (True, False):
        net.train(training)
        assert d2l.evaluate_accuracy(net, batches) == 0.75  # no dropout in evaluation
        assert net.training is training


def test_evaluation_keeps_no_graph():
    seen = []
    layer = nn.Linear(3, 2)

    def net(X):
        seen.append(layer(X))
        return seen[-1]

    d2l.evaluate_accuracy(net, [(torch.ones(2, 3), torch.tensor([0, 1]))])
    assert not seen[0].requires_grad


def test_evaluate_accuracy_refuses_empty_data():
    with pytest.raises(ValueError, match="no examples"):
        d2l.evaluate_accuracy(lambda X: X, [])


@pytest.mark.parametrize("kind", ["torch", "scratch"])
def test_an_epoch_replayed_by_independent_code_gives_the_same_figures(kind):
    X, y = problem()
    batches = [(X[i : i + 16], y[i : i + 16]) for i in range(0, 50, 16)]  # 16, 16, 16, 2
    W, b = torch.randn(6, 4), torch.zeros(4)
    params = [W.clone().requires_grad_(), b.clone().requires_grad_()]
    loss = nn.CrossEntropyLoss(reduction="none")
    updater = torch.optim.SGD(params, lr=0.1) if kind == "torch" else (
        lambda batch_size: d2l.sgd(params, 0.1, batch_size))
    result = d2l.train_epoch_ch3(lambda X: X @ params[0] + params[1], batches, loss, updater)

    total, correct = 0.0, 0
    for X_batch, y_batch in batches:  # the gradient by its formula, no autograd
        probabilities = torch.softmax(X_batch @ W + b, 1)
        total -= probabilities[range(len(y_batch)), y_batch].log().sum().item()
        correct += (probabilities.argmax(1) == y_batch).sum().item()
        delta = (probabilities - nn.functional.one_hot(y_batch, 4)) / len(y_batch)
        W, b = W - 0.1 * X_batch.T @ delta, b - 0.1 * delta.sum(0)
    torch.testing.assert_close([p.detach() for p in params], [W, b])
    assert result == (pytest.approx(total / 50, rel=1e-5), correct / 50)


def test_an_epoch_puts_a_module_into_training_mode():
    net = nn.Linear(6, 4).eval()
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    d2l.train_epoch_ch3(net, [problem()], nn.CrossEntropyLoss(reduction="none"), trainer)
    assert net.training


def test_train_epoch_refuses_what_would_report_a_wrong_loss():
    X, y = problem()
    net = nn.Linear(6, 4)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="reduction='none'"):
        d2l.train_epoch_ch3(net, [(X, y)], nn.CrossEntropyLoss(), trainer)
    with pytest.raises(ValueError, match="no examples"):
        d2l.train_epoch_ch3(net, iter([]), nn.CrossEntropyLoss(reduction="none"), trainer)
    with pytest.raises(ValueError, match="diverged"):
        d2l.train_epoch_ch3(net, [(X * NAN, y)], nn.CrossEntropyLoss(reduction="none"), trainer)


def test_train_ch3_trains_for_the_epochs_asked_and_reports_the_final_model():
    X, y = problem()
    net = nn.Linear(6, 4)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss(reduction="none")
    train_iter, test_iter = d2l.load_array((X, y), 16), [(X[:20], y[:20])]
    history = d2l.train_ch3(net, train_iter, test_iter, loss, 5, trainer)
    assert len(history) == 5
    assert history[-1][0] < history[0][0]
    assert history[-1][2] == d2l.evaluate_accuracy(net, test_iter)
    with pytest.raises(ValueError, match="num_epochs must be at least 1"):
        d2l.train_ch3(net, train_iter, test_iter, loss, 0, trainer)


def test_a_generator_that_is_used_up_is_named():
    X, y = problem()
    net = nn.Linear(6, 4)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    once = (batch for batch in [(X, y)])
    with pytest.raises(ValueError, match="a generator lasts one epoch only"):
        d2l.train_ch3(net, once, [(X, y)], nn.CrossEntropyLoss(reduction="none"), 2, trainer)


def test_predict_ch3_shows_the_images_with_true_and_predicted_names():
    X, y = torch.rand(8, 1, 28, 28), torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])
    d2l.plt.close("all")
    d2l.predict_ch3(lambda X: nn.functional.one_hot(torch.full((len(X),), 9), 10), [(X, y)], n=3)
    axes = d2l.plt.gcf().axes
    titles = [ax.get_title() for ax in axes]
    assert titles == [f"{name}\nankle boot" for name in ("t-shirt", "trouser", "pullover")]
    assert all((ax.images[0].get_array() == X[i, 0].numpy()).all() for i, ax in enumerate(axes))
    d2l.plt.close("all")


def test_predict_ch3_predicts_without_dropout_and_gives_the_net_back_as_it_was():
    modes = []

    class Net(nn.Module):
        def forward(self, X):
            modes.append(self.training)
            return torch.zeros(len(X), 10)

    net = Net()
    d2l.predict_ch3(net, [(torch.rand(2, 1, 28, 28), torch.tensor([0, 1]))], n=2)
    assert modes == [False] and net.training
    d2l.plt.close("all")


def test_cross_entropy_takes_labels_of_any_integer_type():
    y_hat = torch.tensor([[0.1, 0.9], [0.3, 0.7]])
    for dtype in (torch.uint8, torch.int8, torch.int32, torch.int64):
        loss = d2l.cross_entropy(y_hat, torch.tensor([1, 0], dtype=dtype))
        torch.testing.assert_close(loss, -torch.tensor([0.9, 0.3]).log())


def test_the_history_is_a_list_that_shows_nothing_as_the_last_line_of_a_cell():
    X, y = problem()
    net = nn.Linear(6, 4)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss(reduction="none")
    history = d2l.train_ch3(net, [(X, y)], [(X, y)], loss, 1, trainer)
    assert isinstance(history, list) and history._ipython_display_() is None
    d2l.plt.close("all")


def test_timer_adds_up_its_intervals():
    timer = d2l.Timer()
    with pytest.raises(ValueError, match="no interval"):
        timer.avg()
    timer.stop()
    timer.start()
    timer.stop()
    assert len(timer.times) == 2 and all(t >= 0 for t in timer.times)
    assert timer.sum() == pytest.approx(sum(timer.times))
    assert timer.avg() == pytest.approx(timer.sum() / 2)
    assert timer.cumsum() == pytest.approx([timer.times[0], timer.sum()])
