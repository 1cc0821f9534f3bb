# Each habit is one command; `make help` lists them. CMake does the work, tools/ does what is more than a line.
BUILD   ?= build
JOBS    ?= $(shell nproc)
FUZZ_SECONDS ?= 10
BENCH_VENV ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/elegans/peers
BENCH ?= # options of bench/bench.py, e.g. BENCH='--only conv --threads 1'

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := build
.PHONY: build bench bench-peers check check-long demo asan ubsan tsan hostile fuzz amalgamation ports wasm layers size fmt clean help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build: ## the library and the command, in build/
	@tools/install_missing.sh
	@cmake -S . -B $(BUILD) >/dev/null && cmake --build $(BUILD) -j $(JOBS)

demo: ## train 784-512relu-10softmax on MNIST (or DATA=source), test it, draw a few answers
	@tools/install_missing.sh demo
	@$(MAKE) build
	@tools/demo.sh $(BUILD) $(DATA)

check: ## build and run all tests; ends in a line of counts
	@tools/install_missing.sh check
	@$(MAKE) build
	@JOBS=$(JOBS) tools/wasm.sh build $(BUILD)/web >/dev/null || [ $$? = 77 ]
	@tools/run_tests.sh $(BUILD) -j $(JOBS)

check-long: ## the same with the long loops of the tests switched on (EG_LONG=1)
	@tools/install_missing.sh check
	@cmake -S . -B build-long -DEG_TEST_TIMEOUT=7200 >/dev/null && cmake --build build-long -j $(JOBS)
	@EG_LONG=1 tools/run_tests.sh build-long -j $(JOBS)

bench: build ## speed beside the peers that Debian has installed, the machine's limits, sizes; minutes
	@cmake --build $(BUILD) --target benchmarks -j $(JOBS)
	@python3 bench/bench.py $(BUILD) $(BENCH) --markdown $(BUILD)/bench.md --json $(BUILD)/bench.json

bench-peers: build ## the same beside PyTorch, JAX, TensorFlow, scikit-learn, FANN, oneDNN: installs them in BENCH_VENV=~/.cache/elegans/peers
	@bench/install_peers.sh $(BENCH_VENV)
	@cmake -S . -B $(BUILD) >/dev/null
	@$(MAKE) bench BENCH="--peers $(BENCH_VENV) $(BENCH)"

# Every test once more in a build of its own that watches it: $(1) folder, $(2) options for CMake.
# A refused huge allocation is what some tests ask for, so it must come back as NULL.
define watched
	@tools/install_missing.sh check
	@cmake -S . -B $(1) $(2) >/dev/null && cmake --build $(1) -j $(JOBS)
	@ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1 \
	 TSAN_OPTIONS=allocator_may_return_null=1:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 \
	 tools/run_tests.sh $(1) -j $(JOBS)
endef

asan: ## all tests under AddressSanitizer
	$(call watched,build-asan,-DEG_SANITIZE=address -DEG_TEST_TIMEOUT=1800)

ubsan: ## all tests under UndefinedBehaviorSanitizer
	$(call watched,build-ubsan,-DEG_SANITIZE=undefined -DEG_TEST_TIMEOUT=1800)

tsan: ## all tests under ThreadSanitizer
	$(call watched,build-tsan,-DEG_SANITIZE=thread -DEG_TEST_TIMEOUT=1800)

hostile: ## all tests with memory poisoned when it is fresh and when it is freed
	$(call watched,build-hostile,-DEG_HOSTILE=ON)

fuzz: ## each fuzz target for FUZZ_SECONDS=10 from its seeds (needs clang)
	@command -v clang >/dev/null || { echo "make fuzz needs clang"; exit 1; }
	@cmake -S . -B build-fuzz -DCMAKE_C_COMPILER=clang -DEG_FUZZ=ON -DEG_TESTS=OFF >/dev/null && cmake --build build-fuzz -j $(JOBS)
	@tools/run_fuzzers.sh build-fuzz $(FUZZ_SECONDS)

amalgamation: ## the library as elegans.c and elegans.h in build/amalgamation, compiled and tested as one object
	@tools/install_missing.sh check
	@tools/check_amalgamation.sh $(BUILD)/amalgamation

ports: ## compile the kernels for AArch64 and WebAssembly with the cross compilers that are here
	@tools/ports.sh

wasm: build ## the library for WebAssembly in build/web; its tests, bits and speed in node (clang, lld, wasi-libc)
	@JOBS=$(JOBS) tools/wasm.sh build $(BUILD)/web
	@tools/wasm.sh run $(BUILD)/web tests kernels tensor graph ops compile runtime nn optim
	@tools/wasm.sh run $(BUILD)/web calls
	@tools/wasm.sh run $(BUILD)/web bits $(BUILD)/elegans
	@tools/wasm.sh run $(BUILD)/web bench
	@cmake --build $(BUILD) --target bench_tiles -j $(JOBS) >/dev/null && echo "natively:" && $(BUILD)/bench_tiles library

layers: ## check that every file includes only what its layer may see
	@tools/check_layers

size: build ## stripped sizes of library and command, and the code of each layer
	@tools/size_report.sh $(BUILD)

fmt: ## format the lines changed since the last commit (Debian: clang-format); tables that stand as they are keep their shape
	@git clang-format --extensions c,h HEAD

clean: ## remove all build folders
	rm -rf build build-*/
