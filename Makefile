# `make` alone prints the targets. Whatever has to be installed goes to .venv and ~/.cache/stepladder;
# the test cluster also installs Debian packages, and says which.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
CACHE := $(HOME)/.cache/stepladder
UV_VERSION := 0.13.8
UV := $(CACHE)/uv/bin/uv
RUN := $(UV) run --frozen --all-packages
CLUSTER := PYTHONPATH=tests python3 -m cluster
export KUBECONFIG :=
# Empty: where it is set, every trial would compile PyTorch's Python files again, for 1.5 s.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use
.PHONY: demo
demo: sync ## Tune the digits example on this machine: no cluster, trials are processes
	@$(RUN) stepladder run examples/digits.yaml

.PHONY: sync
sync: $(UV) ## Install the locked dependencies into .venv
	@$(UV) sync --frozen --all-packages --quiet

$(UV):
	@echo "installing uv $(UV_VERSION) into $(CACHE)/uv"
	@python3 -m venv $(CACHE)/uv && $(CACHE)/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

##@ Check
.PHONY: check
check: lint unit ## Lint, types, layers, unit tests: under two minutes

.PHONY: lint
lint: sync ## Lint, format, types, import layers
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports

.PHONY: unit
unit: sync ## Unit tests, and the contract tests of what needs no cluster, but for the long ones
	$(RUN) pytest -n 2 --dist worksteal -q -m "not long"

.PHONY: long
long: sync ## The long ones: real processes, whole studies, what searches find
	$(RUN) pytest -n 2 --dist worksteal -q -m long

.PHONY: integrations
integrations: $(UV) ## The trainer with Lightning, transformers, TensorBoard, MLflow and Weights & Biases, in an environment of its own
	UV_PROJECT_ENVIRONMENT=$(CACHE)/integrations-venv $(RUN) --group integrations pytest -q tests/integrations

.PHONY: test
test: check verify long integrations ## Everything, the end-to-end tests on a real cluster included
	$(MAKE) cluster-up images
	$(MAKE) e2e; code=$$?; $(MAKE) cluster-down; exit $$code

.PHONY: e2e
e2e: sync ## End-to-end tests on the test cluster, which must be up and have the images
	$(RUN) pytest -q tests/contract tests/e2e --cluster --timeout 1200

.PHONY: bench
bench: sync ## Record figures on the test cluster, which must be up and have the images, into .bench/
	$(RUN) pytest -q tests/bench --cluster --timeout 1200
	@cat .bench/*.json

.PHONY: bench-search
bench-search: $(UV) ## Race our search modes against Ray Tune, Syne Tune and Optuna on recorded curves, into .bench/search
	UV_PROJECT_ENVIRONMENT=$(CACHE)/bench-venv PYTHONPATH=tests nice $(RUN) --group bench python -m bench.search $(FLAGS)

.PHONY: bench-trainer
bench-trainer: sync ## Our trainer beside a bare PyTorch loop, and its start taken apart, into .bench/trainer.json
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(RUN) python -m bench.trainer $(FLAGS)

.PHONY: record-curves
record-curves: sync ## Record the curves of bench-search anew with our own trainer: half an hour of one core
	PYTHONPATH=tests nice $(RUN) python -m bench.search.record

.PHONY: format
format: sync ## Format, and mend what the linter can mend
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

##@ Generate
.PHONY: generate
generate: sync ## Write again what is generated: CRDs, the chart's copy of them, references, measured results
	$(RUN) python -m stepladder.api.crd crds/
	$(RUN) python -m stepladder.api.reference > docs/api.md
	$(RUN) python -m stepladder_trainer.hyperparameters.reference > docs/hyperparameters.md
	PYTHONPATH=tests $(RUN) python -m bench.measured docs/search-results.json docs/algorithms.md
	rm -rf charts/stepladder/files/crds && mkdir -p charts/stepladder/files && cp -r crds charts/stepladder/files/crds

.PHONY: verify
verify: generate ## Generate, and fail if anything differs from what is committed
	@git diff --exit-code -- crds docs charts || { echo "generated files differ: run 'make generate' and commit"; exit 1; }

##@ Test cluster
.PHONY: cluster-up
cluster-up: ## Start the test cluster (kind where Docker runs, otherwise native), with fake GPUs and a registry
	@$(CLUSTER) up

.PHONY: images
images: ## Build the operator's and the trainer's images and give them to the test cluster
	@$(CLUSTER) images

.PHONY: cluster-down
cluster-down: ## Stop the test cluster; nothing of it stays but caches
	@$(CLUSTER) down
