PYTHON ?= python3
TORCH ?= torch
VENV := .venv
BIN := $(VENV)/bin
# Tests that watch the clock have the machine to themselves.
CLOCKED := tests/bench tests/serve tests/web tests/fleet/test_ray_cluster.py

.PHONY: demo test lint clean

$(BIN)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,speech,serve,ray,s3]'
	touch $@

demo: $(BIN)/.installed
	$(BIN)/audioplane demo --out demo

test: $(BIN)/.installed
	$(BIN)/python -m pytest -q -n auto $(CLOCKED:%=--ignore=%)
	$(BIN)/python -m pytest -q $(CLOCKED)

lint: $(BIN)/.installed
	$(BIN)/ruff format --check src tests examples
	$(BIN)/ruff check src tests examples
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo build
