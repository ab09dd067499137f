"""Whatever befalls the files, the loader gives the right data or one clear message.

The loading code is the real one; the files are four small ones with hashes of their own, so that
hundreds of faults take seconds. `test_fashion_mnist.py` has the mirrors' faults on the real files.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_fashion_mnist import CLOSED, CONFIG, DAMAGES, Mirror, send, well

import d2lsupport as d2l
from d2lsupport import fashion_mnist as fm

ROOT = Path(__file__).resolve().parent.parent
NAMES = list(fm.FILES)
posix = pytest.mark.skipif(os.name != "posix", reason="signals, limits and rights of POSIX")


def small_set() -> dict[str, bytes]:
    """Files in the format of the official ones: 200 training and 100 test images."""
    files = {}
    for part, n in (("train", 200), ("t10k", 100)):
        pixels = np.add.outer(np.arange(n), np.arange(784) // 9) % 251
        header = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (n, 28, 28))
        files[f"{part}-images-idx3-ubyte"] = header + pixels.astype(np.uint8).tobytes()
        labels = np.arange(n) * (3 if part == "train" else 7) % 10
        header = b"\0\0\x08\x01" + n.to_bytes(4, "big")
        files[f"{part}-labels-idx1-ubyte"] = header + labels.astype(np.uint8).tobytes()
    return files


CONTENT = small_set()
TABLE = {name: (len(c), hashlib.sha256(c).hexdigest()) for name, c in CONTENT.items()}
# what a loader must hold: images and labels, without the headers of the files
DATA = hashlib.sha256(
    b"".join(CONTENT[name][16 if "images" in name else 8 :] for name in NAMES)
).hexdigest()


def loaded(loaders) -> str:
    """The hash of all that two loaders hold."""
    parts = [t for loader in loaders for t in (loader.dataset.images, loader.dataset.targets)]
    return hashlib.sha256(b"".join(p.numpy().astype(np.uint8).tobytes() for p in parts)).hexdigest()


def raw(root: Path) -> Path:
    return root / "FashionMNIST" / "raw"


def put(root: Path, packed: bool, names=NAMES) -> Path:
    """Write files of the small set below `root`, raw or as .gz."""
    raw(root).mkdir(parents=True, exist_ok=True)
    for name in names:
        content = gzip.compress(CONTENT[name]) if packed else CONTENT[name]
        (raw(root) / f"{name}{'.gz' if packed else ''}").write_bytes(content)
    return root


def wrong(root: Path) -> list[str]:
    """Files below `root` that would pass for one of the set and are not it; half files too."""
    return [
        path.name
        for path in raw(root).glob("*ubyte*")
        if path.name in CONTENT and path.read_bytes() != CONTENT[path.name]
    ] + [path.name for path in raw(root).glob(".*.part")]


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """The small set, no mirror, no Debian package, a home and a cache of our own."""
    monkeypatch.setattr(fm, "FILES", TABLE)
    monkeypatch.setattr(fm, "MIRRORS", [CLOSED])
    monkeypatch.setattr(fm, "DEBIAN_FOLDER", tmp_path / "no-debian")
    monkeypatch.setattr(fm, "PATIENCE", 5.0)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return raw(put(folder, packed=True))


@pytest.fixture
def mirror(packed, monkeypatch):
    """Start a server; the loader knows it and no other."""
    servers = []

    def start(answer):
        servers.append(Mirror(packed, answer))
        monkeypatch.setattr(fm, "MIRRORS", [server.address for server in servers])
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def load_or_message() -> str:
    """DATA if the right data came, else the message; anything else is a failure."""
    try:
        result = loaded(d2l.load_data_fashion_mnist(8))
    except fm.FashionMNISTError as error:
        message = str(error)
        assert message.startswith("Fashion-MNIST is not complete. Tried")
        assert "Do one of these" in message and os.environ["D2L_DATA"] in message
        return message
    assert result == DATA, "wrong data were loaded"
    return DATA


# What lies on the disk


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_kind_of_damage_to_each_file_is_healed_or_refused(damage, tmp_path):
    root = put(tmp_path / "data", packed=False)
    other = dict(zip(NAMES, NAMES[2:] + NAMES[:2]))
    for name in NAMES:
        path = raw(root) / name
        content = DAMAGES[damage](CONTENT[name], CONTENT[other[name]])
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        result = load_or_message()
        if damage == "still packed":  # the right content, after all
            assert result == DATA
        else:
            assert name in result
            assert content is None or path.read_bytes() == content, "what is damaged was lost"
        gz = put(root, packed=True, names=[name])
        assert load_or_message() == DATA and not wrong(gz)
        (raw(root) / f"{name}.gz").unlink()


def test_all_four_exchanged_are_refused_and_healed(tmp_path):
    root = put(tmp_path / "data", packed=False)
    for name, other in zip(NAMES, NAMES[2:] + NAMES[:2]):
        (raw(root) / name).write_bytes(CONTENT[other])
    assert "not the official file" in load_or_message()
    put(root, packed=True)
    assert load_or_message() == DATA


@pytest.mark.parametrize("kind", ["dangling link", "link to another", "named pipe"])
@posix
def test_what_is_no_plain_file_is_replaced_by_one(kind, tmp_path):
    root = put(tmp_path / "data", packed=False)
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    for name in NAMES:
        path = raw(root) / name
        path.unlink()
        if kind == "named pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(mine if kind == "link to another" else tmp_path / "nothing")
    assert load_or_message() != DATA
    put(tmp_path / "packed", packed=True)
    fm.DEBIAN_FOLDER.symlink_to(raw(tmp_path / "packed"))
    assert load_or_message() == DATA
    assert mine.read_bytes() == b"mine", "it was written through the link"


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_gz_gives_the_right_data_or_a_message(name, tmp_path):
    """Cut at 24 places; a bit flipped in each byte of header and end, and at 24 more places."""
    root = put(tmp_path / "data", packed=False, names=[n for n in NAMES if n != name])
    path, gz = raw(root) / name, gzip.compress(CONTENT[name])
    places = range(1, len(gz), len(gz) // 24)
    damaged = [gz[:at] for at in places]
    for at in {*range(10), *places, *range(len(gz) - 8, len(gz))}:
        damaged.append(gz[:at] + bytes([gz[at] ^ 1 << at % 8]) + gz[at + 1 :])
    refused = 0
    for content in damaged:
        path.with_name(f"{name}.gz").write_bytes(content)
        result = load_or_message()
        refused += result != DATA
        assert result == DATA or str(path) in result
        assert not wrong(root) and path.with_name(f"{name}.gz").read_bytes() == content
        path.unlink(missing_ok=True)
    assert refused >= len(damaged) - 8  # bits of the header that say nothing of the content


# What a mirror sends: more than in test_fashion_mnist.py


def empty(handler, name, content):
    send(handler, b"")


def close_at_once(handler, name, content):
    handler.connection.close()


def other_file(handler, name, content):
    swap = {"train": "t10k", "t10k": "train"}
    part = name.split("-")[0]
    send(handler, gzip.compress(CONTENT[name.replace(part, swap[part]).removesuffix(".gz")]))


def redirect_for_ever(handler, name, content):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def cut_chunks(handler, name, content):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    half = content[: len(content) // 2]
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))


def no_http(handler, name, content):
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


def error_500(handler, name, content):
    send(handler, content, status=500)


@pytest.mark.parametrize(
    "fault",
    [empty, close_at_once, other_file, redirect_for_ever, cut_chunks, no_http, error_500],
    ids=lambda fault: fault.__name__,
)
def test_a_faulty_mirror_gives_one_message_and_the_next_gives_the_data(fault, mirror, tmp_path):
    bad = mirror(fault)
    assert bad.address in load_or_message()
    assert not wrong(tmp_path / "data") and not list(raw(tmp_path / "data").glob("*ubyte*"))
    mirror(well)
    assert load_or_message() == DATA


def test_a_mirror_that_sends_too_much_is_cut_off(mirror):
    mirror(lambda handler, name, content: send(handler, gzip.decompress(content) + b"x"))
    assert "longer than the official file" in load_or_message()


def test_a_mirror_may_send_the_file_unpacked(mirror):
    mirror(lambda handler, name, content: send(handler, gzip.decompress(content)))
    assert load_or_message() == DATA


def test_a_name_that_is_looked_up_for_ever_holds_nobody_up(tmp_path):
    code = """
