# One door. Every target sets itself up: a virtual environment in .venv, made from
# pyproject.toml; PYTHON names the interpreter to make it with.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
CODE := src tests tools bench examples
JOBS ?= 4
SEEDS ?= 100000
PAIRS ?= 20000
CASE ?= relay
SECONDS ?= 600

# Compiled modules halve the time to start, and tests start hundreds of daemons.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run demo check format test test-failed prop sim bench bench-micro peers clean compat \
	fuzz bless grammar

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(RUN_STAMP): pyproject.toml
	@test -x $(BIN)/python || tools/make_venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml $(RUN_STAMP)
	@$(BIN)/python tools/install_dev.py
	@touch $@

run: $(RUN_STAMP) ## start the daemon on examples/quickstart.conf
	@echo "send:     logger -n 127.0.0.1 -P 5514 -T hello"
	@echo "arrives:  tail -F var/collector-a.log var/collector-b.log"
	@echo "outage:   $(BIN)/logferry ctl --control var/state/logferry.ctl source stop s_collector_a   (and: source start s_collector_a)"
	@mkdir -p var
	@exec $(BIN)/logferry run -f examples/quickstart.conf --state-dir var/state

demo: $(RUN_STAMP) ## play an outage and count what arrived
	@$(BIN)/python examples/demo.py

check: $(DEV_STAMP) ## format, lint, types, import contracts
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV_STAMP) ## put the code into the house format
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

test: $(DEV_STAMP) ## all tests
	$(BIN)/pytest -n $(JOBS)

test-failed: $(DEV_STAMP) ## the tests that failed last, one after the other
	$(BIN)/pytest -n 0 --last-failed --last-failed-no-failures none

prop: $(DEV_STAMP) ## PAIRS configurations and messages: generated = reference
	LOGFERRY_PAIRS=$$(($(PAIRS) / 2)) $(BIN)/pytest --timeout=0 -n 2 \
		tests/property/test_generated_equals_reference.py
	LOGFERRY_PAIRS=$$(($(PAIRS) / 10)) $(BIN)/pytest --timeout=0 \
		tests/property/test_correlation_equals_reference.py

sim: $(DEV_STAMP) ## simulate SEEDS outages
	$(BIN)/python tests/sim/run.py --seeds $(SEEDS)

peers: $(DEV_STAMP) ## unpack Debian's syslog-ng, rsyslog and nginx for the tests
	$(BIN)/python tools/fetch_peers.py

bench: $(DEV_STAMP) ## run benchmark CASE beside the peers that are there
	$(BIN)/python bench/run.py --case $(CASE)

bench-micro: $(DEV_STAMP) ## time the kernels of the daemon
	$(BIN)/pytest bench/micro --benchmark-columns=min,median,rounds --benchmark-sort=name -p no:cacheprovider

compat: $(DEV_STAMP) ## compare our options with AxoSyslog's; writes docs/compat.md
	$(BIN)/python tools/compat.py --check

fuzz: $(DEV_STAMP) ## fuzz the configuration language for SECONDS
	$(BIN)/python tests/property/fuzz_config.py $(SECONDS)

bless: $(DEV_STAMP) grammar ## write what golden tests expect, for review
	cd tests && ../$(BIN)/python -m helpers.golden

grammar: $(DEV_STAMP) ## write the grammar for editors
	$(BIN)/logferry options --grammar > editors/vscode/syntaxes/logferry.tmLanguage.json

clean: ## forget the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var
