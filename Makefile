# The two commands to know: `make demo` and `make test`. Everything runs in `.venv`, made from the hashed lock.
PYTHON ?= python3
BIN := .venv/bin
DEMO_TRIALS ?= 12

.PHONY: setup demo test test-long lint format bench bench-full lab lock

setup: .venv/.ready

.venv/.ready: requirements/dev.txt requirements/bootstrap.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"tqs needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements/dev.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

# World, models, scores, then everything that serves, until Ctrl-C. Running it again goes on with what is there.
demo: export TQS_ENV = development
demo: setup
	$(BIN)/tqs demo --only-missing
	$(BIN)/tqs retrain --target all --trials $(DEMO_TRIALS) --only-missing
	$(BIN)/tqs score
	$(BIN)/tqs up

IN_TWO = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: setup lint
	$(IN_TWO) -m "not long and not second_server" tests

# A second server is one that TQS_TEST_DATABASE_URL names.
test-long: setup
	$(if $(TQS_TEST_DATABASE_URL),$(IN_TWO) -m "second_server and not long" tests)
	$(BIN)/python -m pytest -m long --timeout 3000 tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m benchmarks

bench-full: setup
	$(BIN)/python -m benchmarks --full

lab: export TQS_ENV = development
lab: setup
	$(BIN)/tqs lab

# The lock carries names, versions and hashes, and no address.
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet
lock:
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --all-extras pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	$(COMPILE) --extra serving pyproject.toml -c requirements/dev.txt -o requirements/serving.txt
	echo uv | $(COMPILE) - -c requirements/dev.txt -o requirements/bootstrap.txt
