"""Fashion-MNIST, checked before each use and held in memory.

`ensure_fashion_mnist` makes sure of the files, `load_data_fashion_mnist` reads them. Run as a
program, `python -m d2lsupport [ROOT]` fetches what is missing and says where it is.
"""

from __future__ import annotations

import argparse
import errno
import logging
import operator
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils import data

from d2lsupport import _checks, _files
from d2lsupport._loader import Batch, BatchLoader, as_tensors, pick

LABELS = "t-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(",")

# Bytes and SHA-256 of the uncompressed files; the .gz differ from source to source.
TABLE = """
train-images-idx3-ubyte 47040016 c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
train-labels-idx1-ubyte    60008 bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
t10k-images-idx3-ubyte   7840016 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
t10k-labels-idx1-ubyte     10008 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34
"""
ROWS = map(str.split, TABLE.strip().split("\n"))
FILES = {name: (int(size), sha256) for name, size, sha256 in ROWS}
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_SHARE = "/usr/share/datasets/fashion-mnist"  # where the package has the .gz
DEBIAN_FOLDER = Path(DEBIAN_SHARE)
MIRRORS = [
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
]
PATIENCE = 10.0  # seconds that a download may be silent, or behind the slowest allowed
APT_TIMEOUT = 120.0  # seconds for each step of apt-get


class FashionMNISTError(RuntimeError):
    """The files are not complete; the message says what was tried and what to do."""


