"""Every way into the course leads to it: Colab, Binder, the buttons and links of the pages.

Colab is an environment that holds what Colab brings, PyTorch, torchvision, matplotlib and a kernel,
and not the helper package. The repository's address leads to a copy on this machine.
"""

import functools
import http.server
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import venv
from urllib.parse import parse_qs, unquote, urlsplit

import links as external
import psutil
import pytest
import yaml
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chapters import CHAPTERS, NOTEBOOKS, PAGES, ROOT, recorded
from d2lsupport import fashion_mnist

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
REPOSITORY, BRANCH = CONFIG["repository"]["url"], CONFIG["repository"]["branch"]
OWNER_AND_NAME = REPOSITORY.removeprefix("https://github.com/")
COLAB_HAS = ["torch", "torchvision", "matplotlib", "ipykernel", "pip", "setuptools"]
MEMORY = 2e9  # bytes, what Binder lets a session have
each_notebook = pytest.mark.parametrize("md", NOTEBOOKS, ids=lambda md: md.stem)


# Colab and Binder


def with_all_they_need(names):
    """The installed distributions of these names, and those that they require."""
    found, wanted = {}, list(names)
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            for requirement in map(Requirement, found[name].requires or []):
                if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                    wanted.append(requirement.name)
    return found.values()


