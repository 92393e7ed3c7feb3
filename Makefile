# The front door. `make` alone says what there is.

.DEFAULT_GOAL := help
.PHONY: help deps build demo test lint bench soak clean

JOBS ?= $(shell nproc)
export JOBS

help: ## say what there is
	@echo 'credbroker: short-lived, least-privilege credentials for Kubernetes fleets'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'make demo KEEP=1 leaves the hub, the members and credbroker running.'

deps: ## install the packages that everything here needs (Debian, Ubuntu), or print the command
	@.ci/deps build test lint

build: ## build build/release/credbroker, optimised and hardened
	@.ci/deps build
	cmake --preset release
	cmake --build --preset release --target credbroker --parallel $(JOBS)

demo: build ## show the whole story on a real hub and two real members, in a terminal
	@.ci/deps test
	@KEEP=$(KEEP) CREDBROKER=$(CURDIR)/build/release/credbroker deploy/demo/demo

test: ## run every test: unit, rules, fuzz corpora, end to end on real control planes
	@.ci/deps build test
	@.ci/test

lint: ## check format and style, build with Clang, analyse C, shell and Python
	@.ci/deps build lint
	@.ci/lint

bench: build ## measure; prints ratios of what ran side by side
	@.ci/deps test
	cmake --build --preset release --target bare_client --parallel $(JOBS)
	@CREDBROKER=$(CURDIR)/build/release/credbroker tests/bench/bench

soak: build ## half an hour of trouble for 1,000 credentials: who loses one, what is left behind?
	@.ci/deps test
	@CREDBROKER=$(CURDIR)/build/release/credbroker tests/bench/soak

clean: ## remove what was built here (the control planes' programs are cached elsewhere and stay)
	rm -rf build
	find tests -name __pycache__ -type d -prune -exec rm -rf {} +
