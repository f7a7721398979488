# nethood: every command does its own set-up and is quick when repeated.
#
#   make serve   install into .venv and share a folder: DIR=./share, ARGS= for more options
#   make test    install the test peers where possible and run every test; ARGS= goes to pytest
#   make check   ruff, ruff format, mypy --strict, import-linter
#   make bench   nethood against smbd on this machine, written to benchmarks/RESULTS.md
#   make fuzz    every decoder against random bytes, SECONDS_EACH=1 for each
#   make docs    write the pages of docs/ that come from the code: commands, findings, the schema

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

DIR ?= ./share
ARGS ?=
VENV ?= .venv
SECONDS_EACH ?= 1
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
export CI

.PHONY: help serve test check bench fuzz docs clean

help:
	@sed -n 's/^#   //p' Makefile

serve: $(VENV)/.installed
	@mkdir -p "$(DIR)"
	@exec $(BIN)/nethood serve "$(DIR)" $(ARGS)

test: $(VENV)/.test
	@scripts/peers.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests benchmarks fuzz
	$(BIN)/lint-imports

bench: $(VENV)/.bench
	@scripts/peers.sh
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: $(VENV)/.test
	$(BIN)/python -m fuzz --seconds $(SECONDS_EACH) $(ARGS)

docs: $(VENV)/.installed
	$(BIN)/python -m nethood.cli.reference > docs/commands.md.new
	mv docs/commands.md.new docs/commands.md
	$(BIN)/python -m nethood.exposure.findings.document > docs/findings.md.new
	mv docs/findings.md.new docs/findings.md
	$(BIN)/python -m nethood.exposure.report.schema > docs/scan-schema.json.new
	mv docs/scan-schema.json.new docs/scan-schema.json

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# One stamp for each set of packages: pip runs again only when pyproject.toml has changed.
$(VENV)/.python: scripts/venv.sh
	@scripts/venv.sh "$(VENV)"
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	$(PIP) install --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.installed $(VENV)/.test

$(VENV)/.bench: $(VENV)/.python pyproject.toml
	$(PIP) install --editable '.[test,uvloop]'
	@touch $@ $(VENV)/.installed $(VENV)/.test
