# Everything runs in .venv, which the first command creates.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= 2

.PHONY: demo test lint bench clean

demo: $(INSTALLED)
	$(BIN)/algax run policy/grpo
	$(BIN)/algax run schedules/rex
	$(BIN)/algax report --output runs/RESULTS.md

test: $(INSTALLED) lint
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/mypy algos models

bench: $(INSTALLED)
	$(BIN)/python -m algax.experiments.benchmarks

$(INSTALLED): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache
