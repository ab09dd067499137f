"""The last source: Debian's package, by an ordinary user, with nothing installed or changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# The interpreter may lie where only root can read: import all, then become nobody.
CHILD = """
import encodings.idna, filelock, filelock._unix, filelock._soft, http.client, os, sys
from pathlib import Path
from d2lsupport import fashion_mnist as fm
fm.MIRRORS = ["http://127.0.0.1:9/"]
fm.DEBIAN_FOLDER = Path("/nonexistent/fashion-mnist")
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(fm.ensure_fashion_mnist(apt=True))
except fm.FashionMNISTError as error:
    sys.exit(str(error))
"""


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
        unreachable = ("Unable to locate package", "Failed to fetch", "Could not resolve")
        if result.returncode and any(words in result.stderr for words in unreachable):
            pytest.skip(f"no archive with the package in reach: {result.stderr[-300:]}")
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == f"{folder}/data"
        raw = Path(folder, "data", "FashionMNIST", "raw")
        for name, sha256 in SHA256.items():
            assert hashlib.sha256((raw / name).read_bytes()).hexdigest() == sha256
        assert list(Path(folder, "tmp").iterdir()) == [], "a temporary folder was left"
    after = sorted(Path("/var/lib/apt/lists").glob("*")), sorted(Path("/var/cache/apt").rglob("*"))
    assert after == lists, "the system's own lists or cache changed"
