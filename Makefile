# SPDX-License-Identifier: BSD-3-Clause
# The front door: every lane is one target, on a fresh Debian 12. CMake and CTest do the work;
# see CMakePresets.json for the builds behind the lanes.

JOBS ?= $(shell nproc)
TIME ?= 60
PREFIX ?= /usr/local
DESTDIR ?=

say = @printf '\n== %s\n'
build = cmake --preset $(1) $(if $(V),,--log-level=WARNING >/dev/null) && \
	cmake --build --preset $(1) -j $(JOBS) $(if $(2),--target $(2)) $(if $(V),,-- --quiet)
ctest = ctest --test-dir $(1) --output-on-failure --no-tests=error -j $(JOBS)

# Two machines in emulation may miss a deadline of their own where the host is busy: such a test is run
# once more, and ctest shows both runs.
again = --repeat until-pass:2

.PHONY: all demo test test-slow check lint format-check format tidy cppcheck clang asan tsan coverage \
	fuzz fuzz-coverage firmware size kernel-check packages-kernel vsoc vsoc-test vsoc-debug vsoc-debug-test \
	install clean help bench bench-docs check-models check-faults check-fuzz packages packages-test \
	packages-check packages-vsoc packages-bench

all: packages
	$(say) 'build: library, tools, firmware, tests -> build/'
	@$(call build,release)

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make               build the library, the tools and the firmware into build/
#: make demo          build, and send a picture to a coprocessor and back
#: make test          build, and run the quick tests and those with a coprocessor in QEMU
#: make test-slow     the tests that make test leaves out: slow and threads
#: make check         every lane below, as CI does
#: make lint          formatting, clang-tidy, cppcheck (format-check, tidy, cppcheck: one of them)
#: make clang         compile everything with clang
#: make asan          the quick tests with AddressSanitizer and UndefinedBehaviorSanitizer
#: make tsan          the quick and the threads tests with ThreadSanitizer
#: make coverage      line coverage of the portable core -> build/coverage/report (95 % or it fails)
#: make fuzz          every fuzzer for TIME=60 seconds
#: make check-models  the protocols against every interleaving, the rings against a weak memory
#: make check-faults  death at every step, every allocation and system call failing once
#: make check-fuzz    every fuzzer and the hostile peer, each for TIME=60 seconds
#: make fuzz-coverage branch coverage of each parser by its fuzzer's corpus (90 % or it fails)
#: make firmware      the library and the firmware for every processor it is built for
#: make size          what the library needs on a Cortex-M4: code and RAM, held to firmware/size/limits.txt
#: make bench         what hand-offs cost here, as ratios to floors -> build/bench (QUICK=1: in seconds)
#: make bench-docs    the same, and puts tables and plots into docs/performance.md
#: make vsoc          build the virtual SoC: arm64 Linux beside a coprocessor (amphora vsoc)
#: make kernel-check  build the module amphora for every kernel there is, without a warning, and sparse
#: make vsoc-debug    the same with a kernel that finds bugs in drivers (--debug-kernel)
#: make vsoc-debug-test  the tests of the next one that need only that
#: make vsoc-test     builds both, and tests in both. The kernels are built once, for some minutes
#:                    each, and kept in AMPHORA_CACHE=~/.cache/amphora
#: make install       into PREFIX=/usr/local, below DESTDIR
#: make format        clang-format every C file in place
#: make clean         remove build/
#:
#: JOBS=N parallel jobs (default: all processors), V=1 more to read,
#: AMPHORA_PACKAGES=skip never to install a package.

packages:
	@scripts/install-packages build
packages-test:
	@scripts/install-packages build test
packages-check:
	@scripts/install-packages build test check
packages-kernel:
	@scripts/install-packages build vsoc kernel
packages-bench:
	@scripts/install-packages build bench
packages-vsoc:
	@scripts/install-packages build test vsoc

demo: all
	$(say) 'demo: a picture to a coprocessor and back, zero copy'
	build/bin/amphora demo --output build/amphora-edges.png

test: packages-test all
	$(say) 'test: quick tests, and tests with a coprocessor in QEMU'
	@$(call ctest,build) -L 'quick|qemu'

test-slow: packages-test all
	$(say) 'test-slow: the tests that make test leaves out'
	@$(subst error,ignore,$(call ctest,build)) -LE 'quick|qemu|vsoc|models|faults|hostile'

