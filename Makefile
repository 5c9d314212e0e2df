# Thin names for the stack's commands; what they do is in tools/cli and in Nx's targets. `make help` lists them.
# STACK=<name> chooses a stack (default: local); several run side by side.
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
STACK_CLI := node tools/cli/bin/stack.cjs $(if $(VERBOSE),--verbose)

.PHONY: help setup deploy-local pipeline status secret logs down reset graph test lint build affected bench format
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the checkout needs, if a lock file changed
	@command -v node >/dev/null 2>&1 || { echo "✘ Node 20.19 or newer is needed, and there is no node on PATH" >&2; \
	  echo "→ install it: https://nodejs.org, nvm install 22, brew install node" >&2; exit 1; }
	@node tools/bootstrap/setup.cjs

deploy-local: setup ## Bring everything up on this machine, run the pipeline, show where to look
	@$(STACK_CLI) up

pipeline: setup ## Run the pipeline now (FORCE=1: even if nothing is new; FOLDER=: other source files)
	@$(STACK_CLI) pipeline $(if $(FORCE),--force) $(if $(FOLDER),--folder $(FOLDER))

status: setup ## Health, address and memory of every unit (JSON=1: as JSON)
	@$(STACK_CLI) status $(if $(JSON),--json)

secret: setup ## Print one secret: make -s secret s=duckdb-http k=token
	@$(STACK_CLI) secret $(or $(s),$(error which service? make secret s=NAME k=KEY)) $(or $(k),$(error which key? make secret s=NAME k=KEY))

logs: setup ## Follow a service's log: make logs s=orchestration (without s: everybody's)
	@$(STACK_CLI) logs $(s)

down: setup ## Stop everything; the data stays
	@$(STACK_CLI) down

reset: setup ## Stop everything and delete this stack's data (asks; YES=1 doesn't)
	@$(STACK_CLI) reset $(if $(YES),--yes)

graph: setup ## Show the project graph in a browser
	@nx graph

test: setup ## All tests: lint, types, unit, integration, browser, end to end
	@node tools/ci/test.cjs

lint: setup ## Style and layer boundaries
	@nx run-many -t lint

build: setup ## Build everything
	@nx run-many -t build

affected: setup ## Lint, test and build what differs from BASE (default: main)
	@nx affected -t lint test build --base=$(or $(BASE),main)

bench: setup ## Benchmarks, each against a peer in the same run
	@node benchmarks/run.cjs $(only)

format: setup ## Format the code
	@prettier --write --log-level warn . && .venv/bin/ruff format

.DEFAULT:
	@echo "✘ there is no target '$@'" >&2; echo "→ make help lists them" >&2; exit 2