import socket, time
from d2lsupport import fashion_mnist as fm
socket.getaddrinfo = lambda *arguments, **options: time.sleep(60)
fm.PATIENCE, fm.MIRRORS, fm.DEBIAN_FOLDER = 0.2, ["http://slow.invalid/"], fm.Path("/none")
try:
    fm.ensure_fashion_mnist()
except fm.FashionMNISTError as error:
    print(error)
"""
    env = os.environ | {"D2L_DATA": str(tmp_path / "data"), "HOME": str(tmp_path)}
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "silent or too slow" in done.stdout and time.monotonic() - start < 40, done.stderr


def test_without_a_network_the_message_says_so(monkeypatch):
    monkeypatch.setattr(fm, "MIRRORS", ["http://no-such-host.invalid/", CLOSED])
    message = load_or_message()
    assert "no-such-host.invalid" in message and "connect to the internet" in message


# Paths


@pytest.mark.parametrize(
    "given",
    ["with spaces", "Ümläut 数据 ñ", "~/my data", "~", "a/b/../c", "link", "trailing/", "'quo\"te",
     "per%20cent", "#1; $HOME"],
)  # fmt: skip
def test_a_path_of_any_kind_leads_to_the_data(given, mirror, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    place = home / given[2:] if given[0] == "~" else tmp_path / given
    mirror(well)
    monkeypatch.setenv("D2L_DATA", given)
    assert loaded(d2l.load_data_fashion_mnist(8)) == DATA
    assert sorted(p.name for p in raw(place).glob("*ubyte")) == sorted(NAMES)
    monkeypatch.setattr(fm, "MIRRORS", [])
    assert loaded(d2l.load_data_fashion_mnist(8)) == DATA  # from there
    if given[0] == "~":
        assert not (tmp_path / "~").exists()


# Processes that are many, limited, killed, or have no rights. One process imports everything and
# forks a copy for each trial, since importing torch takes longer than the trials.

NURSERY = """
import encodings.hex_codec, encodings.idna, filelock, hashlib, http.client, json, numpy, os
import resource, signal, sys, tempfile, urllib.request
from pathlib import Path
import d2lsupport as d2l
from d2lsupport import _files, fashion_mnist as fm
import torchvision.datasets

with tempfile.TemporaryDirectory() as folder, filelock.FileLock(folder + "/lock"):
    pass  # it imports more when first used

TRACED = {_files.__file__, fm.__file__}


def work(job):
    fm.FILES = {name: tuple(entry) for name, entry in job["files"].items()}
    fm.MIRRORS, fm.DEBIAN_FOLDER = job["mirrors"], Path("/nonexistent/debian")
    os.environ.update(job["env"])
    if job["limit"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if job["deadly"] else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    if job["nobody"] and os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        code = frame.f_code
        if code.co_filename not in TRACED or code.co_name == "_download":
            return None  # how often that one looks at its clock differs from run to run
        if event == "line":
            lines += 1
            if lines == job["kill_at"]:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    if job["kill_at"]:
        sys.settrace(trace)
    try:
        loaders = d2l.load_data_fashion_mnist(8)
        sets = [loader.dataset for loader in loaders]
        parts = [part.numpy() for set in sets for part in (set.images, set.targets)]
        content = b"".join(part.astype(numpy.uint8).tobytes() for part in parts)
        answer = hashlib.sha256(content).hexdigest()
    except fm.FashionMNISTError as error:
        answer = str(error)
    sys.settrace(None)
    return [answer, lines]


for line in sys.stdin:
    job = json.loads(line)
    gate, opener = os.pipe()
    children = []
    for _ in range(job["copies"]):
        out, into = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opener)
            os.read(gate, 1)  # until all are there
            try:
                os.write(into, json.dumps(work(job)).encode())
            except BaseException as error:
                os.write(into, json.dumps([repr(error), 0]).encode())
            os._exit(0)
        os.close(into)
        children.append((pid, out))
    os.close(opener)
    answers = []
    for pid, out in children:
        with os.fdopen(out) as file:
            text = file.read()
        os.waitpid(pid, 0)
        answers.append(json.loads(text) if text else None)  # None: it was killed
    os.close(gate)
    print(json.dumps(answers), flush=True)