check:
	@bash .ci/run

lint: format-check tidy cppcheck

format-check: packages-check
	$(say) 'format-check: clang-format'
	@scripts/lint format

tidy: packages-check
	$(say) 'tidy: clang-tidy'
	@$(call build,release)
	@scripts/lint tidy build $(JOBS)

cppcheck: packages-check
	$(say) 'cppcheck'
	@scripts/lint cppcheck $(JOBS)

format: packages-check
	@scripts/lint fix

asan: packages-check
	$(say) 'asan: quick tests with AddressSanitizer and UndefinedBehaviorSanitizer'
	@$(call build,asan)
	@$(call ctest,build/asan) -L quick

tsan: packages-check
	$(say) 'tsan: quick and threads tests with ThreadSanitizer'
	@$(call build,tsan)
	@scripts/tsan $(call ctest,build/tsan) -L 'quick|threads'

coverage: packages-check
	$(say) 'coverage: line coverage of the portable core by the quick tests'
	@$(call build,coverage)
	@scripts/coverage build/coverage $(call ctest,build/coverage) -L quick

clang: packages-check
	$(say) 'clang: everything compiles without a warning of clang either'
	@$(call build,fuzz)

fuzz: packages-check
	$(say) 'fuzz: every fuzzer for $(TIME) seconds'
	@$(call build,fuzz,fuzzers)
	@scripts/fuzz build/fuzz $(TIME) $(JOBS)

check-models: packages-check all
	$(say) 'check-models: every interleaving of the protocols, and every weak memory behind the rings'
	@scripts/figures $(call ctest,build) -L '^models$$'

check-faults: packages-check all
	$(say) 'check-faults: death at every step, every allocation and system call failing once'
	@scripts/figures $(call ctest,build) -L '^faults$$' $(again)

check-fuzz: packages-check
	$(say) 'check-fuzz: every fuzzer and the hostile peer, for $(TIME) seconds each'
	@$(call build,fuzz,fuzzers)
	@scripts/fuzz build/fuzz $(TIME) $(JOBS)

fuzz-coverage: packages-check
	$(say) 'fuzz-coverage: branch coverage of the parsers by the corpora'
	@$(call build,fuzz,fuzzers)
	@scripts/fuzz-coverage build/fuzz

firmware: packages-check
	$(say) 'firmware: riscv32, riscv32 with Zicbom, Cortex-M7, Cortex-M4'
	@for variant in firmware firmware-zicbom firmware-cortex-m7 firmware-cortex-m4; do \
		echo "$$variant"; ($(call build,$$variant)) || exit 1; done

size: packages-check
	$(say) 'size: the library on a Cortex-M4'
	@$(call build,firmware-cortex-m4)
	@scripts/size

bench: packages-bench all
	$(say) 'bench: hand-offs against floors -> build/bench/results.json'
	@mkdir -p build/bench
	@build/bin/amphora-bench $(if $(QUICK),--quick) --json build/bench/results.json
	@bench/report.py build/bench/results.json build/bench

bench-docs: bench
	$(say) 'bench-docs: the same into docs/performance.md'
	@bench/report.py build/bench/results.json build/bench --docs .

kernel-check: packages-kernel
	$(say) 'kernel-check: the modules for each kernel, with every warning'
	@scripts/kernel-check $(JOBS)

vsoc: packages-vsoc all
	$(say) 'vsoc: kernel, driver, device tree, first file system -> build/share/amphora/vsoc'
	@vsoc/build $(JOBS)

vsoc-test: vsoc vsoc-debug
	$(say) 'vsoc-test: programs in the virtual SoC, and its coprocessor, with both kernels'
	@$(call ctest,build) -L '^vsoc' $(again)

vsoc-debug: packages-vsoc all
	$(say) 'vsoc-debug: the same with a kernel that finds bugs -> build/share/amphora/vsoc-debug'
	@vsoc/build --debug $(JOBS)

vsoc-debug-test: vsoc-debug
	$(say) 'vsoc-debug-test: programs in the virtual SoC, with the kernel that finds bugs'
	@$(call ctest,build) -L '^vsoc-debug$$' $(again)

install: all
	cmake --install build --prefix '$(PREFIX)'

clean:
	rm -rf build
.NOTPARALLEL:
