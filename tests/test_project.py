"""The project as a whole: one address, one title, a package that installs."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import tomllib
import yaml
from packaging.requirements import Requirement
from test_launch import environment

from chapters import NOTEBOOKS, ROOT

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())


def test_the_address_of_the_repository_is_the_same_everywhere():
    address = CONFIG["repository"]["url"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == address
    assert citation["url"] == CONFIG["html"]["baseurl"]
    owner = address.removeprefix("https://github.com/")
    readme = (ROOT / "README.md").read_text()
    assert f"git clone {address}" in readme
    name = r"([\w.-]+/[\w.-]+)/"
    assert set(re.findall(r"mybinder\.org/v2/gh/" + name, readme)) == {owner}
    assert set(re.findall(r"colab\.research\.google\.com/github/" + name, readme)) == {owner}
    for md in NOTEBOOKS:
        setup = nbformat.read(md.with_suffix(".ipynb"), as_version=4).cells[1].source
        assert f'"git+{address}"' in setup


def test_the_title_is_the_same_everywhere():
    title = "Linear Networks from First Principles"
    assert CONFIG["title"] == title
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["title"] == title
    assert f"\n# {title}\n" in (ROOT / "intro.md").read_text()
    assert (ROOT / "README.md").read_text().startswith(f"# {title}\n")


def test_the_package_has_ranges_and_the_book_has_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any("==" in requirement for requirement in project["dependencies"])
    assert "d2l" not in [re.split(r"[<>=]", r)[0] for r in project["dependencies"]]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and line[0] not in "#-"]
    assert all("==" in pin for pin in pins), pins
    binder = (ROOT / "binder" / "requirements.txt").read_text()
    for name in ("torch", "torchvision", "matplotlib", "jupytext"):
        (pin,) = [p for p in pins if p.startswith(f"{name}==")]
        assert pin in binder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")  # and a copy: other tests read the tree meanwhile
    ignored = (".git", ".venv", "_build", "build", "data", "*.egg-info", "__pycache__", ".*_cache")
    tree = shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(*ignored))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, tree]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"d2lsupport/{f}" for f in ("py.typed", "explore.js", "explore.css")} <= set(names)
    assert all(name.startswith(("d2lsupport/", "d2lsupport-")) for name in names)
    modules = {f"d2lsupport/{path.name}" for path in (ROOT / "d2lsupport").glob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


def test_the_wheel_passes_twine_check(wheel):
    command = [sys.executable, "-m", "twine", "check", "--strict", wheel]
    subprocess.run(command, check=True, capture_output=True)


def test_the_wheel_works_where_only_its_dependencies_are_installed(wheel, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = environment(tmp_path, [Requirement(r).name for r in project["dependencies"]])
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import d2lsupport as d2l, torchvision, torch; from d2lsupport import explore;"
        "X, y = d2l.synthetic_data(torch.tensor([2, -3.4]), 4.2, 10); d2l.plot(y[:, 0]);"
        "print(d2l.__file__, X.shape)"
    )
    result = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.split()[0]).is_relative_to(site)


def test_the_package_is_typed_and_tidy():
    python, oxlint = sys.executable, Path(sys.executable).with_name("oxlint")
    for command in (
        [python, "-m", "mypy"],
        [python, "-m", "ruff", "check"],
        [oxlint, "--deny-warnings", "d2lsupport"],  # the script
    ):
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout


def test_the_workflow_and_the_local_run_are_the_same():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())
    assert {"run": ".ci/run"} in workflow["jobs"]["build"]["steps"]
    script = (ROOT / ".ci" / "run").read_text()
    assert "\nmake test\n" in script and "\nmake book\n" in script


def test_nothing_of_third_parties_or_of_this_machine_is_committed():
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        if name != "d2lsupport/explore.js":
            assert not re.search(r"\.(js|woff2?|ttf|gz|whl)$|ubyte", name), name