def environment(folder, names=COLAB_HAS):
    """The Python of an environment of these packages, which are links to those here."""
    venv.create(folder / "env", with_pip=False)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    for distribution in with_all_they_need(names):
        for name in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(distribution.locate_file(name))
    python = folder / "env" / "bin" / "python"
    pip = python.with_name("pip")
    pip.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
    pip.chmod(0o755)
    return python


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """The Python of Colab, into which the first notebook installs d2lsupport for all."""
    return environment(tmp_path_factory.mktemp("colab"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with the package as it stands here, committed or not."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("d2lsupport", "binder", "chapters"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    author = ["-c", "user.name=A reader", "-c", "user.email=reader@example.org"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def surroundings(python, repository):
    """Environment variables that lead the repository's address to the copy, and no network."""
    rest = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    return rest | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "D2L_DATA": os.environ.get("D2L_DATA", str(ROOT / "data")),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": REPOSITORY,
        "PIP_NO_INDEX": "1",  # with setuptools there, building the package needs no index
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this variable the wrong way round
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "OMP_NUM_THREADS": "1",
    }


def memory(process):
    """Bytes of memory that the children of a process share or own; shared ones count once."""
    total = 0
    for child in process.children(recursive=True):
        try:
            used = child.memory_full_info()
            total += getattr(used, "pss", used.uss)
        except psutil.Error:
            pass  # it has just ended
    return total


@each_notebook
def test_the_first_cell_installs_the_package_and_none_of_what_it_needs(md):
    setup = recorded(md).cells[1].source
    assert setup == recorded(NOTEBOOKS[0]).cells[1].source
    assert f'"git+{REPOSITORY}"' in setup and '"--no-deps"' in setup
    assert not re.search(r"torch\b(?! alone)|-U|--upgrade", setup)


@each_notebook
def test_a_notebook_gives_its_recorded_outputs_where_the_package_is_missing(
    md, colab, repository, tmp_path
):
    """nbval in the strictest of the places where a notebook is opened: Colab, an empty folder."""
    kernel = tmp_path / "jupyter" / "kernels" / "colab" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    arguments = [str(colab), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": arguments, "display_name": "", "language": "python"}))
    (site,) = colab.parents[1].glob("lib/python*/site-packages")
    before = {path.name for path in site.iterdir() if path.is_symlink()}
    content = tmp_path / "content"
    content.mkdir()
    shutil.copy(md.with_suffix(".ipynb"), content / "chapter.ipynb")

    shutil.copy(ROOT / "conftest.py", content)    # the tolerance of the comparison

    tool = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-kernel-name=colab"]
    tool += [f"--rootdir={content}", "-p", "no:cacheprovider", "chapter.ipynb"]
    env = surroundings(colab, repository) | {"JUPYTER_PATH": str(kernel.parents[2])}
    peak = 0
    with (tmp_path / "log").open("w+") as log:
        command = psutil.Popen(tool, cwd=content, env=env, stdout=log, stderr=subprocess.STDOUT)
        while command.poll() is None:
            peak = max(peak, memory(command))
            time.sleep(0.5)
        log.seek(0)
        told = log.read()
    print(f"{md.stem}: {peak / 1e6:.0f} MB of memory at the peak\n{told}")
    assert command.returncode == 0
    assert peak < MEMORY
    cells = [cell for cell in recorded(md).cells if cell.cell_type == "code"]
    assert f"{len(cells)} passed" in told
    added = {path.name for path in site.iterdir()} - before - {"__pycache__"}
    assert "d2lsupport" in added and all(name.startswith("d2lsupport") for name in added)
    assert all((site / name).is_symlink() for name in before), "a package was changed"


def test_binder_installs_the_package_and_has_the_data_from_the_start(repository, tmp_path):
    python = environment(tmp_path)
    home = shutil.copytree(repository, tmp_path / "home")
    # Debian's package is not installed here: its files lie where the data belong
    raw = home / "data" / "FashionMNIST" / "raw"
    data = surroundings(python, repository)["D2L_DATA"]
    shutil.copytree(f"{data}/FashionMNIST/raw", raw, ignore=shutil.ignore_patterns(".*"))
    env = {k: v for k, v in surroundings(python, repository).items() if k != "D2L_DATA"}
    subprocess.run([home / "binder" / "postBuild"], cwd=home, env=env, check=True)
    code = "import d2lsupport as d2l; print(len(d2l.load_data_fashion_mnist(256)[0]))"
    command = [python, "-c", code]
    result = subprocess.run(command, cwd=home / "chapters", env=env, capture_output=True, text=True)
    assert result.stdout == "235\n", result.stderr


def test_binder_asks_for_cpu_torch_and_for_the_package_that_has_the_data():
    binder = ROOT / "binder"
    assert (binder / "apt.txt").read_text().split() == [fashion_mnist.DEBIAN_PACKAGE]
    lines = (binder / "requirements.txt").read_text().splitlines()
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in lines
    for line in lines:
        if line.startswith("torch"):
            assert line.endswith("+cpu"), line
    assert os.access(binder / "postBuild", os.X_OK)
    assert (binder / "runtime.txt").read_text() == "python-3.11\n"


# The text of the notebooks, as a reader without MyST sees it

MATHS = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$((?:\\.|[^$\\])+?)\$", re.S)
CODE = re.compile(r"^```.*?^```$|`[^`]+`", re.M | re.S)
MYST = {
    "role": r"\{[\w:-]+\}`",
    "directive": r"^[>\s]*(`{3,}|~{3,}|:{3,})",
    "target": r"^\([\w-]+\)=",
    "label of an equation": r"\$\$ ?\([\w-]+\)",
    "attribute": r"\{[#.][\w-]+\}",
    "comment": r"^%|^\+\+\+|<!--",
    "option": r"^:[\w-]+:",
    "path on this machine": r"\]\((?!https://)",
}


def without_maths(text):
    """The text, code and maths left out."""
    return MATHS.sub("@", CODE.sub("@", text))


@each_notebook
def test_the_text_of_a_notebook_is_plain_markdown(md):
    for cell in recorded(md).cells:
        if cell.cell_type != "markdown":
            continue
        for name, pattern in MYST.items():
            found = re.search(pattern, cell.source, flags=re.M)
            assert not found, f"{name} in\n{cell.source}"
        # what markdown leaves as it is, a reader sees: nothing of its marks may be left
        html = MarkdownIt("commonmark").enable("table").render(without_maths(cell.source))
        text = BeautifulSoup(html, "html.parser").get_text()
        assert not re.search(r"[*$\\|{}<>]|^#|__", text, flags=re.M), text


@each_notebook
def test_quoted_maths_stands_on_one_line(md):
    # JupyterLab sets maths aside before it reads Markdown, with the ">" of a quote in it
    for cell in recorded(md).cells:
        if cell.cell_type == "markdown":
            for found in MATHS.findall(cell.source):
                assert not re.search(r"^ *>", "".join(found), flags=re.M), cell.source


@each_notebook
def test_equations_are_numbered_in_order_and_references_lead_to_them(md):
    text = "\n".join(c.source for c in recorded(md).cells if c.cell_type == "markdown")
    chapter = int(md.name[:2])
    numbers = re.findall(r"\\tag\{([\d.]+)\}", text)
    labels = re.findall(r"^\$\$ \([\w-]+\)", md.read_text(), flags=re.M)
    assert numbers == [f"{chapter}.{i + 1}" for i in range(len(labels))]
    prose = without_maths(text)
    for kind, there in {
        r"\(({}\.\d+)\)": set(numbers),
        r"Fig\. ({}\.\d+)(?!:)": set(re.findall(r"^\*Fig\. ([\d.]+):\*", text, flags=re.M)),
        r"Exercise ({}\.\d+)": set(re.findall(r"^\*\*Exercise ([\d.]+)\*\*", text, flags=re.M)),
        r"§ ({}(?:\.\d+)+)": set(re.findall(r"^##+ ([\d.]+)\. ", text, flags=re.M)),
    }.items():
        assert set(re.findall(kind.replace("{}", str(chapter)), prose)) <= there


@each_notebook
def test_solutions_stand_at_the_end_of_a_notebook(md):
    headings = []
    for cell in recorded(md).cells:
        if cell.cell_type == "markdown":
            headings += re.findall(r"^##+ (.*)$", cell.source, flags=re.M)
    start = headings.index("Solutions")
    exercises = len(re.findall(r"^```+\{exercise\}", md.read_text(), flags=re.M))
    after = headings[start + 1 :]
    assert after == [f"Solution of Exercise {int(md.name[:2])}.{i + 1}" for i in range(exercises)]
    assert not any(heading.startswith("Solution") for heading in headings[:start])


# The buttons and links of the pages


def pages(book):
    """The pages that have a source, by their path: 'chapters/01-linear-regression'."""
    found = {path.relative_to(ROOT).with_suffix("").as_posix() for path in [*NOTEBOOKS, *PAGES]}
    return {page: soup(book / f"{page}.html") for page in sorted(found)}


@functools.cache
def soup(path):
    return BeautifulSoup(path.read_text(), "html.parser")


def tracked():
    return set(subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines())


def links(page):
    return [a["href"] for a in page.find_all("a", href=True)]


def test_launch_buttons_lead_to_the_notebook_and_stand_only_where_there_is_one(book):
    for name, page in pages(book).items():
        found = [url for url in links(page) if re.search("mybinder|colab", url)]
        notebook = f"{name}.ipynb"
        if notebook not in tracked():
            assert not found, f"{name} has no notebook: {found}"
            continue
        assert set(found) == {
            f"https://mybinder.org/v2/gh/{OWNER_AND_NAME}/{BRANCH}?urlpath=lab/tree/{notebook}",
            f"https://colab.research.google.com/github/{OWNER_AND_NAME}/blob/{BRANCH}/{notebook}",
        }


def test_the_notebook_that_a_page_offers_for_download_is_the_recorded_one(book):
    for name, page in pages(book).items():
        offered = [url for url in links(page) if url.endswith(".ipynb") and "://" not in url]
        assert bool(offered) == (f"{name}.ipynb" in tracked()), f"{name}: {offered}"
        for url in offered:
            file = (book / name).parent / url
            assert file.read_bytes() == (ROOT / f"{name}.ipynb").read_bytes(), name


def test_edit_and_issue_buttons_lead_to_the_source_and_to_a_new_issue(book):
    for name, page in pages(book).items():
        urls = links(page)
        source = f"{name}.md"
        assert source in tracked()
        assert f"{REPOSITORY}/edit/{BRANCH}/{source}" in urls
        (issue,) = [url for url in urls if url.startswith(f"{REPOSITORY}/issues/new?title=")]
        assert name in unquote(issue)


def test_every_internal_link_and_anchor_leads_somewhere(book):
    files = {path: soup(path) for path in book.rglob("*.html") if "_static" not in path.parts}
    anchors = {
        path: {tag["id"] for tag in page.find_all(id=True)}
        | {tag["name"] for tag in page.find_all("a", attrs={"name": True})}
        for path, page in files.items()
    }
    dead, count = set(), 0
    for path, page in files.items():
        urls = [
            (tag.get("href") or tag.get("src"))
            for tag in page.find_all(["a", "link", "img", "script", "iframe", "source"])
        ]
        for url in filter(None, urls):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            count += 1
            if not target.is_file() or (
                fragment and target in anchors and fragment not in anchors[target]
            ):
                dead.add(f"{path.relative_to(book)}: {url}")
    assert not dead, "\n".join(sorted(dead))
    assert count > 1000


def test_links_of_a_notebook_lead_to_pages_of_the_book(book):
    site, count = CONFIG["html"]["baseurl"], 0
    for md in NOTEBOOKS:
        for cell in recorded(md).cells:
            if cell.cell_type == "markdown":
                for url in re.findall(rf"\]\({re.escape(site)}([^)]*)\)", cell.source):
                    page, _, label = url.partition("#")
                    assert (book / page).is_file(), url
                    assert not label or f'id="{label}"' in (book / page).read_text(), url
                    count += 1
    assert count > 100


def test_the_check_of_external_addresses_finds_them_and_names_the_dead(tmp_path):
    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/there" else 404)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        assert external.ask(f"{site}/there") is None
        assert external.ask(f"{site}/gone") == "status 404"
        server.shutdown()
    assert "refused" in external.ask(f"{site}/there")

    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "a.html").write_text("<a href='https://a.org/x#y'>a</a>")
    (tmp_path / "README.md").write_text("See <https://b.org/> and [c](https://c.org/d).")
    (tmp_path / "chapters").mkdir()
    source, output = "[a](https://a.org/x), https://d.org.", '<svg xmlns="http://www.w3.org/2">'
    cell = {"cell_type": "code", "source": [source], "outputs": [output]}
    (tmp_path / "chapters" / "a.ipynb").write_text(json.dumps({"cells": [cell]}))
    assert external.addresses(tmp_path) == {
        "https://a.org/x": {"_build/html/a.html", "chapters/a.ipynb"},
        "https://b.org/": {"README.md"},
        "https://c.org/d": {"README.md"},
        "https://d.org": {"chapters/a.ipynb"},
    }


# The page for teachers, and the forms for mistakes

TEACHING = (ROOT / "reference" / "teaching.md").read_text()
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"


def titles():
    return [re.search(r"^# (.+)$", md.read_text(), flags=re.M)[1] for md in CHAPTERS]


def test_the_link_for_a_hub_opens_a_notebook_of_this_repository():
    (link,) = re.findall(r"https://hub\.example\.org\S+", TEACHING)
    assert urlsplit(link).path == "/hub/user-redirect/git-pull"
    query = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    folder = f"lab/tree/{query.pop('targetpath')}/"
    path = query.pop("urlpath")
    assert path.startswith(folder) and path.removeprefix(folder) in tracked()
    assert query == {"repo": REPOSITORY, "branch": BRANCH}


def test_the_times_for_a_lecturer_are_those_of_the_chapters():
    rows = re.findall(r"^\| \{doc\}`\.\./chapters/(\S+)` \| (\d+) \| \d \|", TEACHING, flags=re.M)
    time_of = {
        md.stem: re.search(r"\*\*Time:\*\* about (\d+) minutes", md.read_text())[1]
        for md in CHAPTERS
    }
    assert dict(rows) == time_of


def test_a_fork_changes_its_address_with_the_command_on_the_page(tmp_path):
    (command,) = re.findall(r"^   git grep .*?(?=^   ```)", TEACHING, flags=re.M | re.S)
    for name in tracked():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    run = functools.partial(subprocess.run, cwd=tmp_path, check=True)
    run(["git", "init", "-q"])
    run(["git", "add", "."])
    run(["bash", "-c", command.replace("OWNER", "a-school").replace("NAME", "its-course")])
    config = (tmp_path / "_config.yml").read_text()
    assert "url: https://github.com/a-school/its-course\n" in config
    assert "baseurl: https://a-school.github.io/its-course/\n" in config
    for name in tracked():
        content = (tmp_path / name).read_bytes()
        assert OWNER_AND_NAME.encode() not in content, name
        assert CONFIG["html"]["baseurl"].split("://")[1].encode() not in content, name


def test_what_the_page_for_teachers_names_is_there():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`", TEACHING):
        assert re.search(rf"^{target}:", makefile, flags=re.M), f"make {target}"
    for form in re.findall(r"\?template=([\w.-]+)", TEACHING):
        assert f".github/ISSUE_TEMPLATE/{form}" in tracked(), form


def test_the_forms_for_issues_are_complete():
    pages = ["Front page", *(f"{i + 1}. {t}" for i, t in enumerate(titles())), "Another page"]
    forms = sorted(FORMS.glob("*.yml"))
    assert [path.name for path in forms] == ["config.yml", "does-not-run.yml", "mistake.yml"]
    for path in forms:
        form = yaml.safe_load(path.read_text())
        if path.name == "config.yml":
            assert form["blank_issues_enabled"], "the issue button of a page opens a blank one"
            continue
        assert form["name"] and form["description"]
        fields = {field["id"]: field for field in form["body"]}
        assert all(field["attributes"]["label"] for field in fields.values())
        if path.name == "mistake.yml":
            assert fields["page"]["attributes"]["options"] == pages
