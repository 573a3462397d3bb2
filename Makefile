# Tidegate: every task a person or CI runs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two cores: two workers, and one more because tests also wait for servers.
TEST_WORKERS ?= 3
TESTS ?= tests
# Of `tidegate demo`: --step, --keep, --fast.
DEMO_FLAGS ?=
# Of `make simulate`: how many lives, from which seed on, over how many processes.
N ?= 1000
FROM ?= 0
WORKERS ?= 2

.PHONY: help setup demo test test-fast lint control-plane simulate bench locks

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## create .venv with the locked dependencies and the `tidegate` command

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidegate needs Python 3.11 or newer; name one: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

control-plane: ## find or build etcd, kube-apiserver, kubectl, kustomize, helm; prints their folder
	@$(PYTHON) tests/control_plane/build.py

test: setup ## run the whole test-suite, on a real control plane when it is there or can be built
	@$(PYTHON) tests/control_plane/build.py >/dev/null || test "$$TIDEGATE_REQUIRE_CONTROL_PLANE" != 1
	$(BIN)/pytest -n $(TEST_WORKERS) $(TESTS)

test-fast: setup ## all that needs no control plane: the sandbox stands in; three minutes on two cores
	$(BIN)/pytest -n $(TEST_WORKERS) -m "not real and not corpus" $(TESTS)

lint: setup ## ruff, mypy, and the rules of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: setup ## the main job on examples/repo, on an embedded cluster; CLUSTER=real: on a control plane
ifeq ($(CLUSTER),real)
	@$(PYTHON) tests/control_plane/build.py >/dev/null
	$(BIN)/python tests/demo.py $(DEMO_FLAGS)
else
	@cached="$$($(PYTHON) tests/control_plane/build.py --cached)" && \
	  PATH="$${cached:+$$cached:}$$PATH" $(BIN)/tidegate demo $(DEMO_FLAGS)
endif

simulate: setup ## lives by dice (N=1000 FROM=0 WORKERS=2); SEED=7 shows one; KILLS=1: all pairs of kills
ifneq ($(SEED),)
	PYTHONPATH=tests $(BIN)/python -m campaign seed $(SEED)
else ifneq ($(PLAN),)
	PYTHONPATH=tests $(BIN)/python -m campaign plan $(PLAN)
else ifneq ($(KILLS),)
	PYTHONPATH=tests $(BIN)/python -m campaign kills --workers $(WORKERS)
else
	PYTHONPATH=tests $(BIN)/python -m campaign lives --count $(N) --start $(FROM) --workers $(WORKERS)
endif

bench: setup ## measure against the floor of raw requests; writes benchmarks/RESULTS.md
	@$(PYTHON) tests/control_plane/build.py >/dev/null
	$(BIN)/python benchmarks/sandbox.py
	$(BIN)/python benchmarks/run.py

locks: ## write requirements/*.txt again from pyproject.toml (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet --no-header pyproject.toml -o requirements/runtime.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet --no-header --group dev pyproject.toml -o requirements/dev.txt
