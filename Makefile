# The commands of a developer, an operator who tries the tool, and CI. `make help` lists them.
# Everything is made inside the clone (.venv, .cache); only the lab needs root and Debian packages.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
export PYTHON
# A machine's own settings must not reach the tools that are run here.
unexport PYTHONPATH PYTHONHOME ANSIBLE_CONFIG VIRTUAL_ENV
# ansible refuses to start in the C locale.
export LC_ALL := C.UTF-8

PYTEST := $(BIN)/python -m pytest
# Tests wait a lot, for hosts and for time to pass (docs/guides/testing.md).
WORKERS ?= 4
BESIDE := --numprocesses $(WORKERS) --dist loadscope
ARGS ?=

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

# --- Environments: a stamp is as old as the packages that its lock file names ---------------------
$(VENV)/.demo: requirements/demo.txt tools/venv.sh
	@tools/venv.sh $(VENV) requirements/demo.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt tools/venv.sh
	@tools/venv.sh $(VENV) requirements/dev.txt
	@touch $@ $(VENV)/.demo

.PHONY: setup lock
setup: $(VENV)/.dev ## Install everything that tests and checks need
	@tools/debian_packages.sh

lock: ## Write requirements/*.txt anew from pyproject.toml (needs uv)
	@tools/lock.sh

# The hosts of the demo have no way out, like many production hosts: they install from this folder.
.cache/wheels/.complete: examples/dashboard/requirements.txt | $(VENV)/.demo
	@echo "fetching the sample application's packages" >&2
	@mkdir -p $(@D)
	@$(BIN)/python -m pip -qq --disable-pip-version-check download --only-binary :all: --dest $(@D) --requirement $<
	@touch $@

# --- Try it ---------------------------------------------------------------------------------------
.PHONY: demo lab lab-down
demo: $(VENV)/.demo .cache/wheels/.complete ## Release an application to two make-believe hosts here: no root, no server
	@$(BIN)/python -m demo $(ARGS)

lab: setup ## Bring up two application hosts and a database host (root)
	@$(BIN)/python -m tests.support.lab up $(ARGS)
	@$(BIN)/python -m tests.support.lab environment

lab-down: $(VENV)/.dev ## Remove them
	@$(BIN)/python -m tests.support.lab down $(ARGS)

# --- Prove it -------------------------------------------------------------------------------------
.PHONY: test again test-profile minutes stamps soak bench coverage
test: setup ## Run every check and every test (ARGS="-k name" for some)
	@mkdir -p .cache && rm -f .cache/test.status
	@$(MAKE) lint
	@$(PYTEST) $(BESIDE) $(ARGS); status=$$?; echo $$status > .cache/test.status; exit $$status

again: $(VENV)/.dev ## Run what failed last once more, with nothing beside it
	@tools/again.sh $(PYTEST)

test-profile: setup ## Run the tests, and say where the time of the processors went and which tests are the slowest
	@$(BIN)/python tools/profile_run.py $(MAKE) test

minutes: $(VENV)/.dev ## Write the table of minutes in docs anew from the last whole run of the tests
	@$(BIN)/python -m tests.support.minutes

stamps: setup ## Test the load generator and the lab where they changed, and note that they passed
	@$(BIN)/python -m tests.support.stamps $(ARGS)

soak: setup ## Run the long counts and add a row to the table in docs
	@$(PYTEST) -m soak $(ARGS)

bench: setup ## Measure a release beside other ways of doing it
	@$(PYTEST) -m bench $(ARGS)

coverage: setup ## Tests without the lab, with coverage of the tool's own code
	@$(BIN)/coverage run -m pytest -m "not lab and not soak and not bench" $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

.PHONY: lint format
lint: $(VENV)/.dev ## Style, types, playbooks, spelling
	@tools/lint.sh

format: $(VENV)/.dev ## Let the formatter have its way
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet .

# --- Hand it out ----------------------------------------------------------------------------------
.PHONY: build docs faults clean
build: $(VENV)/.dev ## Make the wheel and the source archive in dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build

docs: $(VENV)/.dev ## Write the generated reference pages anew
	@$(BIN)/python tools/reference.py

faults: $(VENV)/.dev ## Write the page of injected faults from the records of the last test runs
	@$(BIN)/python tools/faults.py

clean: ## Remove what the commands above made inside the clone
	@if [ -x $(BIN)/python ] && [ -d .demo ]; then $(BIN)/python -m demo --clean; fi
	@rm -rf $(VENV) .cache .demo build dist runs .mypy_cache .pytest_cache .ruff_cache .ansible .coverage .coverage.*
