# Two commands do all the set-up: `make demo` and `make test`.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# Compiling all of PyTorch takes longer than installing it: Python compiles what it imports, and
# keeps it, whatever the environment says: without, each start would take nine seconds more.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := $(BIN)/python -m pip install --no-compile --disable-pip-version-check -c constraints.txt

.PHONY: demo test check docs clean

demo: $(VENV)/.demo
	@$(BIN)/onebyone demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 $(if $(CI),-m "slow or not slow")

check: $(VENV)/.dev ## lint, format, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) docs/_build

$(BIN)/python:
	@echo "Setting up $(VENV), once: about 300 MB to download, 1 GB on disk, a minute or two."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "onebyone needs Python 3.11 or newer; set PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "creating $(VENV) failed; on Debian: apt install python3-venv" >&2; exit 2; }

# torch is pinned first: the pinned release is what the constraints were made for. pip shows how far
# it is, as this takes longest.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "1. PyTorch, about 200 MB (half a minute to a minute)"
	@$(PIP_INSTALL) torch numpy
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "2. onebyone, and the network that finds faces (about 15 seconds) ..."
	@$(PIP_INSTALL) --quiet -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "2. onebyone, and all that its tests need (about a minute) ..."
	@$(PIP_INSTALL) --quiet -e '.[dev]'
	@touch $@ $(VENV)/.demo
