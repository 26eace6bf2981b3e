# Two commands do all the set-up: `make demo` and `make test`.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# Compiling all of PyTorch takes longer than installing it: Python compiles what it imports.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check \
	-c constraints.txt

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
	@echo "Setting up $(VENV), once ..."
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "onebyone needs Python 3.11 or newer; set PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { echo "creating $(VENV) failed; on Debian: apt install python3-venv" >&2; exit 2; }

# torch is pinned first: the pinned release is what the constraints were made for.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "Installing PyTorch, about 200 MB (half a minute to a minute) ..."
	$(PIP_INSTALL) torch numpy
	touch $@

$(VENV)/.demo: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "Installing onebyone and the network that finds faces (some seconds) ..."
	$(PIP_INSTALL) -e '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch
	$(PIP_INSTALL) -e '.[dev]'
	touch $@ $(VENV)/.demo
