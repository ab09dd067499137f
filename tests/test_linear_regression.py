"""Each function of chapters 1 to 3 against an oracle: a closed form, its torch twin, or by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lsupport as d2l
from d2lsupport import _loader

TRUE_W, TRUE_B = torch.tensor([2, -3.4]), 4.2


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_synthetic_data_is_the_linear_model_with_noise_of_standard_deviation_0_01():
    X, y = d2l.synthetic_data(TRUE_W, TRUE_B, 20_000)
    assert X.shape == (20_000, 2) and y.shape == (20_000, 1)
    noise = y[:, 0] - (X @ TRUE_W + TRUE_B)
    # 6 sigma of each estimate at n = 20,000
    assert abs(noise.mean()) < 6 * 0.01 / 20_000**0.5
    assert abs(noise.std() - 0.01) < 6 * 0.01 / (2 * 20_000) ** 0.5
    assert X.mean(0).abs().max() < 6 / 20_000**0.5
    assert (X.std(0) - 1).abs().max() < 6 / (2 * 20_000) ** 0.5
    assert abs((X[:, 0] * X[:, 1]).mean()) < 6 / 20_000**0.5


def test_synthetic_data_takes_a_column_of_weights_and_follows_the_seed():
    first = d2l.synthetic_data(TRUE_W, TRUE_B, 5)
    torch.manual_seed(0)
    second = d2l.synthetic_data(TRUE_W.reshape(2, 1), TRUE_B, 5)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(first, d2l.synthetic_data(TRUE_W, TRUE_B, 5))


@given(n=st.integers(1, 40), batch_size=st.integers(1, 50))
@settings(deadline=None)
def test_an_epoch_yields_every_row_once(n, batch_size):
    features, labels = torch.arange(n * 2.0).reshape(n, 2), torch.arange(n).reshape(n, 1)
    batches = list(d2l.data_iter(batch_size, features, labels))
    sizes = [len(y) for _, y in batches]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1) and 1 <= sizes[-1] <= batch_size
    y = torch.cat([y for _, y in batches])
    assert sorted(y.flatten().tolist()) == list(range(n))
    X = torch.cat([X for X, _ in batches])
    assert torch.equal(X, features[y.flatten()])  # labels travel with their features


def test_data_iter_shuffles_anew_in_each_epoch():
    labels = torch.arange(100)
    orders = [torch.cat([y for _, y in d2l.data_iter(7, labels, labels)]) for _ in range(2)]
    assert not torch.equal(*orders)
    assert not torch.equal(orders[0], labels)


def test_linreg_is_an_affine_map():
    X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    w, b = torch.tensor([[10.0], [1.0]]), torch.tensor([5.0])
    expected = torch.tensor([[17.0], [39.0]])
    torch.testing.assert_close(d2l.linreg(X, w, b), expected)
    torch.testing.assert_close(d2l.linreg(X, w, 5.0), expected)
    torch.testing.assert_close(d2l.linreg(X, w.flatten(), torch.tensor(5.0)), expected.flatten())
    torch.testing.assert_close(d2l.linreg(X[0], w.flatten(), b), expected[0])  # one example
    layer = torch.nn.Linear(2, 3)
    torch.testing.assert_close(d2l.linreg(X, layer.weight.T, layer.bias), layer(X))


def test_linreg_refuses_a_bias_that_would_be_spread_over_the_examples():
    X, w = torch.ones(4, 2), torch.ones(2, 1)
    for b in (torch.ones(4), torch.ones(4, 1), torch.ones(1, 1, 1)):
        with pytest.raises(ValueError, match="b must be"):
            d2l.linreg(X, w, b)
    with pytest.raises(ValueError, match="b must be"):
        d2l.linreg(X, w.flatten(), torch.ones(4))


def test_squared_loss_by_hand_and_against_its_torch_twin():
    y_hat, y = torch.tensor([[3.0], [5.0]]), torch.tensor([1.0, 8.0])
    torch.testing.assert_close(d2l.squared_loss(y_hat, y), torch.tensor([[2.0], [4.5]]))
    twin = torch.nn.functional.mse_loss(y_hat, y.reshape(2, 1), reduction="none") / 2
    torch.testing.assert_close(d2l.squared_loss(y_hat, y), twin)


def test_the_gradient_of_the_squared_loss_is_the_error():
    y_hat = torch.randn(6, 1, dtype=torch.float64, requires_grad=True)
    y = torch.randn(6, dtype=torch.float64)
    d2l.squared_loss(y_hat, y).sum().backward()
    torch.testing.assert_close(y_hat.grad, (y_hat - y.reshape(6, 1)).detach())
    assert torch.autograd.gradcheck(lambda y_hat: d2l.squared_loss(y_hat, y), y_hat)


def test_squared_loss_refuses_different_lengths():
    with pytest.raises(ValueError, match="equally many"):
        d2l.squared_loss(torch.ones(4, 1), torch.ones(5))


def test_20_steps_of_sgd_are_20_steps_of_torch_also_on_short_batches():
    X, y = d2l.synthetic_data(TRUE_W, TRUE_B, 47)  # batches of 10 and one of 7
    ours = [torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    theirs = [torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    trainer = torch.optim.SGD(theirs, lr=0.1)
    for _ in range(4):
        for X_batch, y_batch in d2l.data_iter(10, X, y):
            d2l.squared_loss(d2l.linreg(X_batch, *ours), y_batch).sum().backward()
            d2l.sgd(ours, 0.1, len(y_batch))
            trainer.zero_grad()
            d2l.squared_loss(d2l.linreg(X_batch, *theirs), y_batch).mean().backward()
            trainer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=5e-7)
    assert all(p.requires_grad and not p.grad.any() for p in ours)


def test_training_reaches_the_least_squares_solution():
    X, y = d2l.synthetic_data(TRUE_W, TRUE_B, 1000)
    w, b = torch.normal(0, 0.01, (2, 1), requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(3):
        for X_batch, y_batch in d2l.data_iter(10, X, y):
            d2l.squared_loss(d2l.linreg(X_batch, w, b), y_batch).sum().backward()
            d2l.sgd([w, b], 0.03, len(y_batch))
    design = torch.cat([X, torch.ones(1000, 1)], 1)
    solution = torch.linalg.lstsq(design, y).solution
    assert (torch.cat([w.detach().flatten(), b.detach()]) - solution.flatten()).abs().max() < 0.01
    floor = d2l.squared_loss(design @ solution, y).mean()
    mean_loss = d2l.evaluate_loss(lambda X: d2l.linreg(X, w, b), [(X, y)], d2l.squared_loss)
    assert floor <= mean_loss < 1.2 * floor


@pytest.mark.parametrize("lr", [-0.1, float("nan"), float("inf")])
def test_sgd_refuses_a_learning_rate_that_cannot_be_meant(lr):
    w = torch.ones(1, requires_grad=True)
    w.sum().backward()
    with pytest.raises(ValueError, match="lr must be"):
        d2l.sgd([w], lr, 1)
    assert w == 1


def test_sgd_refuses_what_would_train_nothing_in_silence():
    w = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="no gradient"):
        d2l.sgd([w], 0.1, 1)
    with pytest.raises(ValueError, match="params is empty"):
        d2l.sgd(iter([]), 0.1, 1)
    w.sum().backward()
    with pytest.raises(ValueError, match="batch_size"):
        d2l.sgd([w], 0.1, 0)
    with pytest.raises(TypeError, match="lr must be a number"):
        d2l.sgd([w], "0.1x", 1)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_readers_refuse_a_batch_size_below_one(batch_size):
    X, y = torch.ones(3, 2), torch.ones(3)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        d2l.data_iter(batch_size, X, y)  # at the call, not at the first batch
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        d2l.load_array((X, y), batch_size)
    with pytest.raises(TypeError, match="batch_size must be an int"):
        d2l.data_iter(2.5, X, y)


def test_readers_refuse_data_that_do_not_fit():
    for reader in (lambda X, y: d2l.data_iter(2, X, y), lambda X, y: d2l.load_array((X, y), 2)):
        with pytest.raises(ValueError, match="one row for each"):
            reader(torch.ones(3, 2), torch.ones(4))
        with pytest.raises(ValueError, match="no examples"):
            reader(torch.ones(0, 2), torch.ones(0))
        with pytest.raises(TypeError, match="must be a torch.Tensor"):
            reader([1.0, 2.0], torch.ones(2))


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.ones(2, 2), 0.0, 5),
        (torch.ones(0), 0.0, 5),
        (torch.ones(2), torch.ones(2), 5),
        (torch.ones(2), 0.0, 0),
    ],
)
def test_synthetic_data_refuses_shapes_it_cannot_mean(arguments):
    with pytest.raises(ValueError, match="must"):
        d2l.synthetic_data(*arguments)


def test_load_array_is_a_dataloader_that_shuffles_only_for_training():
    X, y = torch.arange(20.0).reshape(10, 2), torch.arange(10)
    fixed = d2l.load_array((X, y), 4, is_train=False)
    assert isinstance(fixed, torch.utils.data.DataLoader) and len(fixed) == 3
    assert torch.equal(torch.cat([y for _, y in fixed]), y)
    shuffled = torch.cat([y for _, y in d2l.load_array((X, y), 4)])
    assert not torch.equal(shuffled, y) and torch.equal(shuffled.sort().values, y)


@pytest.mark.parametrize("at_once", [1, 100, 1 << 20])  # bytes, of examples of 12 bytes
@pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (12, 4), (100, 7), (3, 5), (1, 1)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_load_array_gives_the_batches_of_pytorchs_loader(
    n, batch_size, shuffle, at_once, monkeypatch
):
    monkeypatch.setattr(_loader, "AT_ONCE", at_once)
    arrays = torch.randn(n, 2), torch.arange(n, dtype=torch.int32)
    plain = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*arrays), batch_size, shuffle=shuffle
    )
    epochs = []
    for loader in (d2l.load_array(arrays, batch_size, shuffle), plain):
        torch.manual_seed(3)
        epochs.append([list(loader), list(loader), torch.rand(1)])
    torch.testing.assert_close(*epochs, rtol=0, atol=0)
    assert len(epochs[0][0]) == len(plain)


@pytest.mark.parametrize("arrays", [(torch.randn(10, 2), torch.arange(10)), (torch.arange(10),)])
def test_the_data_set_of_load_array_serves_another_loader_too(arrays):
    loader = d2l.load_array(arrays, 4, is_train=False)
    other = torch.utils.data.DataLoader(loader.dataset, 4)
    torch.testing.assert_close(list(other), list(loader), rtol=0, atol=0)


def test_evaluate_loss_weighs_examples_not_batches():
    X, y = torch.arange(7.0).reshape(7, 1), torch.zeros(7)
    batches = d2l.load_array((X, y), 3, is_train=False)
    result = d2l.evaluate_loss(lambda X: X, batches, d2l.squared_loss)
    assert result == pytest.approx((X**2 / 2).mean().item())
    batch_means = sum((X**2 / 2).mean().item() for X, _ in batches) / 3
    assert result != pytest.approx(batch_means)


def test_evaluate_loss_takes_class_labels_too():
    o, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    loss = torch.nn.CrossEntropyLoss(reduction="none")
    assert d2l.evaluate_loss(lambda X: X, [(o, y)], loss) == pytest.approx(loss(o, y).mean().item())


def test_evaluate_loss_refuses_a_mean_and_an_exhausted_iterator():
    X, y = torch.ones(4, 1), torch.zeros(4, 1)
    with pytest.raises(ValueError, match="reduction='none'"):
        d2l.evaluate_loss(lambda X: X, [(X, y)], torch.nn.MSELoss())
    with pytest.raises(ValueError, match="no examples"):
        d2l.evaluate_loss(lambda X: X, iter([]), d2l.squared_loss)
