# One command shows ConsentGate (`make demo`), one tells whether it is sound (`make test`).
# PYTHON is the interpreter of .venv; PYTEST_FLAGS goes to every pytest run, ARGS to benchmarks/run.py.

PYTHON ?= python3
PYTEST_FLAGS ?=
ARGS ?=
BIN := .venv/bin

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo dev test lint types bench bench-records count wheel-test applications clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo:  ## a site behind the gate, on this machine
	@tools/venv .venv $(PYTHON) demo
	$(BIN)/consentgate demo

dev:  ## .venv with everything the other targets need, and tests/npm where there is npm
	@tools/venv .venv $(PYTHON) dev
	@tools/npm

test: dev  ## the tests with coverage, then on every newer Python found here
	$(BIN)/pytest --cov $(PYTEST_FLAGS)
	@set -e; for python in $$(tools/newer-pythons $(BIN)/python); do \
	    venv=.venv-$${python##*/python}; \
	    tools/venv $$venv $$python test; \
	    echo $$venv/bin/pytest $(PYTEST_FLAGS); \
	    $$venv/bin/pytest $(PYTEST_FLAGS); \
	done

lint: dev  ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: dev  ## mypy and pyright, both strict
	$(BIN)/mypy
	$(if $(wildcard tests/typing),$(BIN)/mypy tests/typing)
	$(BIN)/pyright
	$(if $(wildcard tests/typing),$(BIN)/pyright tests/typing)

bench:  ## what the gate costs a request, beside what others cost (ARGS='peers --json FILE')
	@tools/venv .venv-bench $(PYTHON) bench
	.venv-bench/bin/python benchmarks/run.py $(ARGS)

bench-records: dev  ## what 1 000 000 records cost against 1 000, on SQLite and PostgreSQL
	$(BIN)/python benchmarks/records.py

count: dev  ## instructions of a request against the committed figures; UPDATE='why' commits new ones
	$(BIN)/python benchmarks/instructions.py --update "$$UPDATE"

wheel-test: dev  ## build sdist and wheel, test the wheel away from the sources
	tools/wheel-test

applications:  ## init, check and audit on applications from PyPI, against what is written down
	@tools/applications $(PYTHON) $(NAMES)

clean:  ## remove the environments and everything else that was made here
	rm -rf .venv .venv-* tests/npm/node_modules build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
