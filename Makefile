# Every target sets up what it needs; nothing is written outside .venv and .local but download caches.
SHELL := /bin/bash
VENV := .venv/bin
IN_TWO_PROCESSES := -n 2 --dist loadgroup --max-worker-restart 0
KAFKA_WAYS := certificates PLAIN SCRAM-SHA-512 OAUTHBEARER
.DEFAULT_GOAL := help
.PHONY: help setup npm kcat chromium demo up psql down clean test test-nightly checked check test-unit test-operator test-contract test-integration test-end-to-end bench-streaming bench-batch bench-serving bench-cli lock check-powerbi powerbi-pictures dashboards

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything: Python packages, Kafka, Flink connectors, TimescaleDB
	@deploy/local/install.sh

npm:
	@deploy/local/install/npm.sh

kcat: setup
	@deploy/local/install/kcat.sh

chromium:
	@deploy/local/install/chromium.sh

demo: setup ## start the stack, reconcile real flights of January 2013, print what happened
	@$(VENV)/python -m demo $(if $(FRESH),--fresh)

up: setup ## start the local stack and the Flink job
	@$(VENV)/sma up

psql: ## open the database as a role that may read everything
	@.local/install/timescaledb/root/usr/lib/postgresql/17/bin/psql "$$($(VENV)/sma status --json | $(VENV)/python -c 'import json, sys; print(json.load(sys.stdin)["database_url"])')"

down: ## stop everything; the data stays
	@if [ -x $(VENV)/sma ]; then $(VENV)/sma down; fi

clean: down ## stop everything and remove .local and .venv, data included
	@rm -rf .local .venv streaming/operator/target

test: checked ## run every check and test, on a stack of its own; of the long tests one, selected by the commit
	@$(VENV)/pytest -q $(IN_TWO_PROCESSES) --timeout 300 -o faulthandler_timeout=400 tests/unit tests/contract
	@$(VENV)/pytest -q --durations=25 $(IN_TWO_PROCESSES) tests/end_to_end tests/integration

test-nightly: checked ## the same with all of the long tests, and the services' tests in each way to connect to Kafka
	@$(VENV)/pytest -q --durations=40 $(IN_TWO_PROCESSES) --nightly
	@for way in $(KAFKA_WAYS); do echo "-- with Kafka by $$way"; \
	$(VENV)/pytest -q $(IN_TWO_PROCESSES) --kafka $$way tests/end_to_end/test_demo.py tests/integration || exit 1; done

checked:
	@$(MAKE) --no-print-directory -j 2 -O npm kcat chromium check test-operator

check: setup ## formatting, lint, types, import rules
	@$(VENV)/ruff format --check .
	@$(VENV)/ruff check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports

test-operator: setup ## the tests of the Java that runs in Flink
	@cd streaming/operator && mvn -B -q test

test-unit: npm setup ## tests without services, in seconds
	@$(VENV)/pytest -q tests/unit

test-contract: setup ## both layers against an independent oracle, in memory
	@$(VENV)/pytest -q tests/contract

test-integration: chromium setup ## each part on the real services
	@$(VENV)/pytest -q tests/integration

test-end-to-end: kcat ## the commands and the demo, as a user runs them
	@$(VENV)/pytest -q tests/end_to_end

bench-streaming: setup ## the streaming layer beside Flink SQL, Kafka Streams and a Python loop; ARGS="--only ..."
	@$(VENV)/python -m bench.streaming $(ARGS)

bench-batch: kcat ## the batch layer beside kcat, a Python loop, pandas, DuckDB, polars and COPY; ARGS="--only ..."
	@$(VENV)/python -m bench.batch $(ARGS)

bench-serving: setup ## what reports ask of the database, beside reading one table; ARGS="--rows ..."
	@$(VENV)/python -m bench.serving $(ARGS)

bench-cli: setup ## what a command costs before it does anything, beside Python's own start; ARGS="--repeat ..."
	@$(VENV)/python -m bench.cli $(ARGS)

dashboards: setup ## write the Grafana dashboards' JSON from their Python
	@$(VENV)/python -m monitoring.grafana

lock: ## resolve requirements.in anew into requirements.lock
	@$(VENV)/uv pip compile requirements.in --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements.lock

check-powerbi: npm setup ## the Power BI project: Microsoft's object model loads it, its fields exist; SCHEMAS=folder of Microsoft's schemas
	@$(VENV)/python -m pytest -q tests/unit/test_powerbi_project.py tests/unit/test_powerbi_style.py
	@if [ -n "$(SCHEMAS)" ]; then $(VENV)/python -m powerbi.checks.schemas "$(SCHEMAS)"; else echo "not checked: Microsoft's JSON schemas; name a folder with checkouts of microsoft/json-schemas and microsoft/powerbi-desktop-samples in SCHEMAS=..."; fi

powerbi-pictures: setup ## draw the report's pages from the running stack into docs/images; no screenshots of Power BI
	@$(VENV)/python -m powerbi.pictures docs/images
