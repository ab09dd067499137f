"""Files that must be the published ones: found or fetched, checked by SHA-256, written whole.

A source takes the files wanted and a list, yields names and contents that are right, and notes in
the list why it lacks the others. Nothing here knows which data set it is about.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

SLOWEST = 100_000  # bytes a second that a download must reach on the whole
LOCK_TIMEOUT = 900.0  # seconds to wait for another process that fetches the same files

Files = dict[str, tuple[int, str]]  # name: bytes and SHA-256 of the uncompressed file
Found = Iterator[tuple[str, bytes]]
Source = Callable[[Files, list[str]], Found]
_log = logging.getLogger(__name__)


def missing(folder: Path, files: Files) -> Files:
    """Those of `files` that are not in `folder`, or not the published ones."""

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

    return {name: entry for name, entry in files.items() if not is_right(folder / name, *entry)}


def fill(folder: Path, files: Files, sources: Iterable[Source], tried: list[str]) -> bool:
    """Write what is missing in `folder`, and return whether it is complete.

    Processes that do so at the same time take turns. `tried` gets the reasons why sources failed;
    an OSError means that `folder` cannot be written.
    """
    import filelock  # not at the top: `import d2lsupport` costs no more than torch, matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / ".d2lsupport.lock", timeout=LOCK_TIMEOUT):
        for name in files:
            _part(folder / name).unlink(missing_ok=True)  # of a run that was killed
        wanted = missing(folder, files)  # again: another process may have been here before us
        for source in sources:
            for name, content in source(wanted, tried) if wanted else ():
                _write(folder / name, content)
            wanted = missing(folder, wanted)
        return not wanted


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    part = _part(path)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _unpack(blob: bytes, size: int, sha256: str) -> bytes:
    """The published content of `blob`, raw or .gz; raise ValueError where it is another."""
    if blob[:2] == b"\x1f\x8b":
        try:
            blob = gzip.GzipFile(fileobj=io.BytesIO(blob)).read(size + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"damaged ({error})") from None
    if hashlib.sha256(blob).hexdigest() != sha256:
        raise ValueError("not the official file (its SHA-256 is another)")
    return blob


def reason(error: Exception) -> str:
    """What went wrong, in the shortest words that the error has."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def from_folder(folder: Path, wanted: Files, tried: list[str]) -> Found:
    """What `folder` holds of the files, raw or .gz."""
    absent: list[str] = []
    for name, entry in wanted.items():
        paths = [path for path in (folder / name, folder / f"{name}.gz") if os.path.isfile(path)]
        absent += [] if paths else [name]
        for path in paths:
            try:
                content = _unpack(path.read_bytes(), *entry)
            except (OSError, ValueError) as error:
                tried.append(f"{path.absolute()}: {reason(error)}")
            else:
                _log.info("Taking %s", path)
                yield name, content
                break  # the .gz beside a right file is not needed
    if absent:
        tried.append(f"{folder.absolute()}: does not hold {', '.join(absent)}")


def from_mirror(mirror: str, patience: float, wanted: Files, tried: list[str]) -> Found:
    """What a mirror sends of the files, as .gz; it is left once it is out of reach."""
    for name, entry in wanted.items():
        url = f"{mirror}{name}.gz"
        _log.info("Fetching %s", url)
        try:
            content = _unpack(_download(url, entry[0], patience), *entry)
        except Exception as error:
            tried.append(f"{url}: {reason(error)}")
            if not isinstance(error, (ValueError, urllib.error.HTTPError)):
                return
        else:
            yield name, content


def _download(url: str, limit: int, patience: float) -> bytes:
    """The answer to `url`, at most `limit` bytes, in bounded time.

    It runs in a thread because a socket's timeout bounds neither the look-up of the name nor a
    server that sends a byte now and then.
    """
    answer = io.BytesIO()
    failures: list[Exception] = []
    given_up = threading.Event()

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=patience) as response:
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
        if time.monotonic() - start > patience + answer.tell() / SLOWEST:
            given_up.set()
            raise TimeoutError(f"silent or too slow, {answer.tell()} bytes came")
    if failures:
        raise failures[0]
    return answer.getvalue()


def from_apt(package: str, share: str, timeout: float, wanted: Files, tried: list[str]) -> Found:
    """The files below `share` in a Debian package, fetched by apt-get into a folder of our own.

    This needs no root and leaves the system as it is: state and cache are ours, and the hooks
    that a system may run after an update would run in an empty folder, where they find nothing.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        tried.append("apt-get and dpkg-deb: not on this system")
        return
    _log.info("Fetching the package %s with apt-get", package)
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
                    env={**os.environ, "LC_ALL": "C"}, timeout=timeout, check=False,
                ).returncode  # fmt: skip

        try:
            run(*apt_get, "update")  # it fails with one archive of many; the download decides
            failed = run(*apt_get, "download", package)
            failed = failed or run("dpkg-deb", "-x", *map(str, Path(home).glob("*.deb")), "files")
            why = log.read_text(errors="replace").strip() if failed else ""
        except (OSError, subprocess.SubprocessError) as error:
            why = reason(error)
        if why:
            tried.append(f"apt-get download {package}: {why[-400:]}")
        else:
            yield from from_folder(Path(f"{home}/files{share}"), wanted, tried)
