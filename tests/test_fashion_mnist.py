"""Fashion-MNIST is right or refused: real files, and a server on this machine as the mirror.

More faults, on files small enough for hundreds of them, are in `test_faults.py`.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import os
import pickle
import shutil
import threading
import time
from pathlib import Path

import matplotlib
import pytest
import torch
from torch.utils import data

import d2lsupport as d2l  # before torchvision: see d2lsupport/_torchvision.py
from d2lsupport import fashion_mnist as fm

import torchvision  # isort: skip
from torchvision import transforms  # isort: skip

REPOSITORY = Path(__file__).resolve().parent.parent
NAMES = list(fm.FILES)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES
SMALL = [TRAIN_LABELS, TEST_LABELS]
CONFIG = matplotlib.get_configdir()  # its font cache; a new home has none
CLOSED = "http://127.0.0.1:9/"
# Written once more, by hand: a slip in the module's table must not pass.
SHA256 = {
    TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def raw(root: Path) -> Path:
    return root / "FashionMNIST" / "raw"


def is_right(root: Path) -> bool:
    """Independent of the module: all four files, and no half-written one beside them."""
    folder = raw(root)
    return not list(folder.glob("*.part")) + list(folder.glob(".*.part")) and all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == SHA256[name] for name in NAMES
    )


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder with the real files, which no test writes to."""
    root = Path(os.environ.get("D2L_DATA") or REPOSITORY / "data").resolve()
    assert is_right(root), f"run `make data` first: {root}"
    return root


@pytest.fixture(scope="session")
def packed(official, tmp_path_factory) -> Path:
    """The four files as .gz, by a packer of our own: other bytes than the official .gz."""
    folder = tmp_path_factory.mktemp("packed")
    for name in NAMES:
        content = (raw(official) / name).read_bytes()
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
    return folder


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Nothing in reach: no mirror, no Debian package, a home and a cache of our own."""
    monkeypatch.setattr(fm, "MIRRORS", [CLOSED, CLOSED])
    monkeypatch.setattr(fm, "DEBIAN_FOLDER", tmp_path / "no-debian")
    monkeypatch.setattr(fm, "PATIENCE", 1.0)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


@pytest.fixture
def root(official, tmp_path) -> Path:
    """A folder of our own with the four right files."""
    root = tmp_path / "data"
    raw(root).mkdir(parents=True)
    for name in NAMES:
        os.link(raw(official) / name, raw(root) / name)  # never written to: see `put`
    return root


def put(path: Path, content: bytes) -> None:
    """Replace a file without writing through the hard link to the official one."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


class Mirror(http.server.ThreadingHTTPServer):
    """A server that answers with `answer(handler, name, content)` and notes what was asked."""

    daemon_threads = True

    def __init__(self, folder, answer):
        self.asked: list[str] = []
        self.sent = 0
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rpartition("/")[2]
                mirror.asked.append(name.removesuffix(".gz"))
                with contextlib.suppress(OSError):
                    answer(self, name, (folder / name).read_bytes())

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


