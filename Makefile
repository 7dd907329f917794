# `make demo` and `make test` work on a machine with git, make and Python >= 3.11;
# everything else is installed below this directory.

PYTHON ?= python3
# Tests wait for servers most of the time, so one worker more than there are cores pays.
WORKERS ?= $(shell expr $$($(PYTHON) -c 'import os; print(os.cpu_count() or 1)') + 1)
TESTS ?=

BIN := .venv/bin
UV := .uv/bin/uv
# Trust what the machine trusts, as pip does: many networks have an authority of their own.
export UV_SYSTEM_CERTS ?= 1
# Images for containers often set this, and then every process compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint format bench lock clean

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 15

setup: $(READY) ## install what is locked into .venv

demo: $(READY) ## play the main job on embedded parts
	@$(BIN)/telewright demo

up: $(READY) ## run everything, until Ctrl-C
	@$(BIN)/telewright up

test: $(READY) ## run the tests; TESTS=path and WORKERS=n narrow it
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(TESTS)

lint: $(READY) ## check style, types, who imports whom, and playbooks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	# From there, since that is where ansible.cfg says where the modules are.
	cd infrastructure/deploy && PATH="$(CURDIR)/$(BIN):$$PATH" ansible-lint --offline -q playbooks roles

format: $(READY) ## put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## make the figures that the README quotes
	$(BIN)/python -m benchmarks

lock: $(READY) ## resolve the dependencies of pyproject.toml and of the blueprints anew
	$(UV) pip compile pyproject.toml --universal --extra blueprints --extra dev --generate-hashes \
	  --no-header --no-annotate --python-version 3.11 -o requirements.lock
	for template in blueprints/*/template; do for file in requirements requirements-test; do \
	  $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --constraints requirements.lock $$template/$$file.in --output-file $$template/$$file.lock || exit 1; \
	done; done

clean: ## remove what was installed and generated; your TELEWRIGHT_HOME stays
	rm -rf .uv .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again only when what is locked or declared has changed. The project itself is
# built with the locked hatchling, so a warm machine needs no network.
$(READY): requirements.lock pyproject.toml $(UV)
	@[ -x $(BIN)/python ] || $(UV) venv -q --clear --python $(PYTHON) .venv
	$(UV) pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install -q --python $(BIN)/python --offline --no-deps --no-build-isolation -e .
	@touch $@

# uv comes in an environment of its own: many systems refuse `pip install` into theirs (PEP 668).
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Telewright needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	         "Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments." \
	         "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@rm -rf .uv && $(PYTHON) -m venv .uv
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > .uv/requirements.txt
	@.uv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r .uv/requirements.txt
	@touch $@
