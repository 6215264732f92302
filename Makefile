# The handful of commands people use. Each makes what it needs the first time: a virtual environment
# in .venv, the digits in .data. Afterwards it is quick, until setup.cfg changes.
#
#   make demo      train a small CNN on 5,000 real digits       make demo ARGS="--epochs 2 --seed 3"
#                  the same on OpenCL                           MINIGRAD_BACKEND=opencl make demo
#   make test      the whole test suite                         make test ARGS="-k matmul"
#   make oracle    the comparison with PyTorch
#   make lint      ruff and mypy
#   make bench     the table of ratios to PyTorch               make bench ARGS="--only mlp --quick"
#   make mutants   mutation testing of the gradient rules (ten minutes)
#   make data      all data sets of minigrad.datasets          make data ARGS="fashion austen"
#   make weights   the weights of tutorials/models             make weights ARGS="minilm mtcnn"
#   make clean     remove everything the others made
#
# PYTHON=python3.12 names another Python (3.11 or later) to make .venv with.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
DIGITS := .data/.digits

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test oracle lint bench mutants clean data weights

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^PYTHON=/q'

demo: $(VENV)/.with-demo $(if $(findstring opencl,$(MINIGRAD_BACKEND)),$(VENV)/.with-opencl-cpu) $(DIGITS)
	$(BIN)/python tutorials/demo_mnist.py $(ARGS)

# One thread for each worker's BLAS: two workers with two threads each only get in each other's way.
test: $(VENV)/.with-test $(VENV)/.with-demo $(VENV)/.with-tutorials $(VENV)/.with-opencl-cpu $(DIGITS)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	$(BIN)/python -m pytest -n $(WORKERS) --ignore=tests/oracle $(ARGS)

oracle: $(VENV)/.with-test $(VENV)/.with-oracle
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	$(BIN)/python -m pytest -n $(WORKERS) tests/oracle $(ARGS)

# mypy cannot follow the package map of setup.cfg, so it is shown the tree that the map describes.
lint: $(VENV)/.with-dev $(VENV)/.with-test
	$(BIN)/ruff check
	@rm -rf build/tree && mkdir -p build/tree/minigrad
	@ln -s $(CURDIR)/minigrad/* $(CURDIR)/backends $(CURDIR)/kernels build/tree/minigrad/
	cd build/tree && ../../$(BIN)/mypy --config-file ../../setup.cfg -p minigrad

bench: $(VENV)/.with-oracle $(VENV)/.with-opencl-cpu
	$(BIN)/python -m benchmarks.run $(ARGS)

mutants: $(VENV)/.with-test
	@$(PIP) install cosmic-ray==8.7.0
	$(BIN)/python -m tests.mutants $(ARGS)

data: $(VENV)/.with-demo
	$(BIN)/python -m minigrad.datasets --fetch $(ARGS)

weights: $(VENV)/.with-demo
	$(BIN)/python tutorials/models/weights.py $(ARGS)

clean:
	rm -rf $(VENV) .data build dist demo-output tutorial-output *.egg-info .hypothesis .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@command -v $(PYTHON) > /dev/null || { \
	    echo "There is no $(PYTHON) here. Install Python 3.11 or later, or name one: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "minigrad needs Python 3.11 or later, and this is $$($(PYTHON) --version)."; \
	    echo "Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making $(VENV): this happens once"
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv"; \
	    exit 1; }
	@touch $@

# .with-test says that minigrad is installed here, editable, with the extra `test` of setup.cfg.
$(VENV)/.with-%: setup.cfg pyproject.toml | $(VENV)/.made
	@echo "Installing minigrad with its extra '$*' into $(VENV)"
	@$(PIP) install --editable '.[$*]'
	@touch $@

# The demo and the tests need the digits; where other sets are absent, their tests are skipped.
$(DIGITS): | $(VENV)/.with-demo
	@$(BIN)/python -m minigrad.datasets --fetch digits
	@mkdir -p $(@D) && touch $@
