# Each target sets up what it needs first. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup environment system demo screenshots test check bench simulate messages lock format clean

python := .venv/bin/python
packages := sync_protocol edge_node hub
# What the tests drive: a browser with a font, network namespaces, packet loss. And what Debian's Python needs to make .venv.
debian_packages := chromium fonts-dejavu-core iproute2 nftables pgbouncer python3-venv redis-server

JOBS ?= 3
SEEDS ?= 100
FROM ?= 0
ARGS ?=

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: system environment  ## everything: .venv/ and the Debian packages that tests use

environment:
	@bash packaging/setup/environment.sh

system:
	@bash packaging/setup/debian.sh $(debian_packages)

demo: environment  ## a hub and clinics on this machine, with people in them
	@$(python) -m tests.demo

screenshots: setup  ## the pictures of docs/CLINIC.md, taken anew
	@$(python) -m tests.journeys $(ARGS)

test: setup  ## all tests (ARGS="-k name" for some, JOBS=n at a time)
	$(python) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: environment  ## format, lint, types and the rules of the tree
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy --strict $(packages) tests
	$(python) -m pytest -q tests/test_tidy.py

bench: setup  ## measurements
	$(python) -m tests.bench $(ARGS)

simulate: environment  ## SEEDS=n simulated worlds, from seed FROM=n
	$(python) -m tests.simulation --seeds $(SEEDS) --from $(FROM)

messages: environment  ## brings the catalogues of translations up to date with the texts in the code
	@$(python) packaging/messages/update.py $(ARGS)

lock: environment  ## pin the requirements anew (ARGS=--upgrade for newer releases)
	@bash packaging/setup/lock.sh $(ARGS)

format: environment  ## rewrite the code as `make check` wants it
	$(python) -m ruff check --fix-only --quiet .
	$(python) -m ruff format .

clean:  ## remove all that was made here
	rm -rf .venv .run var build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(packages) packaging tests -name __pycache__ -prune -exec rm -rf {} +
