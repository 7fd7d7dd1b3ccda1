# Thin on purpose: the work is in manage.py, this file only prepares .venv and names the commands.
# Everything runs without root, from a fresh clone with Python 3.11+ (venv), git and make.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3.14 python3 2>/dev/null))
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test check bench fuzz lock browser curl node clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile

run: $(VENV)/runtime.stamp ## start everything in the foreground; ARGS="..." goes to `manage.py up`
	@OPENCLB_DEMO=$${OPENCLB_DEMO-1} exec $(BIN)/python manage.py up --with-parent $(ARGS)

test: $(VENV)/dev.stamp browser node curl ## run the whole test suite; ARGS="..." goes to pytest
	@$(BIN)/python -m pytest $(ARGS)

check: export OPENCLB_DATA_DIR = $(VENV)/check
check: $(VENV)/dev.stamp ## format, lint, types, missing migrations
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy console balancer proxy manage.py
	@$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/dev.stamp ## measure the proxy
	@$(BIN)/python -m benchmarks $(ARGS)

fuzz: $(VENV)/fuzz.stamp ## look for bytes that break the proxy; ARGS="-runs=1000000"
	@$(BIN)/python -m fuzz $(ARGS)

lock: $(VENV)/dev.stamp ## write requirements/*.txt anew from requirements/*.in
	@for each in proxy runtime dev fuzz; do \
	    UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --no-emit-find-links \
	        --output-file requirements/$$each.txt requirements/$$each.in || exit 1; \
	done

# Interop tests run the vendor's client for Node.
node:
	@sh tests/interop/find-node.sh

# The guide to the REST API is tried with it.
curl:
	@sh tests/interop/find-curl.sh

# Browser tests drive the system's own Chromium.
browser:
	@sh tests/e2e/find-chromium.sh

clean: ## remove .venv and caches; keeps the data dir
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "openclb: Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "openclb: Python 3.11 or newer is needed, $(PYTHON) is older" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: requirements/runtime.txt | $(VENV)/bin/python
	@echo "installing requirements/runtime.txt"
	@$(PIP_INSTALL) -r requirements/runtime.txt
	@touch $@

# The development requirements contain the others.
$(VENV)/dev.stamp: requirements/dev.txt requirements/runtime.txt | $(VENV)/bin/python
	@echo "installing requirements/dev.txt"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $(VENV)/runtime.stamp $@

$(VENV)/fuzz.stamp: requirements/fuzz.txt $(VENV)/dev.stamp
	@echo "installing requirements/fuzz.txt"
	@$(PIP_INSTALL) -r requirements/fuzz.txt
	@touch $@
