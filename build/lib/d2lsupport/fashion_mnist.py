"""Fashion-MNIST, checked before each use and held in memory.

`ensure_fashion_mnist` makes sure of the files, `load_data_fashion_mnist` reads them. Run as a
program, `python -m d2lsupport [ROOT]` fetches what is missing and says where it is.
"""

from __future__ import annotations

import argparse
import errno
import gzip
import hashlib
import io
import logging
import operator
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils import data

from d2lsupport import _checks

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
PATIENCE = 10.0  # seconds that a download may be silent, or behind SLOWEST
SLOWEST = 100_000  # bytes a second
LOCK_TIMEOUT = 900.0  # seconds to wait for another process that fetches the same files
APT_TIMEOUT = 120.0  # seconds for each step of apt-get

Found = Iterator[tuple[str, bytes]]  # names and contents of files, checked
_log = logging.getLogger(__name__)


class FashionMNISTError(RuntimeError):
    """The files are not complete; the message says what was tried and what to do."""


def ensure_fashion_mnist(root: str | os.PathLike[str] | None = None, apt: bool = False) -> Path:
    """Make sure that the four files below `root`/FashionMNIST/raw are the official ones.

    Each use checks size and SHA-256, which takes 0.05 s and writes nothing when all is well. A
    missing or damaged file is replaced from the first source with the right content: its .gz
    beside it, Debian's package, the mirrors. If `root` cannot be written, a cache folder is used.

    Args:
        root: a folder; the one that the environment variable D2L_DATA names, else ../data, if
            not given.
        apt: as the last source, fetch Debian's package with apt-get, without installing it.

    Returns:
        The folder to hand to torchvision: `root`, or the cache folder.

    Raises:
        FashionMNISTError: if no source has what is missing, or torchvision's old cache is there.
    """
    root = Path(root or os.environ.get("D2L_DATA") or "../data").expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "d2lsupport"
    folders = [DEBIAN_FOLDER]
    tried: list[str] = []
    for place in [root, cache] if cache.is_absolute() else [root]:
        _refuse_processed(place)
        raw = place / "FashionMNIST" / "raw"
        if not _missing(raw):
            return place
        folders.insert(0, raw)
        try:
            if _fill(raw, folders, apt, tried):
                return place
            break
        except OSError as error:
            full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
            reason = "the disk is full" if full else _reason(error)
            need = sum(FILES[name][0] for name in _missing(raw)) / 1e6
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


def _refuse_processed(root: Path) -> None:
    """Raise where torchvision would read its old cache in place of the files."""
    processed = root / "FashionMNIST" / "processed"
    if any((processed / name).exists() for name in ("training.pt", "test.pt")):
        raise FashionMNISTError(
            f"{processed.absolute()} was made by a torchvision before 0.8, and torchvision reads "
            "it unchecked in place of the files in raw/. Delete or rename this folder and run "
            "this again, or set the environment variable D2L_DATA to another folder."
        )


def _missing(raw: Path, names: Iterable[str] = FILES) -> list[str]:
    """Those of the files that are not in `raw`, or not the official ones."""

    def is_right(path: Path, size: int, sha256: str) -> bool:
        digest = hashlib.sha256()
        try:
            if not path.is_file() or path.stat().st_size != size:
                return False
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except OSError:
            return False
        return digest.hexdigest() == sha256

    return [name for name in names if not is_right(raw / name, *FILES[name])]


def _fill(raw: Path, folders: list[Path], apt: bool, tried: list[str]) -> bool:
    """Write what is missing in `raw`, and return whether it is complete.

    `tried` gets the reasons why sources failed; an OSError means that `raw` cannot be written.
    """
    import filelock  # not at the top: `import d2lsupport` costs no more than torch, matplotlib

    sources: list[Callable[[list[str]], Found]]
    sources = [partial(_from_folder, folder, tried) for folder in folders]
    sources += [partial(_from_mirror, mirror, tried) for mirror in MIRRORS]
    sources += [partial(_from_apt, tried)] if apt else []
    raw.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(raw / ".d2lsupport.lock", timeout=LOCK_TIMEOUT):
        for leftover in raw.glob(".*-ubyte.part"):  # of a run that was killed
            leftover.unlink()
        names = _missing(raw)  # again: another process may have been here before us
        for source in sources:
            for name, content in source(names) if names else ():
                _write(raw / name, content)
            names = _missing(raw, names)
        return not names


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _unpack(blob: bytes, name: str) -> bytes:
    """The official content of `blob`, raw or .gz; raise ValueError where it is another."""
    size, sha256 = FILES[name]
    if blob[:2] == b"\x1f\x8b":
        try:
            blob = gzip.GzipFile(fileobj=io.BytesIO(blob)).read(size + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"damaged ({error})") from None
    if hashlib.sha256(blob).hexdigest() != sha256:
        raise ValueError("not the official file (its SHA-256 is another)")
    return blob


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _from_folder(folder: Path, tried: list[str], names: list[str]) -> Found:
    """What `folder` holds of the files, raw or .gz."""
    absent: list[str] = []
    for name in names:
        paths = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
        absent += [] if paths else [name]
        for path in paths:
            try:
                content = _unpack(path.read_bytes(), name)
            except (OSError, ValueError) as error:
                tried.append(f"{path.absolute()}: {_reason(error)}")
            else:
                _log.info("Taking %s", path)
                yield name, content
                break
    if absent:
        tried.append(f"{folder.absolute()}: does not hold {', '.join(absent)}")


