# Two commands for a newcomer: `make run` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PRODUCTS := products
EXERCISE := exercise
PORT ?= 8501

.PHONY: run test setup lint replay serve bench clean

run: setup $(EXERCISE)/.made ## replay the nightly job on a real and a simulated river, then serve the map on this machine
	$(BIN)/erosion replay mamore --from 2006 --to 2018 --out $(PRODUCTS)
	$(BIN)/erosion replay $(EXERCISE)/an_giang_exercise.yaml --from 2024 --to 2025 --out $(PRODUCTS)
	$(BIN)/erosion serve --out $(PRODUCTS) --port $(PORT)

test: $(VENV)/.dev ## everything that is tested
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

setup: $(VENV)/.run

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.run ## how fast banks are measured, against reading the masks
	$(BIN)/python benchmarks/banks.py

clean:
	rm -rf $(VENV) $(PRODUCTS) $(EXERCISE)

$(EXERCISE)/.made: | $(VENV)/.run
	$(BIN)/erosion simulate an-giang --years 2 --out $(EXERCISE) --again
	touch $@

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
