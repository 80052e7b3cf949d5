# `make` alone prints the targets. Everything that has to be installed goes to ~/.cache/stepladder or .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CACHE ?= $(HOME)/.cache/stepladder
UV_VERSION := 0.13.8
UV := $(CACHE)/uv/bin/uv
RUN := $(UV) run --frozen --all-packages

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@echo "installing uv $(UV_VERSION) into $(CACHE)/uv"
	@python3 -m venv $(CACHE)/uv && $(CACHE)/uv/bin/pip install --quiet uv==$(UV_VERSION)

.PHONY: sync
sync: $(UV) ## Install the locked dependencies into .venv
	@$(UV) sync --frozen --all-packages
