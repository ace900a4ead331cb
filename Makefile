# Everything runs in .venv, which `make env` fills; a fresh clone needs only Python >= 3.10 with venv.
# Extra arguments: make test ARGS="-k packaging", make demo ARGS="--shape 128x64".

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
ENV := .venv/.installed

.PHONY: env test demo bench lint clean

env: $(ENV)

$(ENV): pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev,bench]"
	touch $@

# A worker for each processor, with 1 GB each. Tests of one file stay in one worker, so that workers seldom compile the same
# kernels; in the order of their names, so that the compile gates, few tests and long, do not come last.
test: env
	$(BIN)/python -m pytest -n logical --maxprocesses 16 --dist loadfile --no-loadscope-reorder $(ARGS)

demo: env
	$(BIN)/python -m hpsolver demo $(ARGS)

bench: env
	$(BIN)/python -m bench $(ARGS)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf build dist out *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -prune -exec rm -rf {} +