def ensure_fashion_mnist(root: str | os.PathLike[str] | None = None, apt: bool = False) -> Path:
    """Make sure that the four files below `root`/FashionMNIST/raw are the official ones.

    Each use checks size and SHA-256, which takes 0.05 s and writes nothing when all is well. A
    missing or damaged file is replaced from the first source with the right content: its .gz
    beside it, Debian's package, the mirrors. Until one is found, a damaged file stays as it is;
    other files are never touched. If `root` cannot be written, a cache folder is used.

    Args:
        root: a folder; the one that the environment variable D2L_DATA names, else ../data, if
            not given or empty.
        apt: as the last source, fetch Debian's package with apt-get, without installing it.

    Returns:
        The folder to hand to torchvision: `root`, or the cache folder.

    Raises:
        FashionMNISTError: if no source has what is missing, or torchvision's old cache is there.
        TypeError, ValueError: if `root` is not the path of a folder.
    """
    given = os.environ.get("D2L_DATA") or "../data" if root is None or root == "" else root
    root = _folder(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "d2lsupport"
    folders = [DEBIAN_FOLDER]
    remote: list[_files.Source]
    remote = [partial(_files.from_mirror, mirror, PATIENCE) for mirror in MIRRORS]
    if apt:
        remote.append(partial(_files.from_apt, DEBIAN_PACKAGE, DEBIAN_SHARE, APT_TIMEOUT))
    tried: list[str] = []
    for place in [root, cache] if cache.is_absolute() else [root]:
        _refuse_processed(place)
        raw = place / "FashionMNIST" / "raw"
        if not _files.missing(raw, FILES):
            return place
        folders.insert(0, raw)
        local = [partial(_files.from_folder, folder) for folder in folders]
        try:
            if _files.fill(raw, FILES, [*local, *remote], tried):
                return place
            break
        except (OSError, NotImplementedError) as error:  # the latter: no locks on this disk
            code = getattr(error, "errno", None)
            full = code is not None and code in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
            reason = "the disk is full" if full else _files.reason(error)
            need = sum(size for size, _ in _files.missing(raw, FILES).values()) / 1e6
            tried.append(f"writing {need:.0f} MB into {raw.absolute()}: {reason}")
    names = "".join(f"      {name}.gz\n" for name in FILES)
    raise FashionMNISTError(
        "Fashion-MNIST is not complete. Tried, in this order:\n"
        + "".join(f"  - {line}\n" for line in tried)
        + "Do one of these, and run this again:\n"
        "  - connect to the internet;\n"
        f"  - on Debian or Ubuntu: sudo apt-get install {DEBIAN_PACKAGE}\n"
        f"  - put these four files, from https://github.com/zalandoresearch/fashion-mnist,\n{names}"
        f"    into {(root / 'FashionMNIST' / 'raw').absolute()}\n"
        "  - if that folder cannot be written, or its disk is full: set the environment variable\n"
        "    D2L_DATA to another folder."
    )


def _folder(root: Any) -> Path:
    """`root` as a path, with ~ replaced."""
    if not isinstance(root, (str, os.PathLike)) or isinstance(os.fspath(root), bytes):
        raise TypeError(f"root must be the path of a folder, got {root!r} ({type(root).__name__})")
    if "\0" in str(root):
        raise ValueError(f"root must be the path of a folder, got {str(root)!r}")
    try:
        return Path(root).expanduser()
    except RuntimeError:
        raise ValueError(f"root must be the path of a folder; {root} names nobody's home") from None


def _refuse_processed(root: Path) -> None:
    """Raise where torchvision would read its old cache in place of the files."""
    processed = root / "FashionMNIST" / "processed"
    if any(os.path.exists(processed / name) for name in ("training.pt", "test.pt")):
        raise FashionMNISTError(
            f"{processed.absolute()} was made by a torchvision before 0.8, and torchvision reads "
            "it unchecked in place of the files in raw/. Delete or rename this folder and run "
            "this again, or set the environment variable D2L_DATA to another folder."
        )


class InMemory(data.Dataset[tuple[torch.Tensor, int]]):
    """Images and labels in memory, decoded a whole batch at a time.

    An image is (1, h, w), float, with values in [0, 1], as torchvision's `ToTensor` gives it.

    Attributes:
        images: uint8, shape (n, 28, 28), as in the files.
        targets: int64, shape (n,).
        resize: (h, w) where the images are resized, else None.
    """

    def __init__(self, images: torch.Tensor, targets: torch.Tensor, resize: Any = None) -> None:
        self.images, self.targets, self.resize = images, targets, resize

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        X, y = self.__getitems__([range(len(self))[index]])[0]
        return X, int(y)

    def __getitems__(self, indices: Any) -> Batch:
        rows = torch.as_tensor(indices)
        X = pick(self.images, rows).unsqueeze(1)
        if self.resize:  # on bytes, as PIL does it: the same grey levels, or one level off
            # Four images at a time, as the channels of one: PyTorch has fast code for four.
            X = torch.nn.functional.pad(X, [0] * 7 + [-len(rows) % 4])
            X = X.reshape(-1, 4, *X.shape[-2:])
            X = torch.nn.functional.interpolate(X, self.resize, mode="bilinear", antialias=True)
            X = X.reshape(-1, 1, *self.resize)[: len(rows)]
        return Batch(X / 255, pick(self.targets, rows))


def _content(path: Path, header: int) -> torch.Tensor:
    """The bytes of an IDX file after its header; torchvision reads the same, and loads for 1 s."""
    content = bytearray(path.stat().st_size)
    with path.open("rb") as file:
        file.readinto(content)
    return torch.frombuffer(content, dtype=torch.uint8, offset=header)


def load_data_fashion_mnist(
    batch_size: int, resize: int | tuple[int, int] | None = None
) -> tuple[data.DataLoader[Any], data.DataLoader[Any]]:
    """The training and the test set, in minibatches; the training set is shuffled each epoch.

    Args:
        batch_size: examples in a minibatch, at least 1.
        resize: enlarge or shrink the images to (h, w), or to a square of this side.

    Returns:
        Two DataLoaders of pairs X (batch_size, 1, h, w), float32 in [0, 1], and y (batch_size,),
        classes 0 to 9. `dataset.images` of each holds all images, uint8, and `dataset.targets` all
        labels.

    Raises:
        TypeError, ValueError: if `batch_size` or `resize` is not as above.
        FashionMNISTError: if the files are not there and cannot be fetched.
    """
    _checks.positive_int("batch_size", batch_size)
    size = tuple(resize) if isinstance(resize, (tuple, list)) else (resize, resize)
    if len(size) != 2:
        raise ValueError(f"resize must be a whole number or a pair (h, w), got {resize!r}")
    if resize is not None:
        _checks.positive_int("resize", size[0])
        _checks.positive_int("resize", size[1])
    root = ensure_fashion_mnist()
    raw = root / "FashionMNIST" / "raw"
    loaders = []
    for train in (True, False):
        name = "train" if train else "t10k"
        images = _content(raw / f"{name}-images-idx3-ubyte", header=16).reshape(-1, 28, 28)
        targets = _content(raw / f"{name}-labels-idx1-ubyte", header=8).long()
        dataset = InMemory(images, targets, None if resize is None else size)
        loaders.append(BatchLoader(dataset, batch_size, shuffle=train, collate_fn=as_tensors))
    return loaders[0], loaders[1]


def get_dataloader_workers() -> int:
    """How many processes a DataLoader should start for data in memory: none.

    Sending a batch from process to process costs more than decoding it here; where processes
    are spawned (Windows, macOS), starting four of them takes longer than an epoch.
    """
    return 0


def get_fashion_mnist_labels(labels: Any) -> list[str]:
    """The names of classes.

    Args:
        labels: whole numbers from 0 to 9, a tensor of shape (n,) or a sequence.

    Raises:
        ValueError: if one is not a whole number from 0 to 9.
        TypeError: if `labels` is no sequence.
    """
    names = []
    values = labels.tolist() if isinstance(labels, torch.Tensor) else labels
    for label in _checks.iterable("labels", values, "a sequence or a tensor of shape (n,)"):
        try:
            index = -1 if isinstance(label, bool) else operator.index(label)
        except TypeError:
            index = -1
        if not 0 <= index < len(LABELS):
            raise ValueError(f"labels must be whole numbers from 0 to 9, got {label!r}")
        names.append(LABELS[index])
    return names


def main(arguments: list[str] | None = None) -> int:
    """Fetch the files and say where they are; return 1 if that fails."""
    parser = argparse.ArgumentParser(prog="python -m d2lsupport", description=(
        "Make sure that the Fashion-MNIST files are there and right."))  # fmt: skip
    parser.add_argument("root", nargs="?", help="folder (default: what D2L_DATA says, or ../data)")
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        root = ensure_fashion_mnist(parser.parse_args(arguments).root, apt=True)
    except (FashionMNISTError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Fashion-MNIST is complete in {(root / 'FashionMNIST' / 'raw').absolute()}")
    return 0
