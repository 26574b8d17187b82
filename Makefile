# Two commands do everything on a fresh machine: `make sweep` and `make test`.
GRID ?= demo
ARGS ?=
PORT ?= 5000
PYTHON ?= python3
VENV := .venv
SUITE := $(VENV)/bin/suite
READY := $(VENV)/.ready
# lock, or system: torch is that of PYTHON. An existing .venv stays what it is.
TORCH ?= $(shell grep -qs 'include-system-site-packages = true' $(VENV)/pyvenv.cfg && echo system || echo lock)
SHARED = $(if $(filter system,$(TORCH)),--system-site-packages)
SIZE = $(if $(filter system,$(TORCH)),1 GB,6.3 GB)
PACKAGES = import sysconfig; print(sysconfig.get_path("purelib"))
# The packages of PYTHON where it belongs to a virtual environment, which --system-site-packages passes over.
OWN_PACKAGES = import sys, sysconfig; print(sysconfig.get_path("purelib") if sys.prefix != sys.base_prefix else "")
ifdef DATA
export SUITE_DATA := $(DATA)
endif

# Compiled modules are kept: many short processes import the same large packages.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup sweep plan status report reproduce test test-more test-cluster check chaos lint bench mlflow lock clean

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

setup: $(READY)  ## create .venv with the locked packages and the project (TORCH=system: with the torch of PYTHON)
	@test "$(TORCH)" != system || grep -qs 'include-system-site-packages = true' $(VENV)/pyvenv.cfg || \
	  { echo "$(VENV) has a torch of its own; run make clean, then make setup TORCH=system" >&2; exit 2; }

# uv installs the lock: its wheels of torch and torchvision belong together, and hashes are checked.
# It shows its progress, except in CI.
$(READY): requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one with PYTHON=..." >&2; exit 2; }
	@test "$(TORCH)" != system || $(PYTHON) -P suite/lock_for_system_torch.py requirements.lock >/dev/null
	@test -x $(VENV)/bin/python || \
	  { command -v uv >/dev/null && uv venv --quiet $(SHARED) --python $(PYTHON) $(VENV); } || \
	  $(PYTHON) -m venv $(SHARED) $(VENV)
	@command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@cp requirements.lock $(VENV)/requirements.lock
ifeq ($(TORCH),system)
	@$(PYTHON) -P suite/lock_for_system_torch.py requirements.lock > $(VENV)/requirements.lock
	@$(PYTHON) -c '$(OWN_PACKAGES)' > "$$($(VENV)/bin/python -c '$(PACKAGES)')/torch_of_the_system.pth"
endif
	@echo "Installing $$(grep -c '^[A-Za-z0-9]' $(VENV)/requirements.lock) packages into $(VENV), about $(SIZE) on disk" >&2
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; export VIRTUAL_ENV="$(CURDIR)/$(VENV)"; \
	  uv pip install $(if $(CI),--quiet) --no-deps --require-hashes -r $(VENV)/requirements.lock && \
	  uv pip install --quiet --no-deps --no-build-isolation --editable .
	@test "$(TORCH)" != system || $(VENV)/bin/python -c 'import torch, torchvision'
	@touch $(READY)

sweep: $(READY)  ## train and test what is missing, then report (GRID=demo, DATA=dir, ARGS='...')
	@$(SUITE) sweep $(GRID) $(ARGS)

plan: $(READY)   ## show the runs of a grid and their cost, without training
	@$(SUITE) plan $(GRID) $(ARGS)

status: $(READY) ## show the progress of a sweep
	@$(SUITE) status $(GRID) $(ARGS)

report: $(READY) ## write tables, figures and the page from the finished runs
	@$(SUITE) report $(GRID) $(ARGS)

reproduce: $(READY) ## rebuild tables and figures of five papers from published numbers
	@$(SUITE) reproduce $(ARGS)

# The tests of one file stay in one process; tests/conftest.py says how many processes `auto` is.
PYTEST := $(VENV)/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test: $(READY)   ## run all tests, in parallel processes (ARGS='-k name')
	@$(PYTEST) $(ARGS)

check: lint      ## run lint and the fast tests
	@$(PYTEST) -m "not slow and not more and not faults" $(ARGS)

test-more: $(READY) ## run the slower tests: a wheel that trains, MLflow's interface, costs of all grids
	@SUITE_TEST_CHAINS=$(or $(SUITE_TEST_CHAINS),20) $(PYTEST) -m more $(ARGS)

# Slurm runs from Debian's packages, unpacked below CLUSTER; without root or apt-get these tests are skipped.
CLUSTER ?= $(CURDIR)/$(VENV)/slurm-packages
# SUITE_TEST_CHAINS=10 runs 30 jobs in place of 300.
test-cluster: $(READY) ## test the executors for Slurm and Ray with a real Slurm and a real Ray on this machine
	@$(VENV)/bin/python -c 'import ray, submitit' 2>/dev/null || \
	  { PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; export VIRTUAL_ENV="$(CURDIR)/$(VENV)"; \
	    uv pip install --quiet submitit ray || echo "submitit and ray cannot be installed: their tests are skipped" >&2; }
	@SUITE_TEST_CLUSTER=$(CLUSTER) $(VENV)/bin/python -m pytest -rs -m 'more or faults' tests/cluster tests/sweep/test_executors.py \
	  tests/sweep/test_shared_sweep.py $(ARGS)

chaos: $(READY)  ## break disks, files and clocks under sweeps, then kill one 50 times and compare its files (ARGS='--seed 1')
	@$(VENV)/bin/python -m pytest -m faults tests/chaos tests/sweep
	@$(VENV)/bin/python -m tests.chaos $(ARGS)

lint: $(READY)   ## run ruff
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

bench: $(READY)  ## measure speed, as ratios within one measurement
	@$(SUITE) bench $(ARGS)

mlflow: $(READY) ## open the MLflow interface on localhost (PORT=5000)
	@$(SUITE) mlflow --port $(PORT)

lock: $(READY)   ## resolve pyproject.toml into requirements.lock
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --extra dev pyproject.toml -o requirements.lock

clean:           ## remove .venv
	@rm -rf $(VENV)
