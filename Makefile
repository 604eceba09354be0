# Two commands, each alone on a fresh clone:  make demo   make test
# Windows: use the same commands from Git Bash or WSL, or `py -m venv .venv`, `pip install -c constraints.txt -e .[dev]`, `pytest`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
PICTURE ?= examples/pictures/skewer.png

.PHONY: demo test test-long check bench install validators artwork clean

demo: $(VENV)/.installed           ## make an asset from a picture: PICTURE=... chooses another
	$(BIN)/kiln make $(PICTURE) --out out

test: check validators             ## what CI runs
	$(BIN)/pytest -m "not long"

test-long: check validators        ## everything, the slow ones too
	$(BIN)/pytest

check: $(VENV)/.installed-dev      ## format, lint, types, layers
	$(BIN)/ruff format --check src tests examples benchmarks docs
	$(BIN)/ruff check src tests examples benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev      ## speed and quality figures into benchmarks/results
	$(BIN)/python benchmarks/run.py

install: $(VENV)/.installed

validators: tests/validators/node_modules/.installed  ## readers nobody here wrote

artwork: $(VENV)/.installed        ## draw examples/pictures again
	$(BIN)/python examples/draw_artwork.py

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Kiln needs Python 3.11 or newer: set PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed

tests/validators/node_modules/.installed: tests/validators/package.json tests/validators/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer (the validators in the tests need it)"; exit 1; }
	npm ci --prefix tests/validators --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	rm -rf $(VENV) out build dist .mypy_cache .ruff_cache .pytest_cache tests/validators/node_modules
