# Everything starts here: `make help` lists the targets.
# Needs git, make and a Python from 3.11 to 3.13; everything else is installed into this folder.

.DEFAULT_GOAL := help
.PHONY: help run link setup test unit lint format torture bench build lock clean

# The Python that makes the environments: the one already used, else the first suitable one. Set PYTHON= to choose.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
ifndef PYTHON
PYTHON := $(shell for p in .venv/bin/python python3.11 python3.12 python3.13 python3 python; do \
	if "$$p" -I -c '$(SUITABLE)' >/dev/null 2>&1; then echo "$$p"; break; fi; done)
endif
PY := .venv/bin/python
# Who wants no bytecode beside the sources gets it beside the builds: compiled anew, a start takes two seconds longer.
ifdef PYTHONDONTWRITEBYTECODE
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.cache/bytecode
endif
BOOTSTRAP = $(if $(PYTHON),$(PYTHON) -I studio/bootstrap.py,\
	{ echo "Studio needs Python 3.11, 3.12 or 3.13, and none was found. Install one, or name it: make run PYTHON=/path/to/python3.11" >&2; exit 1; };)

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{ printf "  make %-9s %s\n", $$1, $$2 }'

run: ## set up what is missing and start everything on one port (PORT=3000)
	@$(BOOTSTRAP) run
	@exec $(PY) -m studio serve --with-parent

link: ## print a new one-time sign-in link for the running Studio
	@$(PY) -m studio signin-link --default

setup: ## prepare .venv with everything, tests and tools included
	@$(BOOTSTRAP) dev

build: ## build the front end, unless it is built
	@$(BOOTSTRAP) run
	@$(PY) -m studio build

test: setup ## run every test, browser tests included, in two processes (ARGS= for pytest)
	@$(PY) -m tests.browser --ensure
	@exec $(PY) -m pytest -n 2 $(ARGS)

unit: setup ## run the fast tests only
	@exec $(PY) -m pytest tests/unit $(ARGS)

lint: setup ## check style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m basedpyright

format: setup ## put the code into the house style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

torture: setup ## the long fault tests: processes killed again and again
	@STUDIO_TORTURE=1 $(PY) -m pytest tests/faults $(ARGS)

bench: setup ## run every benchmark; each prints one JSON object
	@set -e; for bench in bench/[a-z]*.py; do \
		name=$$(basename "$$bench" .py); \
		if [ "$$name" != common ]; then $(PY) -m "bench.$$name" --json; fi; done

lock: setup ## make the lock files anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@$(BOOTSTRAP) lock $(ARGS)
	@$(BOOTSTRAP) dev
	@$(PY) -m studio.frontend lock

clean: ## remove what make made, but never the data folder
	rm -rf .venv .tools .cache .web .states .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
