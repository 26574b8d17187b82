# Two commands do everything on a fresh machine: `make sweep` and `make test`.
GRID ?= demo
ARGS ?=
PYTHON ?= python3
VENV := .venv
SUITE := $(VENV)/bin/suite
READY := $(VENV)/.ready
ifdef DATA
export SUITE_DATA := $(DATA)
endif

# Compiled modules are kept: many short processes import the same large packages.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup sweep plan status report reproduce test check lint bench mlflow lock clean

help:            ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1\t/' | expand -t 20

setup: $(READY)  ## .venv with the locked packages and the project

# uv installs the lock: its wheels of torch and torchvision belong together, and hashes are checked.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one with PYTHON=..." >&2; exit 2; }
	@test -x $(VENV)/bin/python || { command -v uv >/dev/null && uv venv --quiet --python $(PYTHON) $(VENV); } || \
	  $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; export VIRTUAL_ENV="$(CURDIR)/$(VENV)"; \
	  uv pip install --quiet --require-hashes -r requirements.lock && \
	  uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

sweep: $(READY)  ## plan, run what is missing, report (GRID=demo, DATA=dir, ARGS='...')
	@$(SUITE) sweep $(GRID) $(ARGS)

plan: $(READY)   ## the runs of a grid and what they cost; runs nothing
	@$(SUITE) plan $(GRID) $(ARGS)

status: $(READY) ## how far a grid is
	@$(SUITE) status $(GRID) $(ARGS)

report: $(READY) ## tables, figures and page from what is there
	@$(SUITE) report $(GRID) $(ARGS)

reproduce: $(READY) ## tables and figures of deep_analysis from its published numbers
	@$(SUITE) reproduce $(ARGS)

# The tests of one file stay in one process; tests/conftest.py says how many processes `auto` is.
PYTEST := $(VENV)/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test: $(READY)   ## all tests, in parallel processes (ARGS='-k name')
	@$(PYTEST) $(ARGS)

check: $(READY)  ## lint and the fast tests, in a minute
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(PYTEST) -m "not slow" $(ARGS)

lint: $(READY)   ## ruff
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

bench: $(READY)  ## speed, as ratios within one run
	@$(SUITE) bench $(ARGS)

mlflow: $(READY) ## the tracking interface on localhost
	@$(VENV)/bin/mlflow ui --host 127.0.0.1 --port 5000 --backend-store-uri $${MLFLOW_TRACKING_URI:-sqlite:///results/mlflow.db}

lock: $(READY)   ## resolve pyproject.toml into requirements.lock anew
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --extra dev pyproject.toml -o requirements.lock

clean:           ## remove .venv
	@rm -rf $(VENV)
