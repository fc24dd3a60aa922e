#!/bin/sh
# Builds and runs projects that use the library in ways that cost a whole build each, so that `make test` does not:
#   - a project that has it by add_subdirectory, and one that fetches it, static and shared;
#   - what these install, in an odd place, found by find_package and pkg-config, from C++ and C;
#   - the wheel (WHEEL, default: that of `make wheel`, if it is there) in an environment of its own, with the notebook.
#   scripts/check_install.sh [WHEEL]
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
wheel=${1:-$(ls "$source"/build-wheel/wheels/*.whl 2>/dev/null | tail -1)}
[ -z "$wheel" ] || wheel=$(realpath "$wheel")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
quietly() {
  "$@" >"$root/log" 2>&1 || { tail -50 "$root/log"; echo "check_install: this failed: $*"; exit 1; }
}

for shared in OFF ON; do
  build="$root/build-$shared"
  quietly cmake -S "$source/tests/tools/embedder" -B "$build" -G Ninja -DDDIM_SOURCE="$source" -DCMAKE_UNITY_BUILD=ON \
    -DBUILD_SHARED_LIBS=$shared -DDDIM_INSTALL=ON -DDDIM_BUILD_PROGRAM=ON -DEMBEDDER_FETCHES=$shared
  quietly cmake --build "$build"
  test "$("$build/embedder")" = "0.1.0 10"
  echo "check_install: embedded and run, BUILD_SHARED_LIBS=$shared"
  # Of the embedded build, where the program is a part of it, and the library's own files are below it.
  quietly sh "$source/tests/tools/install_test.sh" "$build" "$source" "${CXX:-c++}" ""
  echo "check_install: installed, found and run, BUILD_SHARED_LIBS=$shared"
done

if [ -z "$wheel" ]; then
  echo "check_install: there is no wheel (make wheel): that part is left out"
  exit 0
fi
quietly python3 -m venv "$root/an environment"
quietly "$root/an environment/bin/pip" install "$wheel[pictures]" nbclient nbformat ipykernel matplotlib
for test in "test_ddim.py" "run_notebook.py $source"; do
  # shellcheck disable=SC2086 # a test with its argument
  quietly env DDIM_PYTHON="$root/an environment/bin/python" sh "$source/tests/python/run.sh" "$source" $test
done
"$root/an environment/bin/python" -c 'import ddim, importlib.resources as r
assert (r.files("ddim") / "_core.pyi").is_file() and (r.files("ddim") / "py.typed").is_file()'
echo "check_install: $(basename "$wheel") installed and tested, $(du -k "$wheel" | cut -f1) KiB"
