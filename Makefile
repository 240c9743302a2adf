# One door. Every target sets itself up: a virtual environment in .venv, made from
# pyproject.toml; PYTHON names the interpreter to make it with.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-dev
RUN_STAMP := $(VENV)/.installed

.PHONY: run demo test check format clean help

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(RUN_STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(STAMP): pyproject.toml $(RUN_STAMP)
	@$(BIN)/python tools/install_dev.py
	@touch $@

check: $(STAMP) ## format, lint, types, import contracts
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/ruff check src tests tools bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## put the code into the house format
	$(BIN)/ruff format src tests tools bench
	$(BIN)/ruff check --fix src tests tools bench

test: $(STAMP) ## all tests
	$(BIN)/pytest

clean: ## forget the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis var
