"""What importing the package loads, and what it does for `import torchvision`."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest
import torch

import d2lsupport
from d2lsupport import _torchvision


@pytest.fixture
def python():
    """Runs code in a new Python and returns what it prints."""

    def run(code):
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    return run


SLOW = "torchvision", "matplotlib", "IPython", "torch._dynamo", "filelock"
LOADED = f"import sys; print(*[name for name in {SLOW} if name in sys.modules])"


def test_importing_the_package_loads_little_more_than_torch(python):
    assert python(f"import torch; {LOADED}") == []
    assert python(f"import d2lsupport; {LOADED}") == []
    assert python(f"from d2lsupport import *; plt.figure(); {LOADED}") == ["matplotlib", "IPython"]
    names = python("import d2lsupport as d2l; print(*dir(d2l), d2l.plt.__name__)")
    assert {"plt", "Animator", "sgd", "matplotlib.pyplot"} <= set(names)


def test_training_and_loading_need_no_torchvision(python):
    code = (
        "import torch, d2lsupport as d2l;"
        "train_iter, test_iter = d2l.load_data_fashion_mnist(256);"
        "X, y = next(iter(test_iter));"
        "net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10));"
        "loss = torch.nn.CrossEntropyLoss(reduction='none');"
        "trainer = torch.optim.SGD(net.parameters(), 0.1);"
        "d2l.train_epoch_ch3(net, [(X, y)], loss, trainer); d2l.evaluate_accuracy(net, [(X, y)])"
    )
    assert not {"torchvision", "matplotlib", "IPython"} & set(python(f"{code}; {LOADED}"))


def test_a_name_that_is_none_is_refused_as_in_any_module():
    with pytest.raises(AttributeError, match="d2lsupport.*no_such_name"):
        d2lsupport.no_such_name  # noqa: B018


@pytest.mark.parametrize("operators_load", [True, False])
def test_torchvisions_operators_are_declared_when_it_is_looked_for_and_only_where_missing(
    operators_load, python
):
    code = f"""
import torch, d2lsupport, sys
from importlib.util import find_spec
def load_library(path):
    if not {operators_load}:
        raise OSError("linked to another torch")
torch.ops.load_library = load_library
def declared():
    return [hasattr(torch.ops.torchvision, name) for name in ("nms", "qnms")]
import wave
before = declared()
find_spec("torchvision")
print(*before, *declared(), any("BeforeTorchvision" in str(f) for f in sys.meta_path))
"""
    missing = str(not operators_load)
    assert python(code) == ["False", "False", missing, missing, "False"]


@pytest.mark.parametrize("spec", [None, ModuleSpec("torchvision", None)], ids=["none", "a folder"])
def test_without_torchvision_nothing_is_declared(spec, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(torch.library, "define", None)  # it would fail if called
    _torchvision.declare_missing_operators()


def test_one_library_of_operators_that_loads_is_enough(tmp_path, monkeypatch):
    spec = ModuleSpec("torchvision", None, origin=str(tmp_path / "__init__.py"))
    for name in ("_C.so", "_C_stable.so"):
        (tmp_path / name).touch()
    tried = []

    def load_library(path):
        tried.append(path)
        if len(tried) == 1:
            raise OSError("linked to another torch")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(torch.ops, "load_library", load_library)
    monkeypatch.setattr(torch.library, "define", None)
    _torchvision.declare_missing_operators()
    assert len(tried) == 2