"""


@pytest.fixture(scope="module")
def nursery():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": CONFIG}
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip

    def run(root, mirror="", copies=1, kill_at=0, limit=0, deadly=False, nobody=False, home=None):
        """Load in `copies` new processes; for each DATA or a message, and lines run, or None.

        `kill_at` is the line at which it is killed; -1 counts them only.
        """
        process.stdin.write(json.dumps({
            "env": {"D2L_DATA": str(root), "HOME": str(home or root.parent / "home")},
            "files": TABLE, "mirrors": [mirror or CLOSED], "copies": copies, "kill_at": kill_at,
            "limit": limit, "deadly": deadly, "nobody": nobody,
        }) + "\n")  # fmt: skip
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield run
    process.kill()
    process.communicate()


@posix
def test_20_processes_started_together_10_times_over_all_get_the_data(nursery, mirror, tmp_path):
    server = mirror(well)
    for round in range(10):
        server.asked.clear()
        answers = nursery(tmp_path / f"data {round}", server.address, copies=20)
        assert [answer for answer, _ in answers] == [DATA] * 20
        assert sorted(server.asked) == sorted(NAMES), "fetched more than once"
        assert not wrong(tmp_path / f"data {round}")


@posix
def test_a_process_killed_at_any_of_50_moments_leaves_nothing_that_harms(nursery, mirror, tmp_path):
    """40 moments between two lines of the code, 10 in the middle of writing a file."""
    server = mirror(well)
    ((answer, lines),) = nursery(tmp_path / "whole", server.address, kill_at=-1)
    assert answer == DATA and lines > 200
    largest = max(len(content) for content in CONTENT.values())
    moments = [{"kill_at": 1 + i * (lines - 2) // 39} for i in range(40)]
    moments += [{"limit": 1 + i * (largest - 2) // 9, "deadly": True} for i in range(10)]
    halves = 0
    for i, moment in enumerate(moments):
        root = tmp_path / f"data {i}"
        assert nursery(root, server.address, **moment) == [None], "it was not killed"
        present = [raw(root) / name for name in NAMES if (raw(root) / name).exists()]
        assert all(path.read_bytes() == CONTENT[path.name] for path in present)
        halves += len(list(raw(root).glob(".*.part")))
        ((answer, _),) = nursery(root, server.address)
        assert answer == DATA and not wrong(root)
    assert halves >= 10, "no kill came in the middle of a file"


@posix
def test_a_file_that_may_not_grow_gives_one_message(nursery, mirror, tmp_path):
    server = mirror(well)
    ((answer, _),) = nursery(tmp_path / "data", server.address, limit=5000)
    assert f"into {raw(tmp_path / 'data')}: File too large" in answer and "D2L_DATA" in answer
    assert not wrong(tmp_path / "data")


@posix
@pytest.mark.parametrize("home", ["elsewhere", "on the same disk"])
def test_a_full_disk_gives_a_message_or_the_cache_elsewhere(home, nursery, mirror, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = len(CONTENT[NAMES[0]]) // 4096 * 4096  # some pages less than the four files need
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(command, capture_output=True, check=False)
    if not os.path.ismount(disk):
        pytest.skip("a disk of our own needs root; a patched one is in test_fashion_mnist.py")
    try:
        root, server = disk / "data", mirror(well)
        at = tmp_path / "home" if home == "elsewhere" else disk / "home"
        ((answer, _),) = nursery(root, server.address, home=at)
        assert not wrong(root)
        if home == "elsewhere":
            assert answer == DATA
            assert not wrong(at / ".cache" / "d2lsupport")
        else:
            assert answer.count("the disk is full") == 2 and str(raw(root)) in answer
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@posix
@pytest.mark.parametrize("mode", [0o555, 0o444, 0o000], ids=oct)
@pytest.mark.parametrize("what", ["files", "gz", "nothing"])
def test_a_folder_without_rights_gives_the_data_from_elsewhere(mode, what, nursery, mirror):
    server = mirror(well)
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to nobody
        os.chmod(folder, 0o755)
        root, home = Path(folder, "data"), Path(folder, "home")
        put(root, packed=what == "gz", names=[] if what == "nothing" else NAMES)
        home.mkdir()
        home.chmod(0o777)
        before = sorted(path.name for path in raw(root).iterdir())
        for closed in (raw(root), root):
            closed.chmod(mode)
        ((answer, _),) = nursery(root, server.address, nobody=True)
        for closed in (root, raw(root)):
            closed.chmod(0o755)
        assert answer == DATA
        assert sorted(path.name for path in raw(root).iterdir()) == before
        local = mode == 0o555 and what != "nothing"
        assert server.asked == [] if local else sorted(server.asked) == sorted(NAMES)


@posix
def test_with_no_place_to_write_there_is_one_message_that_names_both(nursery, mirror):
    server = mirror(well)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        ((answer, _),) = nursery(Path(folder, "data"), server.address, nobody=True)
        os.chmod(folder, 0o755)
    for place in ("data", "home/.cache/d2lsupport"):
        assert f"into {folder}/{place}/FashionMNIST/raw: Permission denied" in answer


# What is run or loaded is what was meant


def test_the_lock_has_every_pin_and_a_hash_for_each_file():
    """`pip install --require-hashes` takes no file of other content; made by pip-compile."""
    lock = (ROOT / "requirements.lock").read_text()
    entries = re.findall(
        r"^([\w.-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", lock, flags=re.M
    )
    rest = [line for line in lock.splitlines() if line and line.strip()[0] != "#"]
    assert len(rest) == len(entries) + sum(hashes.count("sha256:") for *_, hashes in entries)
    locked = {name.lower(): version.removesuffix("+cpu") for name, version, _ in entries}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert "-c constraints.txt" in lines
    pins = dict(line.lower().split("==") for line in lines if line and line[0] not in "#-")
    assert pins == {name: version for name, version in locked.items() if name in pins}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert locked == dict(line.lower().split("==") for line in lines if line[0] != "#")
    assert {"numpy", "jinja2", "pillow", "jupyter-client"} <= set(locked), "not all that they need"


def test_no_tensor_is_loaded_by_pickle():
    """torch.load runs what a file tells it to, unless weights_only=True."""
    files = [path for folder in ("chapters", "d2lsupport", "reference", "_ext", "tools")
             for pattern in ("*.md", "*.py") for path in (ROOT / folder).glob(pattern)]  # fmt: skip
    assert len(files) > 20
    text = {path: path.read_text() for path in files}
    for path in files:
        for call in re.findall(r"torch\s*\.load\((?:[^()]|\([^()]*\))*\)", text[path]):
            assert "weights_only=True" in call, f"{path}: {call}"
        unsafe = r"import pickle|pickle\.loads?\(|joblib\.load|allow_pickle=True|weights_only=False"
        assert not re.search(unsafe, text[path]), path


def test_the_workflow_has_least_rights_and_pins_its_actions_by_commit():
    path = ROOT / ".github" / "workflows" / "book.yml"
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    rights = {name: job.get("permissions") for name, job in workflow["jobs"].items()}
    publish = {"pages": "write", "id-token": "write"}
    assert rights == {"build": None, "audit": None, "publish": publish}
    assert workflow["jobs"]["publish"]["if"] == "github.ref == 'refs/heads/main'"
    assert "pull_request_target" not in path.read_text() and "secrets." not in path.read_text()
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert len(uses) == 6
    for action in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action
    for job in "build", "audit":
        steps = workflow["jobs"][job]["steps"]
        (checkout,) = [step for step in steps if "checkout" in step.get("uses", "")]
        assert checkout["with"] == {"persist-credentials": False}
    assert {"run": "make audit"} in workflow["jobs"]["audit"]["steps"]
