# `make` or `make help` lists what there is to do.

VENV   ?= .venv
PYTHON ?= python3
UV     := $(shell command -v uv 2>/dev/null)

BIN := $(VENV)/bin
NODE_MODULES := $(addsuffix /node_modules/.stamp,sdk/typescript tests/typescript/vite-app)
# The servers that `make bench` compares with.
PEERS := tests/bench/peers/node/node_modules/.stamp build/bench/fastapi/.stamp
RUN := $(BIN)/python
# What the tools run (ruff from a code generator, say) comes from the same environment.
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

##@ Use

.PHONY: help
help: ## Show this list
	@printf 'WebRTC signaling and room service\n'
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nSettings, as in `make run PORT=9000`:\n'
	@printf '  HOST, PORT            where `make run` listens (and any other variable of the service)\n'
	@printf '  BASE                  what `make contract-diff` compares with: a tag, branch or commit (default: newest tag)\n'
	@printf '  SECONDS, SEED         how long `make simulate` (600) and `make soak` (3600) go on; which schedule the first runs\n'
	@printf '  QUICK=1               a short round of `make bench`, which shows it and writes nothing\n'
	@printf '  PYTHON=%-14s the Python to build the environment with: 3.11 or newer\n' '$(PYTHON)'
	@printf '  VENV=%-16s where that environment lives\n' '$(VENV)'

.PHONY: install
install: $(VENV)/.stamp ## Set up the environment with everything as locked, hashes checked
	@:

.PHONY: node-modules
node-modules: $(NODE_MODULES) ## Set up what the TypeScript SDK and its tests are made with, as locked (needs Node 18)
	@:

.PHONY: run
run: install ## Start the service for development; makes up an API key, prints the addresses
	@exec $(RUN) -m signaling dev

##@ Work

.PHONY: format
format: install ## Put all code into its form
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

.PHONY: contract
contract: install sdk/typescript/node_modules/.stamp ## Print the contract, and the clients and tables made from it
	$(RUN) openapi/build.py
	$(RUN) docs/build.py
	$(RUN) sdk/generate.py
	$(RUN) -m sdk.generate_typescript
	$(RUN) docs/build.py

.PHONY: lock
lock: ## Make the lock files again after a change to pyproject.toml or a package.json
	@scripts/lock

.PHONY: assets
assets: ## Fetch the assets of the documentation pages again (needs npm)
	@scripts/vendor-assets

.PHONY: clean
clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis service/*.egg-info sdk/typescript/dist $(NODE_MODULES:/.stamp=) \
	  tests/contract/asyncapi/node_modules tests/bench/peers/node/node_modules
	find service tests openapi scripts -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Measure

.PHONY: bench
bench: install $(PEERS) ## Compare the service with others on this machine; writes docs/performance.md
	PYTHONPATH=tests $(RUN) -m bench $(if $(QUICK),--quick)

.PHONY: soak
soak: install ## Churn for SECONDS (an hour): nothing may grow
	PYTHONPATH=tests $(RUN) -m bench.soak $(SECONDS)

##@ Check

.PHONY: test
test: install system-packages node-modules coverage ## The whole suite, browser included, with the coverage gate

.PHONY: lint
lint: install assets-check ## Style, likely bugs, format; and the assets are as vendored
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: install ## Static types, strict
	$(BIN)/mypy

.PHONY: imports
imports: install ## Who may import whom
	$(BIN)/lint-imports --no-logo

.PHONY: contract-check
contract-check: install sdk/typescript/node_modules/.stamp ## What is printed and generated is what the code says
	$(RUN) openapi/build.py --check
	$(RUN) docs/build.py --check
	$(RUN) sdk/generate.py --check
	$(RUN) -m sdk.generate_typescript --check
	$(RUN) docs/build.py --check

.PHONY: contract-diff
contract-diff: install ## What changed on the wire since BASE, and whether old clients break
	@$(RUN) -m openapi.diff '$(BASE)'

.PHONY: assets-check
assets-check: ## The vendored assets are the ones that were checked in
	@cd service/signaling/web/assets && sha256sum --check --quiet --strict CHECKSUMS

.PHONY: coverage
coverage: install node-modules ## As `make test`, without looking for system packages
	@rm -f .coverage .coverage.*
	$(if $(PYTEST),$(BIN)/coverage run -m pytest $(PYTEST),$(RUN) scripts/test-lanes)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

.PHONY: soak-nodes
soak-nodes: install ## Long random schedules of faults with several nodes: SOAK_SEEDS="1 2 3" SOAK_SECONDS=60
	@SOAK_SEEDS='$(or $(SOAK_SEEDS),1 2 3)' SOAK_SECONDS='$(or $(SOAK_SECONDS),60)' \
	  $(BIN)/pytest tests/nodes/test_schedules.py

.PHONY: simulate
simulate: install ## Schedules of faults on virtual time: as many as fit into SECONDS, or the one of SEED
	@PYTHONPATH=tests $(RUN) -m simulation $(if $(SEED),$(SEED),--seconds $(or $(SECONDS),600))

.PHONY: check
check: ## Everything CI runs, in its order
	@.ci/run

.PHONY: system-packages
system-packages: ## Get what the tests need from the system (a browser, Node, a Redis), if it is missing
	@scripts/system-packages

# ---------------------------------------------------------------------------------------------------------------------

# The environment is made again whenever what is locked changes.
$(VENV)/.stamp: requirements.lock pyproject.toml scripts/environment
	@scripts/environment '$(VENV)' '$(PYTHON)' '$(UV)'
	@touch $@

build/bench/fastapi/.stamp: tests/bench/peers/fastapi/requirements.lock scripts/environment
	@LOCK='$<' scripts/environment '$(@D)' '$(PYTHON)' '$(UV)'
	@touch $@

# `make run` needs none of this.
$(NODE_MODULES) $(filter %/node_modules/.stamp,$(PEERS)): %/node_modules/.stamp: %/package-lock.json %/package.json scripts/node-modules
	@scripts/node-modules '$*'
	@touch $@
