# What a developer does with the project. Every target that needs something installed installs it by itself.
SHELL := /bin/bash
PYTHON := .venv/bin/python
PACKAGES := accounts benchmarks calamari_rest configuration cthulhu devcluster webapp
UV := var/uv/bin/uv
LOCK := $(UV) pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-run run up down status logs check test test-fast test-sqlite test-postgresql fmt lock \
	bench-freshness bench-changes

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Environment: CALAMARI_HOME (var), CALAMARI_PORT (8000), CALAMARI_ADMIN_PASSWORD, DATABASE_URL, REDIS_URL."
	@echo "OPTIONS are passed on to run and up, such as OPTIONS='--nodes=5 --osds-per-node=2'."

run: setup-run ## Start Ceph, Salt and Calamari in the foreground; Ctrl-C stops it all
	@exec $(PYTHON) -m devcluster run --parent $$PPID $(OPTIONS)

up: setup-run ## The same in the background; returns when it serves
	@$(PYTHON) -m devcluster up $(OPTIONS)

down: ## Stop what `make up` or `make run` started
	@$(PYTHON) -m devcluster down

status: ## Show every process and daemon
	@$(PYTHON) -m devcluster status

logs: ## Follow the merged log
	@$(PYTHON) -m devcluster logs

setup: ## Install what running, testing and checking need
	@deploy/set_up.sh test

setup-run:
	@deploy/set_up.sh run

check: setup ## Lint, types, import contracts, unit tests: under a minute
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(PACKAGES) manage.py
	.venv/bin/lint-imports
	$(PYTHON) manage.py makemigrations --check --dry-run
	.venv/bin/pytest -q tests/unit

test: check test-fast test-sqlite test-postgresql ## All tests, integration on SQLite and on PostgreSQL

# The Salt tests share one real cluster, and the last of them break it on purpose: in the order of the files.
test-fast: setup ## What needs no whole installation: API, monitor, Salt modules, architecture
	.venv/bin/pytest -q tests/api tests/monitor tests/architecture
	.venv/bin/pytest -q -p no:randomly tests/salt

test-sqlite: setup ## Integration on the real development cluster, with SQLite
	env -u DATABASE_URL .venv/bin/pytest -q tests/integration

# The development cluster's own tests know no database: once is enough.
test-postgresql: setup ## The same with a private PostgreSQL
	$(PYTHON) -m devcluster.postgresql .venv/bin/pytest -q tests/api tests/monitor
	$(PYTHON) -m devcluster.postgresql .venv/bin/pytest -q tests/integration \
		--ignore=tests/integration/test_devcluster.py

fmt: setup ## Format the code
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

lock: $(UV) ## Write requirements.txt and requirements-dev.txt anew
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

$(UV):
	/usr/bin/python3 -m venv var/uv
	var/uv/bin/pip install --disable-pip-version-check -q uv

bench-freshness: setup-run ## How soon a change behind our back shows, on the running installation
	$(PYTHON) -m benchmarks.freshness

bench-changes: setup-run ## How fast changes are accepted and done, on the running installation
	$(PYTHON) -m benchmarks.changes