def send(handler, content, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def well(handler, name, content):
    send(handler, content)


def hang(handler, name, content):
    time.sleep(30)


def drip(handler, name, content):
    send(handler, b"", length=len(content))
    for byte in content[:300]:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


def drip_header(handler, name, content):
    for _ in range(300):
        handler.wfile.write(b"H")
        time.sleep(0.1)


def drop(handler, name, content):
    send(handler, content[: len(content) // 2], length=len(content))


def error_page(handler, name, content):
    send(handler, b"<html>Please log in</html>")


def not_found(handler, name, content):
    send(handler, b"no", status=404)


def wrong_file(handler, name, content):
    send(handler, gzip.compress(b"\0" * fm.FILES[name.removesuffix(".gz")][0]))


def truncated(handler, name, content):
    send(handler, content[:-9])


def bit_flipped(handler, name, content):
    middle = len(content) // 2
    send(handler, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def endless(handler, name, content):
    send(handler, b"", length=1 << 40)
    for _ in range(800):  # 50 MB, for the sake of the machine
        handler.wfile.write(bytes(1 << 16))
        handler.server.sent += 1 << 16


def bomb(handler, name, content):
    send(handler, gzip.compress(b"\0" * 60_000_000))


@pytest.fixture
def mirror(packed):
    servers = []

    def start(answer):
        servers.append(Mirror(packed, answer))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# The files


def test_right_files_are_accepted_without_lock_or_write(root):
    before = sorted((p.name, p.stat().st_mtime_ns) for p in raw(root).iterdir())
    os.utime(raw(root), (1, 1))
    assert d2l.ensure_fashion_mnist(root) == root
    assert sorted((p.name, p.stat().st_mtime_ns) for p in raw(root).iterdir()) == before
    assert raw(root).stat().st_mtime == 1


def test_the_table_holds_the_official_checksums():
    assert {name: sha256 for name, (_, sha256) in fm.FILES.items()} == SHA256


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGES = {
    "missing": lambda c, other: None,
    "empty": lambda c, other: b"",
    "one byte": lambda c, other: b"\0",
    "header only": lambda c, other: c[:8],
    "one byte short": lambda c, other: c[:-1],
    "one byte long": lambda c, other: c + b"\0",
    "first byte lost": lambda c, other: c[1:],
    "half": lambda c, other: c[: len(c) // 2],
    "doubled": lambda c, other: c + c,
    "zeros": lambda c, other: bytes(len(c)),
    "last byte": lambda c, other: flip(c, len(c) - 1),
    "magic": lambda c, other: flip(c, 3),
    "count": lambda c, other: flip(c, 7),
    "bit in the middle": lambda c, other: flip(c, len(c) // 2),
    "reversed": lambda c, other: c[::-1],
    "rotated by one": lambda c, other: c[:8] + c[9:] + c[8:9],
    "half zeros": lambda c, other: c[: len(c) // 2] + bytes(len(c) - len(c) // 2),
    "other split": lambda c, other: other,
    "still packed": lambda c, other: gzip.compress(c, compresslevel=1),
    "an error page": lambda c, other: b"<html>404</html>".ljust(len(c)),
}


@pytest.mark.parametrize(("damage", "name"), [*zip(DAMAGES, 10 * [TEST_LABELS, TEST_IMAGES])])
def test_a_damaged_file_is_healed_from_the_gz_beside_it(root, official, packed, name, damage):
    path = raw(root) / name
    other = name.replace("t10k", "train") if "t10k" in name else name.replace("train", "t10k")
    content = DAMAGES[damage](path.read_bytes(), (raw(root) / other).read_bytes())
    path.unlink()
    if content is not None:
        put(path, content)
    shutil.copy(packed / f"{name}.gz", raw(root))
    assert d2l.ensure_fashion_mnist(root) == root
    assert is_right(root)
    assert (raw(root) / f"{name}.gz").exists()
    for right in set(NAMES) - {name}:
        assert os.path.samefile(raw(root) / right, raw(official) / right), "it was written anew"


@pytest.mark.parametrize("damage", ["zeros", "labels for images", "bit in the middle", "last byte"])
def test_a_damaged_file_is_refused_where_nothing_heals_it(root, damage):
    path = raw(root) / TEST_LABELS
    damaged = DAMAGES.get(damage, lambda c, other: other[: len(c)])(
        path.read_bytes(), (raw(root) / TEST_IMAGES).read_bytes()
    )
    put(path, damaged)
    with pytest.raises(fm.FashionMNISTError, match="not the official file"):
        d2l.ensure_fashion_mnist(root)
    assert path.read_bytes() == damaged


def test_swapped_labels_are_healed(root, packed):
    a, b = (raw(root) / name for name in SMALL)
    one, two = a.read_bytes(), b.read_bytes()
    put(a, two)
    put(b, one)
    for name in SMALL:
        shutil.copy(packed / f"{name}.gz", raw(root))
    d2l.ensure_fashion_mnist(root)
    assert is_right(root)


@pytest.mark.parametrize("cut", [slice(0, -9), slice(0, 5000), slice(10, None)])
def test_a_damaged_gz_is_left_for_the_next_source(root, packed, mirror, monkeypatch, cut):
    monkeypatch.setattr(fm, "MIRRORS", [mirror(well).address])
    (raw(root) / TRAIN_LABELS).unlink()
    gz = raw(root) / f"{TRAIN_LABELS}.gz"
    gz.write_bytes((packed / gz.name).read_bytes()[cut])
    d2l.ensure_fashion_mnist(root)
    assert is_right(root)


def test_the_sources_come_in_this_order(root, packed, mirror, monkeypatch):
    first, second = mirror(well), mirror(well)
    monkeypatch.setattr(fm, "MIRRORS", [first.address, second.address])
    monkeypatch.setattr(fm._files, "from_apt", lambda *_: pytest.fail("apt before the mirrors"))
    seen: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: seen.append(path) or read_bytes(path))
    debian = fm.DEBIAN_FOLDER
    for sources in (["beside", "debian"], ["debian"], []):
        for name in SMALL:
            (raw(root) / name).unlink()
        debian.mkdir(exist_ok=True)
        for name in SMALL:
            for source, folder in (("beside", raw(root)), ("debian", debian)):
                (folder / f"{name}.gz").unlink(missing_ok=True)
                if source in sources:
                    shutil.copy(packed / f"{name}.gz", folder)
        seen.clear()
        d2l.ensure_fashion_mnist(root, apt=True)
        read = {path.parent for path in seen if path.suffix == ".gz"}
        assert is_right(root)
        expected = {raw(root)} if "beside" in sources else {debian} if sources else set()
        assert read & {raw(root), debian} == expected
        assert first.asked == ([] if sources else SMALL)
    assert second.asked == []


# The mirrors

FAULTS = [hang, drip, drip_header, drop, error_page, not_found, wrong_file, truncated,
          bit_flipped, endless, bomb]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_faulty_mirror_is_left_for_the_next_one(root, mirror, monkeypatch, fault):
    bad, good = mirror(fault), mirror(well)
    monkeypatch.setattr(fm, "MIRRORS", [bad.address, good.address])
    for name in SMALL:
        (raw(root) / name).unlink()
    start = time.monotonic()
    assert d2l.ensure_fashion_mnist(root) == root
    assert time.monotonic() - start < 20
    assert is_right(root)
    assert bad.asked and good.asked == SMALL
    assert bad.sent < 20_000_000, "it took far more than the file has bytes"
    if fault in (hang, drip, drip_header):
        assert len(bad.asked) == 1, "it was waited for again"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_faulty_mirror_alone_leads_to_one_message(root, mirror, monkeypatch, fault):
    monkeypatch.setattr(fm, "MIRRORS", [mirror(fault).address])
    (raw(root) / TEST_LABELS).unlink()
    with pytest.raises(fm.FashionMNISTError, match="Tried"):
        d2l.ensure_fashion_mnist(root)
    assert not list(raw(root).glob(f"*{TEST_LABELS}*"))


def test_all_four_come_from_a_mirror(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(fm, "MIRRORS", [mirror(well).address])
    root = tmp_path / "with spaces" / "und Ümläuten 数据"
    assert d2l.ensure_fashion_mnist(root) == root
    assert is_right(root)


def test_with_nothing_in_reach_it_ends_at_once_with_one_clear_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    with pytest.raises(fm.FashionMNISTError) as caught:
        d2l.ensure_fashion_mnist("nowhere")
    assert time.monotonic() - start < 8
    message = str(caught.value)
    for part in [str(raw(tmp_path / "nowhere")), str(fm.DEBIAN_FOLDER), CLOSED, "refused",
                 "D2L_DATA", "apt-get install", *(f"{name}.gz" for name in NAMES)]:  # fmt: skip
        assert part in message


# Places


def test_the_tilde_is_the_home_folder(root, tmp_path):
    root.rename(tmp_path / "home")
    assert d2l.ensure_fashion_mnist("~") == tmp_path / "home"


def test_the_environment_variable_names_the_folder_unless_empty(root, tmp_path, monkeypatch):
    monkeypatch.setenv("D2L_DATA", str(root))
    assert d2l.ensure_fashion_mnist() == root
    monkeypatch.setenv("D2L_DATA", "")
    (tmp_path / "chapters").mkdir()
    monkeypatch.chdir(tmp_path / "chapters")
    assert d2l.ensure_fashion_mnist() == Path("../data")


def test_an_old_processed_folder_is_refused_and_kept(root):
    old = root / "FashionMNIST" / "processed"
    old.mkdir()
    fake = (torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
    for name in ("training.pt", "test.pt"):
        torch.save(fake, old / name)
    with pytest.raises(fm.FashionMNISTError, match="processed"):
        d2l.ensure_fashion_mnist(root)
    assert sorted(p.name for p in old.iterdir()) == ["test.pt", "training.pt"]


@pytest.mark.parametrize("in_the_way", ["raw/" + TEST_LABELS, "raw"])
def test_what_is_in_the_way_is_kept_and_the_cache_used(root, packed, tmp_path, in_the_way):
    shutil.copytree(packed, fm.DEBIAN_FOLDER)
    path = root / "FashionMNIST" / in_the_way
    if path.name == "raw":
        shutil.rmtree(path)
        path.write_text("mine")
    else:
        path.unlink()
        (path / "mine").mkdir(parents=True)
    cache = tmp_path / "home" / ".cache" / "d2lsupport"
    assert d2l.ensure_fashion_mnist(root) == cache
    assert is_right(cache)
    assert path.is_file() or (path / "mine").is_dir()


def test_a_full_disk_is_named_with_the_space_needed(root, mirror, monkeypatch):
    monkeypatch.setattr(fm, "MIRRORS", [mirror(well).address])
    (raw(root) / TEST_LABELS).unlink()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(fm.FashionMNISTError, match=r"\d+ MB .*: the disk is full"):
        d2l.ensure_fashion_mnist(root)
    assert not list(raw(root).glob(f"*{TEST_LABELS}*"))


def test_what_killed_runs_left_is_cleaned_up_by_the_next(root, packed):
    (raw(root) / TEST_LABELS).unlink()
    shutil.copy(packed / f"{TEST_LABELS}.gz", raw(root))
    for name in NAMES:
        (raw(root) / f".{name}.part").write_bytes(b"half")
    d2l.ensure_fashion_mnist(root)
    assert is_right(root)


def test_the_command_line_says_where_the_files_are_or_why_not(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert fm.main([str(root)]) == 0
    assert str(raw(root)) in capsys.readouterr().out.splitlines()[-1]
    assert fm.main([str(tmp_path / "none")]) == 1
    assert "apt-get and dpkg-deb: not on this system" in capsys.readouterr().err


# Debian's package, by an apt-get of our own; the real one is in test_apt.py


def apt(folder, monkeypatch, on_download):
    """Put an apt-get and a dpkg-deb before the real ones; the latter unpacks `folder`/package."""
    scripts = {
        "apt-get": "test -d state/lists/partial -a -d cache/archives/partial -a -d empty || exit 1;"
        f'case "$*" in *" download "*) {on_download} ;; esac',
        "dpkg-deb": f'test "$1 $2 $3" = "-x $PWD/a.deb files" && cp -r "{folder}/package" files',
    }
    for name, line in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_what_apt_downloads_is_unpacked_and_checked(packed, tmp_path, monkeypatch):
    shutil.copytree(packed, Path(f"{tmp_path}/package{fm.DEBIAN_SHARE}"))
    apt(tmp_path, monkeypatch, 'touch "$PWD/a.deb"')
    assert d2l.ensure_fashion_mnist(tmp_path / "data", apt=True) == tmp_path / "data"
    assert is_right(tmp_path / "data")


def test_what_apt_says_when_it_fails_is_passed_on(tmp_path, monkeypatch):
    apt(tmp_path, monkeypatch, "echo E: no such package; exit 100")
    with pytest.raises(fm.FashionMNISTError, match="apt-get download .*: E: no such package"):
        d2l.ensure_fashion_mnist(tmp_path / "data", apt=True)


def test_an_apt_get_that_cannot_be_started_is_named(tmp_path, monkeypatch):
    apt(tmp_path, monkeypatch, "true")
    (tmp_path / "apt-get").write_bytes(b"\x7fELF, but no program")
    monkeypatch.setenv("PATH", str(tmp_path))  # or the next apt-get on the path is started
    with pytest.raises(fm.FashionMNISTError, match="apt-get download .*: .*Exec format error"):
        d2l.ensure_fashion_mnist(tmp_path / "data", apt=True)


def test_apt_without_dpkg_is_not_asked(tmp_path, monkeypatch):
    apt(tmp_path, monkeypatch, "true")
    monkeypatch.setattr(shutil, "which", lambda name: name == "apt-get" or None)
    with pytest.raises(fm.FashionMNISTError, match="apt-get and dpkg-deb: not on this system"):
        d2l.ensure_fashion_mnist(tmp_path / "data", apt=True)


# The loaders


@pytest.fixture(scope="module")
def loaders(official):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("D2L_DATA", str(official))
        return d2l.load_data_fashion_mnist(256)


def reference(official, train, resize=None):
    steps = [transforms.Resize(resize)] if resize else []
    return torchvision.datasets.FashionMNIST(
        str(official), train=train, transform=transforms.Compose([*steps, transforms.ToTensor()])
    )


def test_images_and_labels_are_exactly_those_that_torchvision_reads(loaders, official):
    for loader, train in zip(loaders, (True, False)):
        expected, ours = reference(official, train), loader.dataset
        assert torch.equal(ours.images, expected.data) and ours.images.dtype == torch.uint8
        assert torch.equal(ours.targets, expected.targets) and ours.targets.dtype == torch.int64
        for i in (0, 1, 777, len(expected) - 1):
            X, y = ours[i]
            assert torch.equal(X, expected[i][0]) and y == expected[i][1]
            assert X.dtype == torch.float32 and X.shape == (1, 28, 28) and type(y) is int


def test_every_byte_becomes_what_totensor_makes_of_it():
    image = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    X, _ = fm.InMemory(image.unsqueeze(0), torch.tensor([0]))[0]
    assert torch.equal(X, transforms.ToTensor()(image.numpy()))


def test_two_epochs_under_a_seed_are_exactly_those_of_pytorchs_loader(loaders):
    train, test = loaders
    X, y = train.dataset.images.unsqueeze(1) / 255, train.dataset.targets
    plain = data.DataLoader(range(60000), 256, shuffle=True)  # gives the indices
    torch.manual_seed(7)
    expected = [list(plain), list(plain), torch.rand(1)]
    torch.manual_seed(7)
    for epoch in expected[:2]:
        for (X_batch, y_batch), rows in zip(train, epoch, strict=True):
            assert torch.equal(X_batch, X[rows]) and torch.equal(y_batch, y[rows])
    assert torch.equal(torch.rand(1), expected[2])  # and what comes after them


def test_the_loaders_are_dataloaders_to_the_eye(loaders, official):
    for loader, train in zip(loaders, (True, False)):
        plain = data.DataLoader(reference(official, train), 256, shuffle=train)
        assert isinstance(loader, data.DataLoader) and len(loader) == len(plain)
        assert len(loader.dataset) == len(plain.dataset)
        assert loader.batch_size == 256 and loader.drop_last is plain.drop_last
        assert type(loader.sampler) is type(plain.sampler)
        batches = [next(iter(kind)) for kind in (loader, plain)]
        assert type(batches[0]) is type(batches[1])
        assert [(a.shape, a.dtype) for a in batches[0]] == [(a.shape, a.dtype) for a in batches[1]]


def test_torchvisions_data_sets_and_transforms_of_ones_own_are_taken_too(loaders, official):
    part = range(300)
    theirs = data.DataLoader(data.Subset(reference(official, False), part), 100)
    ours = data.DataLoader(data.Subset(loaders[1].dataset, part), 100)
    results = []
    for loader in (theirs, ours):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        trainer = torch.optim.SGD(net.parameters(), lr=0.1)
        loss = torch.nn.CrossEntropyLoss(reduction="none")
        results.append(d2l.train_epoch_ch3(net, loader, loss, trainer))
        results.append(d2l.evaluate_accuracy(net, loader))
    assert results[:2] == results[2:]


def test_an_epoch_yields_every_image_once_with_its_label(loaders, official):
    train, _ = loaders
    weights = torch.rand(784, dtype=torch.float64)  # a fingerprint of each image
    prints = [(X.flatten(1).double() @ weights, y) for X, y in train]
    assert [len(y) for _, y in prints] == [256] * 234 + [96]
    keys, labels = (torch.cat(parts) for parts in zip(*prints))
    images = reference(official, True).data.float().div(255).flatten(1).double() @ weights
    targets = reference(official, True).targets
    ours, theirs = keys.argsort(), images.argsort()
    torch.testing.assert_close(keys[ours], images[theirs], rtol=0, atol=1e-9)
    assert (labels[ours] == targets[theirs]).float().mean() > 0.9999  # a few images are doubles


def test_the_training_order_differs_from_epoch_to_epoch_and_the_test_order_is_fixed(loaders):
    train, test = loaders
    assert not torch.equal(next(iter(train))[1], next(iter(train))[1])
    labels = torch.cat([y for _, y in test])
    assert torch.equal(labels, test.dataset.targets)
    assert torch.equal(next(iter(test))[0][5], test.dataset[5][0])


@pytest.mark.parametrize("resize", [64, 32, 14, 96, 28, 1, (20, 40), [40, 20]])
def test_resized_images_are_within_one_grey_level_of_pils(official, monkeypatch, resize):
    monkeypatch.setenv("D2L_DATA", str(official))
    _, test = d2l.load_data_fashion_mnist(64, resize=resize)
    X, y = next(iter(test))
    size = resize if not isinstance(resize, int) else (resize, resize)
    expected = reference(official, False, tuple(size))
    reference_X = torch.stack([expected[i][0] for i in range(64)])
    assert X.shape == (64, 1, *size) and torch.equal(y, expected.targets[:64])
    difference = (X - reference_X).abs()
    assert difference.max() <= 1 / 255 + 1e-6
    if isinstance(resize, int):  # else PIL may take the two directions in the other order
        assert (difference > 1e-6).float().mean() < 0.001


def test_a_loader_of_ones_own_gives_the_same_batches(loaders):
    part = data.Subset(loaders[0].dataset, range(300))
    X, y = next(iter(data.DataLoader(part, 100)))
    assert X.shape == (100, 1, 28, 28) and torch.equal(y, loaders[0].dataset.targets[:100])


def test_a_loader_can_be_pickled_and_read_by_a_spawned_worker(loaders):
    test = loaders[1]
    copy = pickle.loads(pickle.dumps(test))
    assert torch.equal(next(iter(copy))[0], next(iter(test))[0])
    images, targets = test.dataset.images[:20].clone(), test.dataset.targets[:20].clone()
    small = fm.InMemory(images, targets)
    worker = data.DataLoader(small, 10, num_workers=1, multiprocessing_context="spawn",
                             collate_fn=test.collate_fn)  # fmt: skip
    assert torch.equal(torch.cat([X for X, _ in worker]), images.unsqueeze(1).float() / 255)


def test_the_files_are_checked_before_each_load(root, monkeypatch):
    monkeypatch.setenv("D2L_DATA", str(root))
    content = (raw(root) / TEST_LABELS).read_bytes()
    put(raw(root) / TEST_LABELS, content[:8] + content[9:] + content[8:9])
    with pytest.raises(fm.FashionMNISTError):
        d2l.load_data_fashion_mnist(256)


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, "256", None, True])
def test_a_bad_batch_size_is_refused(batch_size):
    with pytest.raises((ValueError, TypeError), match="batch_size"):
        d2l.load_data_fashion_mnist(batch_size)


@pytest.mark.parametrize("resize", [0, -64, 64.0, "64", True, (64,), (64, 0), (1, 2, 3), ()])
def test_a_bad_size_is_refused(resize):
    with pytest.raises((ValueError, TypeError), match="resize"):
        d2l.load_data_fashion_mnist(256, resize=resize)


def test_the_ten_names_are_those_of_d2l():
    expected = ["t-shirt", "trouser", "pullover", "dress", "coat",
                "sandal", "shirt", "sneaker", "bag", "ankle boot"]  # fmt: skip
    assert d2l.get_fashion_mnist_labels(range(10)) == expected
    assert d2l.get_fashion_mnist_labels(torch.tensor([9, 0, 9])) == ["ankle boot", "t-shirt"] + [
        "ankle boot"
    ]
    assert d2l.get_fashion_mnist_labels([]) == []


@pytest.mark.parametrize(
    "labels",
    [[-1], [10], [1.0], ["1"], [True], [None], torch.tensor([-1]), torch.tensor([0, 10]),
     torch.tensor([1.0]), torch.tensor([True]), torch.tensor([[1]])],
)  # fmt: skip
def test_a_label_that_is_none_is_refused(labels):
    with pytest.raises(ValueError, match="0 to 9"):
        d2l.get_fashion_mnist_labels(labels)


def test_no_worker_is_started():
    assert d2l.get_dataloader_workers() == 0
