"""The last source: Debian's package, by an ordinary user, with nothing installed or changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from d2lsupport import fashion_mnist as fm

SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# The interpreter may lie where only root can read: import all, then become nobody.
CHILD = """
import encodings.idna, filelock, http.client, os, sys, tempfile
from pathlib import Path
from d2lsupport import fashion_mnist as fm
with tempfile.TemporaryDirectory() as folder, filelock.FileLock(folder + "/lock"):
    pass  # it imports more when first used
fm.MIRRORS = ["http://127.0.0.1:9/"]
fm.DEBIAN_FOLDER = Path("/nonexistent/fashion-mnist")
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(fm.ensure_fashion_mnist(apt=True))
except fm.FashionMNISTError as error:
    sys.exit(str(error))
"""


def archive_is_reached() -> bool:
    """Whether apt-get, called by hand, can fetch the package."""
    with tempfile.TemporaryDirectory() as folder:
        for below in ("state/lists/partial", "cache/archives/partial"):
            Path(folder, below).mkdir(parents=True)
        Path(folder, "status").touch()
        settings = [f"Dir::State={folder}/state", f"Dir::State::status={folder}/status",
                    f"Dir::Cache={folder}/cache", "APT::Sandbox::User=root"]  # fmt: skip
        options = [part for setting in settings for part in ("-o", setting)]
        for step in (["update"], ["download", "dataset-fashion-mnist"]):
            subprocess.run(
                ["apt-get", *options, *step], cwd=folder, timeout=120, check=False,
                capture_output=True,
            )  # fmt: skip
        return any(Path(folder).glob("*.deb"))


@pytest.mark.skipif(
    not shutil.which("apt-get") or not shutil.which("dpkg-deb"), reason="no apt-get or dpkg-deb"
)
def test_an_ordinary_user_gets_the_files_from_debians_archive_without_installing_them():
    lists = sorted(Path("/var/lib/apt/lists").glob("*")), sorted(Path("/var/cache/apt").rglob("*"))
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to nobody
        for name in ("home", "data", "tmp"):
            Path(folder, name).mkdir()
            Path(folder, name).chmod(0o777)
        os.chmod(folder, 0o755)
        environment = {
            **os.environ,
            "HOME": f"{folder}/home",
            "TMPDIR": f"{folder}/tmp",
            "D2L_DATA": f"{folder}/data",
            "OMP_NUM_THREADS": "1",
        }
        environment.pop("XDG_CACHE_HOME", None)
        result = subprocess.run(
            [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        if result.returncode and not archive_is_reached():
            pytest.skip(f"no archive with the package in reach: {result.stderr[-300:]}")
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == f"{folder}/data"
        raw = Path(folder, "data", "FashionMNIST", "raw")
        for name, sha256 in SHA256.items():
            assert hashlib.sha256((raw / name).read_bytes()).hexdigest() == sha256
        assert list(Path(folder, "tmp").iterdir()) == [], "a temporary folder was left"
    after = sorted(Path("/var/lib/apt/lists").glob("*")), sorted(Path("/var/cache/apt").rglob("*"))
    assert after == lists, "the system's own lists or cache changed"


@pytest.fixture
def fake_apt(tmp_path, monkeypatch):
    """An `apt-get` of our own that notes its arguments, then does what the test says."""

    def install(body):
        note = f'echo "$@" >> {tmp_path}/asked'
        for name, lines in (("apt-get", f"{note}\n{body}"), ("dpkg-deb", "")):
            program = tmp_path / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\n{lines}\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(fm, "MIRRORS", [])
        monkeypatch.setattr(fm, "DEBIAN_FOLDER", tmp_path / "none")
        monkeypatch.setattr(fm, "APT_TIMEOUT", 1.0)

    return install


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for apt-get")
def test_apt_is_told_to_keep_all_its_state_in_a_folder_of_ours(fake_apt, tmp_path):
    fake_apt("echo E: no archive today; exit 100")
    with pytest.raises(fm.FashionMNISTError, match="no archive today"):
        fm.ensure_fashion_mnist(tmp_path / "data", apt=True)
    update, download = ((tmp_path / "asked").read_text()).splitlines()
    for line, command in ((update, "update"), (download, f"download {fm.DEBIAN_PACKAGE}")):
        assert line.endswith(command)
        words = [word.removeprefix("-o") for word in line.split() if "=" in word]
        settings = dict(word.split("=", 1) for word in words)
        for name in ("Dir::State", "Dir::State::status", "Dir::Cache", "DPkg::Chroot-Directory"):
            assert Path(settings[name]).parent.name.startswith("d2lsupport-")
        assert settings["APT::Sandbox::User"] == "root"


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for apt-get")
def test_an_apt_that_hangs_is_ended(fake_apt, tmp_path):
    fake_apt("exec sleep 60")
    start = time.monotonic()
    with pytest.raises(fm.FashionMNISTError, match="timed out"):
        fm.ensure_fashion_mnist(tmp_path / "data", apt=True)
    assert time.monotonic() - start < 20


def test_apt_is_left_alone_unless_asked_for(fake_apt, tmp_path):
    fake_apt("exit 100")
    with pytest.raises(fm.FashionMNISTError):
        fm.ensure_fashion_mnist(tmp_path / "data")
    assert not (tmp_path / "asked").exists()
