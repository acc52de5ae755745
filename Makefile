# Two commands for a fresh machine with Python >= 3.10: `make local` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: local test check wscat clean
.DELETE_ON_ERROR:

local: .venv/local  ## The chat on this machine: install, start, deploy, print the URL.
	$(BIN)/chatops up --local

test: .venv/test  ## Every test. What needs Node or Chromium is skipped where they are missing, unless CI=true.
	$(BIN)/pytest -n 2 --dist loadgroup

check: .venv/test  ## Style and types.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

wscat: tests/e2e/node_modules/.package-lock.json  ## The WebSocket client that the tests talk through; needs Node.

clean:
	rm -rf .venv tests/e2e/node_modules dist

tests/e2e/node_modules/.package-lock.json: tests/e2e/package-lock.json
	npm ci --prefix tests/e2e --no-fund --no-audit

.venv/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "chatops needs Python 3.10 or newer"'
	$(PYTHON) -m venv .venv

.venv/local: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[local]'
	touch $@

.venv/test: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@
