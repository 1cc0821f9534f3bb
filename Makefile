# Each habit is one command; `make help` lists them. CMake does the work.
BUILD ?= build
JOBS  ?= $(shell nproc)

.DEFAULT_GOAL := build
.PHONY: build check help ports

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build: ## the library and the command, in build/
	@cmake -S . -B $(BUILD) >/dev/null && cmake --build $(BUILD) -j $(JOBS)

check: build ## build and run all tests
	@cd $(BUILD) && ctest --output-on-failure -j $(JOBS)

ports: ## compile the kernels for AArch64 and WebAssembly with the cross compilers that are here
	@tools/ports.sh
