# Every target first makes .venv complete (.ci/setup.sh), which takes no time when it already is.
BIN := .venv/bin
WORKERS ?= 2

# Tests run in WORKERS processes; more threads than that would only get in each other's way.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Each suite of envs/adapters has an environment of its own, .venv-NAME (.ci/adapter.sh).
ADAPTERS := $(filter-out __init__,$(basename $(notdir $(wildcard envs/adapters/*.py))))

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all $(ADAPTERS:%=test-%) lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## create .venv, install the pinned packages, check OpenGL
	@.ci/setup.sh

demo: setup ## the whole road once: video to features to a policy (ARGS=--quick for a short one)
	@$(BIN)/dsae demo $(ARGS)

test: lint ## lint, types, import contracts and the fast tests
	$(PYTEST)

test-all: setup $(ADAPTERS:%=test-%) ## the slow tests and the adapters, which `make test` leaves out
	DSAE_NO_SKIP=1 $(PYTEST) -m slow

$(ADAPTERS:%=test-%): test-%: setup
	@.ci/adapter.sh $*
	DSAE_NO_SKIP=1 $(PYTEST:$(BIN)/%=.venv-$*/bin/%) -m adapter -k $*

lint: setup ## style, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove caches and build folders; .venv and runs stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +
