# Needs only Python 3.11 or later and make: the first target run creates .venv and installs what requirements.lock pins.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install demo test check coverage bench soak lock clean

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin
STAMP := .venv/installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## show these lines
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(STAMP) ## play a session through the whole pipeline (ONCE=1: to the end, then verify; DATA=folder: recorded files)
	@$(BIN)/aiots demo $(if $(ONCE),--once) $(if $(DATA),--data "$(DATA)")

test: $(STAMP) ## run every test but benchmarks and soak (ARGS="-k word": some of them)
	@$(BIN)/python -m streams.runtime.warm --chains
	@$(BIN)/pytest -m "not bench and not soak" $(ARGS)

check: $(STAMP) ## check format, lint, types, import contracts, generated code and house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m schemas.generate --check
	@$(BIN)/pytest -q tests/tidy

coverage: $(STAMP) ## measure the lines that tests reach, compiled and interpreted (half an hour; fails below 95 %)
	@$(BIN)/coverage erase
	@NUMBA_CACHE_DIR=$$(mktemp -d) $(BIN)/coverage run -m pytest -q -m "not bench and not soak" --timeout 900 \
		--ignore tests/broker/test_kills.py --ignore tests/tidy
	@NUMBA_DISABLE_JIT=1 $(BIN)/coverage run -m pytest -q -W ignore::RuntimeWarning --timeout 1800 \
		tests/unit tests/property tests/contract $(foreach part,*options* *american* *cash* *lanes*,--ignore-glob '$(part)')
	@$(BIN)/coverage combine -q && $(BIN)/coverage report --skip-covered --fail-under 95

bench: $(STAMP) ## measure speed and latency against the goals (JSON and a table; fails below a goal)
	@$(BIN)/aiots bench $(ARGS)

soak: $(STAMP) ## run ten minutes under load: memory flat, checkpoints on time
	@$(BIN)/aiots soak $(ARGS)

install: $(STAMP) ## create .venv and install the pinned packages

lock: $(STAMP) ## pin the packages of pyproject.toml anew (UPGRADE=1: at their newest versions)
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) -o requirements.lock
	@$(BIN)/python -m deploy.local.jars

clean: ## remove the environment and the caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or later is needed and was not found; name it by PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "error: cannot create .venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing what requirements.lock pins into .venv (once)"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@
