# Two commands for a fresh machine with Python >= 3.10: `make local` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# The tests start hundreds of processes: without bytecode each would compile chatops again.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 --dist worksteal

.PHONY: local test test-slow test-all faults nightly bench check web check-web node wscat lock audit licences clean
.DELETE_ON_ERROR:

local: .venv/local  ## The chat on this machine: install, start, deploy, print the URL.
	$(BIN)/chatops up --local

test: .venv/test  ## Most tests, in about five minutes on two cores. What needs Node or Chromium is skipped where they are missing, unless CI=true.
	$(PYTEST) -m 'not slow'

test-slow: .venv/test  ## The slow tests, except the exhaustive ones in tests/faults.
	$(PYTEST) -m 'slow and not exhaustive'

test-all: .venv/test  ## All tests except the nightly ones, with every example of the property tests.
	FULL_EXAMPLES=1 $(PYTEST)

faults: .venv/test  ## Kills, breaks and slows everything that up and down ask of AWS; tells what survived. Minutes.
	$(PYTEST) tests/faults

nightly: .venv/test  ## The same, with bad weather of 50 seeds.
	$(PYTEST) -m 'nightly or not nightly' tests/faults

bench: .venv/test  ## How fast everything is, beside what it is measured against. A quarter of an hour; nginx and wrk for a part of it.
	$(BIN)/python -m tests.bench

check: .venv/test  ## Style and types.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

web: chatops/web/node_modules/.package-lock.json  ## Builds the chat page's bundle into handlers/; needs Node.
	npm run --prefix chatops/web build

check-web: chatops/web/node_modules/.package-lock.json  ## The page: types, unit tests, and is the committed bundle what the source makes?
	npm run --prefix chatops/web check

node: wscat chatops/web/node_modules/.package-lock.json  ## Everything that the tests take from npm.

wscat: tests/e2e/node_modules/.package-lock.json  ## The WebSocket client that the tests talk through; needs Node.

lock: .venv/test  ## What CI installs, pinned and hashed.
	$(BIN)/pip install --quiet uv==0.13.9
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.10 --generate-hashes \
		--no-annotate --no-header --quiet --upgrade --output-file requirements-ci.lock

audit: .venv/test  ## Known weaknesses of what this is built on, where the registries tell them.
	$(BIN)/pip install --quiet pip-audit==2.10.1
	$(BIN)/pip-audit --skip-editable
	npm audit --prefix chatops/web
	npm audit --prefix tests/e2e

licences: .venv/test  ## The licence of every package that is installed for tests, or built into the page.
	$(BIN)/pip install --quiet pip-licenses==5.5.5
	$(BIN)/pip-licenses --with-urls
	cat handlers/page.LICENSES.txt

clean:
	rm -rf .venv tests/e2e/node_modules chatops/web/node_modules dist

tests/e2e/node_modules/.package-lock.json: tests/e2e/package-lock.json
	npm ci --ignore-scripts --prefix tests/e2e --no-fund --no-audit

chatops/web/node_modules/.package-lock.json: chatops/web/package-lock.json
	npm ci --ignore-scripts --prefix chatops/web --no-fund --no-audit

.venv/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "chatops needs Python 3.10 or newer"'
	$(PYTHON) -m venv .venv

.venv/local: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[local,chat]'
	touch $@

.venv/test: .venv/bin/python pyproject.toml requirements-ci.lock  # in CI what is locked, else the newest
ifeq ($(CI),true)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-ci.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
else
	$(BIN)/pip install --quiet --editable '.[test]'
endif
	touch $@
