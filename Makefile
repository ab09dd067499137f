# make book       the HTML book, in _build/html
# make test       the tests: package, chapters, notebooks (nbval), pages in a browser
# make pdf        the book as one PDF, in _build/; printed by Chromium
# make links      ask every external address whether it answers
# make audit      ask whether a vulnerability is known in one of the pinned packages
# make mutants    make 200 mistakes, and those of cosmic-ray, and see that the checks catch them
# make benchmarks time the package beside a bare loop and the usual loader
# make timings    what the execution of each page took
# make notebooks  execute the chapters again and write their .ipynb
# make data       Fashion-MNIST, in data/
# make clean      forget what was built; data/ and .venv/ stay

PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS := 1
export D2L_DATA ?= $(CURDIR)/data

.PHONY: book test pdf links audit mutants benchmarks timings notebooks data clean

book: data
	@echo "== Building the book: every chapter is executed, which takes some minutes the first time"
	$(BIN)/jupyter-book build . -W -n --keep-going --all
	@echo "== The book is in _build/html: open _build/html/index.html"

test: book
	@echo "== Running the tests; nbval executes every notebook and compares it with its record"
	@mkdir -p _build
	$(BIN)/pytest -n 2 --dist worksteal --junit-xml=_build/tests.xml
	@echo "== All tests passed; the report is _build/tests.xml"

pdf: data
	@echo "== Building the book as one page and printing it"
	$(BIN)/jupyter-book build . -W -n --keep-going --all --builder singlehtml
	$(BIN)/python tools/pdf.py _build/singlehtml/intro.html _build/linear-networks.pdf
	@echo "== The book is in _build/linear-networks.pdf"

links: book
	@echo "== Asking every external address; this needs a network"
	$(BIN)/python tools/links.py

# In an environment of its own, since it needs none of what it asks about.
audit:
	@echo "== Asking for each pinned package whether a vulnerability is known; this needs a network"
	$(PYTHON) -m venv _build/audit
	_build/audit/bin/pip install --quiet pip-audit==2.10.1
	_build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

# cosmic-ray is installed here only: it brings packages that nothing else needs.
mutants: data
	@echo "== Making mistakes, one at a time, to see which check catches them"
	$(BIN)/python tools/mutants.py
	$(BIN)/python -m pip install --quiet cosmic-ray==8.7.0
	$(BIN)/python tools/generic_mutants.py

benchmarks: data
	@echo "== Timing competitors in turn, each in a process of its own, for some minutes"
	$(BIN)/python benchmarks/side_by_side.py

timings: book
	$(BIN)/python tools/timings.py

notebooks: data
	@echo "== Executing the chapters and writing their notebooks"
	$(BIN)/python tools/record.py
	@echo "== The notebooks are in chapters/"

data: .venv/installed
	@echo "== Making sure of Fashion-MNIST in $(D2L_DATA)"
	@$(BIN)/python -m d2lsupport "$(D2L_DATA)"

.venv/installed: requirements.txt constraints.txt pyproject.toml
	@echo "== Making the environment in .venv"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt -e .
	@touch $@

clean:
	rm -rf _build dist build *.egg-info
