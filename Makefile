# The verbs of this project. `make up` is all that a fresh clone needs.
PYTHON ?= python3
BOOTSTRAP = $(PYTHON) tools/bootstrap.py
BIN = .venv/bin
WHERE = $(if $(DATA),--data "$(DATA)")
ON = $(if $(PORT),--port $(PORT))

unexport PYTHONDONTWRITEBYTECODE  # each command would compile all that it loads, every time

.DEFAULT_GOAL = help
.PHONY: help up down status logs doctor install test test-quick test-containers test-cluster test-operators ci images scan \
	push-images image-of-commit deploy smoke check check-python check-page bench lock \
	generate clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "up, down, status, logs and doctor take DATA=FOLDER and PORT=N where they make sense, and ARGS=..."

up: ## Install what is missing, start the platform, print its address
	@$(BOOTSTRAP) up $(WHERE) $(ON) $(ARGS)

down: ## Stop the platform; the data are kept
	@$(BIN)/stockops down $(WHERE) $(ARGS)

status: ## Show each part with its health
	@$(BIN)/stockops status $(WHERE) $(ARGS)

logs: ## Show the last lines of the logs
	@$(BIN)/stockops logs $(WHERE) $(ARGS)

doctor: ## Check this machine: what is missing, and how to get it
	@$(BIN)/stockops doctor $(WHERE) $(ON) $(ARGS)

install: ## Only install, start nothing; EXTRA=yahoo, EXTRA=krx: with that source of prices
	@$(BOOTSTRAP) install $(EXTRA)

test: ## All tests, on real servers
	@$(BOOTSTRAP) dev
	@$(BIN)/python tools/test_parts.py
	@$(BOOTSTRAP) npm test
	$(BIN)/python -m pytest -n auto $(ARGS)

test-quick: ## The tests that need no server, and those of the page
	@$(BOOTSTRAP) dev
	@$(BOOTSTRAP) npm test
	$(BIN)/python -m pytest -n logical -m "not server" tests/unit tests/property tests/contract $(ARGS)

test-containers: ## Build the images, run them and the compose stack; needs root on Debian, minutes
	@$(BOOTSTRAP) dev
	@$(BIN)/python tools/test_parts.py
	@$(BIN)/python tools/container_parts.py
	$(BIN)/python -m pytest -n 2 --timeout 840 --durations=12 tests/containers $(ARGS)

test-cluster: ## Install the chart on a real Kubernetes cluster (docs/testing.md says which); minutes
	@$(BOOTSTRAP) cluster
	@$(BIN)/python tools/test_parts.py
	@$(BIN)/python tools/container_parts.py
	$(BIN)/python -m pytest -n 2 --timeout 900 --durations=12 tests/cluster $(ARGS)

test-operators: ## Build CloudNativePG and a metrics adapter by Go, run the chart on them in that cluster; minutes
	@$(BOOTSTRAP) cluster
	@$(BIN)/python tools/test_parts.py
	@$(BIN)/python tools/container_parts.py
	$(BIN)/python -m pytest -n 0 --timeout 1800 --durations=12 tests/operators $(ARGS)

ci: ## The pipeline without the push and the cluster; STEPS="checks tests": these alone
	.ci/run $(STEPS)

images: ## Build both images by deploy/docker/build.sh
	deploy/docker/build.sh

scan: ## Look for known vulnerabilities and secrets in the images; needs the network
	@$(BOOTSTRAP) dev
	@$(BIN)/python tools/container_parts.py judges
	deploy/docker/release.sh scan

push-images: ## Push the images to REGISTRY, print their digests
	deploy/docker/release.sh push

image-of-commit: ## The digests of this commit's images in REGISTRY, if the pipeline of REPOSITORY built them
	deploy/docker/release.sh image-of-commit

deploy: ## Deploy ENV=staging with IMAGE=NAME@sha256:... and OPS_IMAGE=...
	@$(BOOTSTRAP) install kubernetes
	@tools/with-kubeconfig.sh $(BIN)/stockops deploy $(ENV) $(if $(IMAGE),--image $(IMAGE)) $(if $(OPS_IMAGE),--ops-image $(OPS_IMAGE)) --yes $(ARGS)

smoke: ## Run the smoke test of ENV=staging
	@tools/with-kubeconfig.sh $(BIN)/stockops smoke $(ENV) $(ARGS)

check: ## Static checks: style, types, layers
	@$(BOOTSTRAP) dev
	@$(MAKE) --no-print-directory -j2 check-python check-page

check-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-page:
	@$(BOOTSTRAP) npm lint typecheck

bench: ## The table of numbers, with peers in the same run
	@$(BOOTSTRAP) bench
	$(BIN)/python -m tests.bench $(ARGS)

lock: ## Write requirements/*.txt anew (UPGRADE=1: with the newest versions)
	@$(BOOTSTRAP) lock $(if $(UPGRADE),--upgrade)

generate: ## Write the schema, the settings page and the front end's types anew
	@$(BOOTSTRAP) dev
	$(BIN)/python -m tools.generate
	@$(BOOTSTRAP) npm generate

clean: ## Remove what was installed and built; the data are kept
	rm -rf .venv build dist frontend/node_modules frontend/dist tests/node_modules
