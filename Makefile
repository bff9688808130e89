# Each word says what it does: `make help`.

VENV   := .venv
PYTHON := $(VENV)/bin/python
PIP    := $(VENV)/bin/pip --disable-pip-version-check --quiet
PORT   ?= 8000

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-pages test-rules check bench bench-peak lock clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed ## Make .venv with the program in it, from the lock file

demo: setup ## A deal day on a real catalogue, on http://127.0.0.1:8000 (PORT=… for another, CROWD=1 with a crowd)
	$(VENV)/bin/evertill demo --port $(PORT)$(if $(CROWD), --crowd)

serve: setup ## The shop as it is in ./.evertill
	$(VENV)/bin/evertill serve --port $(PORT)

test: check ## All checks and all tests; installs Debian's Chromium if there is none
	@command -v chromium >/dev/null && $(PYTHON) -c 'import ctypes; ctypes.CDLL("libatomic.so.1")' 2>/dev/null \
	    || tools/debian-install chromium libatomic1  # what drives Chromium needs the latter
	@$(MAKE) --no-print-directory --jobs 2 test-pages test-rules  # they mostly wait, and not for each other

test-pages:
	$(PYTHON) -m pytest tests/browser tests/whole

test-rules:
	$(PYTHON) -m pytest tests/unit tests/database tests/contention

check: $(VENV)/.installed-dev ## Lint and types only
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

bench: $(VENV)/.installed-dev ## Measure; about five minutes. Results in bench/results/
	$(PYTHON) -m bench

bench-peak: $(VENV)/.installed-dev ## Measure workers, crowds, overload, floods and growth; twelve minutes, up to 16 GB of disk
	$(PYTHON) -m bench --peak

lock: ## Write the lock files anew from pyproject.toml (needs uv in .venv)
	$(VENV)/bin/uv pip compile -q pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command "make lock" -o requirements.lock
	$(VENV)/bin/uv pip compile -q pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command "make lock" -o requirements-dev.lock

clean: ## Remove what was installed and measured; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@python3 -c 'import ensurepip' 2>/dev/null || tools/debian-install python3-venv
	python3 -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what requirements.lock names …"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what requirements-dev.lock names …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
