"""Ask every external address of the pages, the notebooks and the README: python tools/links.py

It needs a network and the built book. Each address that does not answer is named, with the files
where it stands. An address that refuses programs (403, 429) is named too, but is no failure.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https?://[^\s\"'<>()\[\]`\\|]+[^\s\"'<>()\[\]`\\|.,;:]")
EXAMPLES = ("https://hub.example.org/", "http://localhost", "http://127.0.0.1")


def addresses(root=ROOT):
    """Each external address, with the files where it stands."""
    found = {}
    for path in sorted((root / "_build" / "html").rglob("*.html")):
        page = BeautifulSoup(path.read_text(), "html.parser")
        for link in page.find_all("a", href=ADDRESS):
            found.setdefault(link["href"].split("#")[0], set()).add(str(path.relative_to(root)))
    for path in [root / "README.md", *sorted((root / "chapters").glob("*.ipynb"))]:
        text = path.read_text()
        if path.suffix == ".ipynb":     # without the outputs: an SVG names its namespaces
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        for url in ADDRESS.findall(text):
            found.setdefault(url.split("#")[0], set()).add(str(path.relative_to(root)))
    return {url: files for url, files in sorted(found.items()) if not url.startswith(EXAMPLES)}


def ask(url, patience=30):
    """None where the address answers, else what came instead."""
    request = urllib.request.Request(url, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urllib.request.urlopen(request, timeout=patience):
            return None
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except OSError as error:
        return str(getattr(error, "reason", error))


def main():
    found = addresses()
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(found, pool.map(ask, found)))
    failed = {url: answer for url, answer in answers.items() if answer}
    dead = {url for url, answer in failed.items() if answer not in ("status 403", "status 429")}
    for url, answer in failed.items():
        print(f"{url}: {answer}\n    in {', '.join(sorted(found[url]))}")
    print(f"{len(found)} addresses, {len(dead)} dead, {len(failed) - len(dead)} refuse programs")
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())
