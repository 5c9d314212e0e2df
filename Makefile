# Thin names for the stack's commands; what they do is in tools/cli and in Nx's targets. `make help` lists them.
# STACK=<name> chooses a stack (default: local); several run side by side.
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
STACK_CLI := node tools/cli/bin/stack.cjs $(if $(VERBOSE),--verbose)
comma := ,
CLOUD = $(STACK_CLI) cloud --environment '$(or $(ENV),prod)'

.PHONY: help setup deploy-local pipeline rollback move status secret catalog-export catalog-import mcp-install logs down reset plan deploy-prod destroy-prod drift cost state-remote state-local state-unlock cloud-secret compose bake images-lock kubernetes deploy-emulated validate cloud-setup graph test lint build affected bench connector format
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the checkout needs, if a lock file changed
	@command -v node >/dev/null 2>&1 || { echo "✘ Node 20.19 or newer is needed, and there is no node on PATH" >&2; \
	  echo "→ install it: https://nodejs.org, nvm install 22, brew install node" >&2; exit 1; }
	@node tools/bootstrap/setup.cjs

deploy-local: setup ## Bring everything up on this machine, run the pipeline, show where to look (RUNTIME=docker: in containers; PROFILES=: with more)
	@$(STACK_CLI) up $(if $(RUNTIME),--runtime '$(RUNTIME)')

pipeline: setup ## Run the pipeline now (FORCE=1: even if nothing is new; FOLDER=: other files; DAYS=2013-06-01..2013-06-30: those again)
	@$(STACK_CLI) pipeline $(if $(filter-out 0 no false,$(FORCE)),--force) $(if $(FOLDER),--folder '$(subst ','\'',$(FOLDER))') $(if $(DAYS),--days '$(DAYS)')

rollback: setup ## Give readers the snapshot before the one that they have
	@$(STACK_CLI) rollback

move: setup ## Carry the stack's data to another runtime, and go on there: make move FROM=native TO=docker (FORCE=1: replace data there)
	@$(if $(and $(FROM),$(TO)),,echo "✘ from where, and to where?" >&2; echo "→ make move FROM=native TO=docker, or the other way round" >&2; exit 2;) $(STACK_CLI) move --from '$(FROM)' --to '$(TO)' $(if $(filter-out 0 no false,$(FORCE)),--force)

status: setup ## Health, address and memory of every unit (JSON=1: as JSON)
	@$(STACK_CLI) status $(if $(filter-out 0 no false,$(JSON)),--json)

secret: setup ## Print one secret: make -s secret s=duckdb-http k=token
	@$(if $(and $(s),$(k)),,echo "✘ which secret?" >&2; echo "→ make -s secret s=duckdb-http k=token" >&2; exit 2;) $(STACK_CLI) secret $(s) $(k)

catalog-export: setup ## Write the catalogue to a file in DataHub's format: make catalog-export FILE=catalog.json
	@$(if $(FILE),,echo "✘ to which file?" >&2; echo "→ make catalog-export FILE=catalog.json" >&2; exit 2;) $(STACK_CLI) catalog export '$(FILE)'

catalog-import: setup ## Load such a file: make catalog-import FILE=catalog.json (DATAHUB_GMS_URL=, DATAHUB_GMS_TOKEN=: into that DataHub)
	@$(if $(FILE),,echo "✘ which file?" >&2; echo "→ make catalog-import FILE=catalog.json" >&2; exit 2;) $(if $(filter command%,$(origin DATAHUB_GMS_URL)),DATAHUB_GMS_TOKEN='$(DATAHUB_GMS_TOKEN)') $(STACK_CLI) catalog import '$(FILE)' $(if $(filter command%,$(origin DATAHUB_GMS_URL)),--server '$(DATAHUB_GMS_URL)')

mcp-install: setup ## Tell an AI assistant's program of this stack: make mcp-install CLIENT=claude (OPERATE=1: it may change things; YES=1: don't ask)
	@$(if $(CLIENT),,echo "✘ which client?" >&2; echo "→ make mcp-install CLIENT=claude, claude-code, cursor, gemini, vscode or windsurf" >&2; exit 2;) $(STACK_CLI) mcp install '$(CLIENT)' $(if $(filter-out 0 no false,$(OPERATE)),--operate) $(if $(filter-out 0 no false,$(YES)),--yes)

