# Two commands do everything, each with its own set-up in ./.venv:
#   make report   run the main job and print where the report lies
#   make test     run the tests
PYTHON ?= python3
VENV ?= .venv
OUT ?= report
PROFILE ?= quick

# Data sets that already lie beside the checkout are used in place; otherwise they are downloaded.
ifeq ($(strip $(BRIANPRESYN_DATA)),)
  ifneq ($(wildcard ../shared/data),)
    BRIANPRESYN_DATA := $(abspath ../shared/data)
  endif
endif
export BRIANPRESYN_DATA

# One single-threaded process per core is the fastest way to use a few cores.
export OMP_NUM_THREADS ?= 1

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: report test check benchmarks clean

report: $(INSTALLED)
	$(BIN)/brianpresyn validate --profile $(PROFILE) --out $(OUT)

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "brianpresyn needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; call make with PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,dask]'
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info