def _from_mirror(mirror: str, tried: list[str], names: list[str]) -> Found:
    """What a mirror sends of the files; it is left once it is out of reach."""
    for name in names:
        url = f"{mirror}{name}.gz"
        _log.info("Fetching %s", url)
        try:
            content = _unpack(_download(url, FILES[name][0]), name)
        except Exception as error:
            tried.append(f"{url}: {_reason(error)}")
            if not isinstance(error, (ValueError, urllib.error.HTTPError)):
                return
        else:
            yield name, content


def _download(url: str, limit: int) -> bytes:
    """The answer to `url`, at most `limit` bytes, in bounded time.

    It runs in a thread because a socket's timeout bounds neither the look-up of the name nor a
    server that sends a byte now and then.
    """
    answer = io.BytesIO()
    failures: list[Exception] = []
    given_up = threading.Event()

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                while not given_up.is_set() and (chunk := response.read1(1 << 16)):
                    if answer.tell() + len(chunk) > limit:
                        raise ValueError("longer than the official file")
                    answer.write(chunk)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=fetch, daemon=True)
    start = time.monotonic()
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        if time.monotonic() - start > PATIENCE + answer.tell() / SLOWEST:
            given_up.set()
            raise TimeoutError(f"silent or too slow, {answer.tell()} bytes came")
    if failures:
        raise failures[0]
    return answer.getvalue()


def _from_apt(tried: list[str], names: list[str]) -> Found:
    """The files from Debian's package, fetched by apt-get into a folder of our own.

    This needs no root and leaves the system as it is: state and cache are ours, and the hooks
    that a system may run after an update would run in an empty folder, where they find nothing.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        tried.append("apt-get and dpkg-deb: not on this system")
        return
    _log.info("Fetching the package %s with apt-get", DEBIAN_PACKAGE)
    with tempfile.TemporaryDirectory(prefix="d2lsupport-", ignore_cleanup_errors=True) as home:
        for folder in ("state/lists/partial", "cache/archives/partial", "empty"):
            Path(home, folder).mkdir(parents=True)
        Path(home, "status").touch()
        settings = f"""
            Dir::State={home}/state
            Dir::State::status={home}/status
            Dir::Cache={home}/cache
            DPkg::Chroot-Directory={home}/empty
            APT::Sandbox::User=root
            Acquire::http::Timeout=10
            Acquire::https::Timeout=10
            Acquire::Languages=none
        """  # the sandbox: or root becomes _apt, who may not write here
        apt_get = ["apt-get", "-q", *(f"-o{line.strip()}" for line in settings.strip().split("\n"))]
        log = Path(home, "log")

        def run(*command: str) -> int:
            with log.open("ab") as out:  # a file: a pipe would keep us waiting for grandchildren
                return subprocess.run(
                    command, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                    env={**os.environ, "LC_ALL": "C"}, timeout=APT_TIMEOUT, check=False,
                ).returncode  # fmt: skip

        try:
            run(*apt_get, "update")  # it fails with one archive of many; the download decides
            failed = run(*apt_get, "download", DEBIAN_PACKAGE)
            failed = failed or run("dpkg-deb", "-x", *map(str, Path(home).glob("*.deb")), "files")
            reason = log.read_text(errors="replace").strip() if failed else ""
        except (OSError, subprocess.SubprocessError) as error:
            reason = _reason(error)
        if reason:
            tried.append(f"apt-get download {DEBIAN_PACKAGE}: {reason[-400:]}")
        else:
            yield from _from_folder(Path(f"{home}/files{DEBIAN_SHARE}"), tried, names)


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
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> Batch:
        rows = torch.as_tensor(indices)
        X = self.images[rows].unsqueeze(1)
        if self.resize:  # on bytes, as PIL does it: the same grey levels, or one level off
            X = torch.nn.functional.interpolate(X, self.resize, mode="bilinear", antialias=True)
        return Batch(X.to(torch.get_default_dtype()).div_(255), self.targets[rows])


class Batch:
    """A batch as two tensors that reads as a sequence of (image, label) pairs."""

    def __init__(self, X: torch.Tensor, y: torch.Tensor) -> None:
        self.X, self.y = X, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.X[index], int(self.y[index])


def as_tensors(batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Collate a batch of `InMemory`: nothing is left to do."""
    return batch.X, batch.y


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
    from torchvision.datasets import FashionMNIST  # slow to import

    loaders = []
    for train in (True, False):
        files = FashionMNIST(str(root), train=train, download=False)
        dataset = InMemory(files.data, files.targets, None if resize is None else size)
        loaders.append(data.DataLoader(dataset, batch_size, shuffle=train, collate_fn=as_tensors))
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
    """
    names = []
    for label in labels.tolist() if isinstance(labels, torch.Tensor) else labels:
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
    except FashionMNISTError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Fashion-MNIST is complete in {(root / 'FashionMNIST' / 'raw').absolute()}")
    return 0