logs: setup ## Follow a service's log: make logs s=orchestration (without s: everybody's)
	@$(STACK_CLI) logs $(s)

down: setup ## Stop everything; the data stays
	@$(STACK_CLI) down

reset: setup ## Stop everything and delete this stack's data (asks; YES=1 doesn't)
	@$(STACK_CLI) reset $(if $(filter-out 0 no false,$(YES)),--yes)

plan: cloud-setup ## Show what a deploy to AWS would change (ENV=prod, as with the next ones)
	@$(CLOUD) plan

deploy-prod: cloud-setup ## Deploy to AWS: plan, ask, apply (YES=1: don't ask)
	@$(CLOUD) deploy $(if $(filter-out 0 no false,$(YES)),--yes)

destroy-prod: cloud-setup ## Destroy what is in AWS (FORCE=1: also buckets with data; YES=1: don't ask)
	@$(CLOUD) destroy $(if $(filter-out 0 no false,$(YES)),--yes) $(if $(filter-out 0 no false,$(FORCE)),--force)

drift: cloud-setup ## Say what was changed in AWS by hand
	@$(CLOUD) drift

cost: cloud-setup ## Estimate what AWS and Snowflake cost a month
	@$(CLOUD) cost

state-remote: cloud-setup ## Keep Terraform's states in the bucket of infra/state
	@$(CLOUD) state remote

state-local: cloud-setup ## Keep Terraform's states on this machine
	@$(CLOUD) state local

state-unlock: cloud-setup ## Release a lock that was left: make state-unlock UNIT=s3 ID=…
	@$(if $(and $(UNIT),$(ID)),,echo "✘ which lock?" >&2; echo "→ make state-unlock UNIT=s3 ID=… (the message that refused you has both)" >&2; exit 2;) $(CLOUD) unlock '$(UNIT)' '$(ID)'

cloud-secret: cloud-setup ## Write a secret's value: make cloud-secret UNIT=snowflake KEY=pipelineKey FILE=key.p8
	@$(if $(and $(UNIT),$(KEY),$(FILE)),,echo "✘ which secret, and which value?" >&2; echo "→ make cloud-secret UNIT=snowflake KEY=pipelineKey FILE=key.p8" >&2; exit 2;) $(CLOUD) secret '$(UNIT)' '$(KEY)' '$(FILE)'

deploy-emulated: cloud-setup ## Apply the real Terraform to an emulator of AWS (moto)
	@$(CLOUD) emulated

compose: setup ## Write a compose file that is what RUNTIME=docker makes (FORCE=1: also over one that was edited)
	@$(STACK_CLI) compose $(if $(filter-out 0 no false,$(FORCE)),--force)

bake: setup ## Write a file for docker buildx bake: our images for amd64 and arm64 (only=duckdb-http,evidence)
	@$(STACK_CLI) bake $(subst $(comma), ,$(only))

images-lock: setup ## Pin other people's images to the digests that their registries tell
	@$(STACK_CLI) images-lock

kubernetes: setup ## Write manifests for a cluster (NAMESPACE=, DOMAIN=, REGISTRY=, TAG=)
	@$(STACK_CLI) kubernetes $(if $(NAMESPACE),--namespace '$(NAMESPACE)') $(if $(DOMAIN),--domain '$(DOMAIN)') $(if $(REGISTRY),--registry '$(REGISTRY)') $(if $(TAG),--tag '$(TAG)')

validate: setup ## Check everything that can be checked without running it: lint, types, definitions, Terraform files
	@nx run-many -t lint typecheck build synth

cloud-setup: setup
	@node libs/terraform/install.mjs

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

connector: setup ## Add an Airbyte connector: make connector add=source-github
	@$(if $(add),,echo "✘ which connector?" >&2; echo "→ make connector add=source-github" >&2; exit 2;) node apps/ingestion/connectors.mjs add '$(add)'

format: setup ## Format the code
	@prettier --write --log-level warn . && .venv/bin/ruff format

.DEFAULT:
	@echo "✘ there is no target '$@'" >&2; echo "→ make help lists them" >&2; exit 2
