# Two targets do everything on a fresh machine: `make ae` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TRIALS ?= 50
# EPOCHS=2 SUBSET=6000 give a first look; ARGS is passed on as it is.
BUDGET = $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(SUBSET),--subset $(SUBSET))

.PHONY: ae test quick chaos check install constraints clean

ae: $(VENV)/.installed
	$(BIN)/fmnist-search ae --trials $(TRIALS) $(BUDGET) $(ARGS)

# As many test processes as cores, so each with one thread; a file's tests stay together, and the
# order is that of tests/conftest.py.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-dev
	$(PYTEST) $(ARGS)

quick: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow and not chaos" $(ARGS)

# Kills, full disks, lost servers: minutes. As root, since some of it mounts disks.
chaos: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "" tests/chaos tests/studies/engine/test_resting_killed.py $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

install: $(VENV)/.installed

# Of all packages the versions that the tests ran with.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
INSTALL := $(PIP) --constraint constraints.txt
# Named first and exactly: its newest build would bring several gigabytes of CUDA along.
TORCH := torch==2.13.0

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv" >&2; exit 1; }
	$(INSTALL) $(TORCH)
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --editable '.[dev]'
	touch $@

# The newest versions that pyproject.toml allows; to be committed when the tests pass with them.
constraints:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	$(PIP) $(TORCH) --editable '.[dev]'
	$(BIN)/pip freeze --exclude-editable | sed 's/+.*//' > constraints.txt
	touch $(VENV)/.installed $(VENV)/.installed-dev

clean:
	rm -rf $(VENV) build *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
