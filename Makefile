# Two commands do everything, each with its own set-up in ./.venv:
#   make report   run the main job and print where the report lies
#   make test     run the tests
# and for those who change it, make check: style, types, examples, documentation, wheel.
PYTHON ?= python3
VENV ?= .venv
OUT ?= report
PROFILE ?= quick
SEEDS ?= 20
KILLS ?= 100

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

.PHONY: paper results report test check lint types doctests docs wheel false-alarms fuzz mutation kill-tests parity benchmarks clean

report: $(INSTALLED)
	$(BIN)/brianpresyn validate --profile $(PROFILE) --out $(OUT)

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile

# Everything but the tests: style, types, layering, examples in docstrings, documentation, wheel.
check: lint types doctests docs wheel

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

doctests: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto --dist loadfile biophys brianpresyn rate_models validation \
		tests/test_layering.py tests/test_packaging.py

# The site, in docs/_build/html; the examples of its gallery run when they have changed.
docs: $(INSTALLED)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python -m pytest -q tests/docs/test_site_in_browser.py
	@echo "site: $(abspath docs/_build/html/index.html)"

# In a clean environment of every supported Python on this machine; PYTHONS=3.11,3.13 chooses.
wheel: $(INSTALLED)
	$(BIN)/python -m tests.wheel $(if $(PYTHONS),--pythons $(PYTHONS))

# After new files in docs/results: CLAIMS=S09,S10 are judged again, and all that is made of the results is renewed.
results: $(INSTALLED)
	$(if $(CLAIMS),$(BIN)/brianpresyn validate --profile full --claims $(CLAIMS) --results docs/results \
		--merge docs/results/claims.json --out $(OUT))
	$(BIN)/python -m validation.full_results docs/results/claims.json
	$(BIN)/python paper/build.py

# The numbers and the figure of paper/paper.md from docs/results, and its PDF where pandoc and LaTeX are.
paper: $(INSTALLED)
	$(BIN)/python paper/build.py

# How often a test of random numbers fails that should not: the same tests with other seeds.
false-alarms: $(INSTALLED)
	$(BIN)/python -m tests.false_alarms --seeds $(SEEDS)

# Wrong values for every public argument, alone and inside right ones.
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz biophys brianpresyn rate_models validation --rounds 20
	$(BIN)/python -m tests.fuzz_options

# Formulas with one sign or number changed: do the tests notice?
mutation: $(INSTALLED)
	$(BIN)/python -m tests.mutation

# What works is killed at random moments and started again: nothing may be lost.
kill-tests: $(INSTALLED)
	$(BIN)/python -m tests.kill_tests --kills $(KILLS)

# Release in NEST, NEURON, JAX and others, as far as they are installed, against Brian2, at every event.
parity: $(INSTALLED)
	$(BIN)/python -m tests.brianpresyn.hosts.parity

benchmarks: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "brianpresyn needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; call make with PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,dask,search,hosts]'
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info docs/_build docs/gallery docs/api/generated docs/sg_execution_times.rst
