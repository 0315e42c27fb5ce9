# `make run` and `make test` are all that a fresh machine with Python 3.11 needs.
VENV   := .venv
BIN    := $(VENV)/bin
# The first interpreter that really starts and is 3.11 or newer (a version-manager shim may not).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
ARGS   ?= "bring a sponge"

.PHONY: help run test lint types clean
help:
	@echo "make run    set up once, then: python -m embodied.run $(ARGS)   (ARGS='\"throw away the coke can\"')"
	@echo "make test   set up once, then lint, types, import contracts and the tests"
	@echo "make lint   ruff and the import contracts        make types   pyright"

run: $(VENV)/.installed
	$(BIN)/python -m embodied.run $(ARGS)

test: lint types
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.installed-dev
	$(BIN)/pyright --pythonpath $(BIN)/python --level error

clean:
	rm -rf $(VENV) build dist

# Stamps: set-up happens once, and again only when pyproject.toml changes.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found. Install one, or name it: make run PYTHON=/path/to/python3.11" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@ $(VENV)/.installed
