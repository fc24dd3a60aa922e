#!/bin/sh
# Builds and runs projects that use the library in ways that cost a whole build each, so that `make test` does not:
#   - a project that has it by add_subdirectory, and one that fetches it, each static and shared;
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
# below WHAT BYTES LIMIT
below() {
  echo "check_install: $1 has $(($2 / 1024)) KiB"
  [ "$2" -lt "$3" ] || { echo "check_install: that is not below $(($3 / 1024)) KiB"; exit 1; }
}

for shared in OFF ON; do
  for fetches in OFF ON; do
    build="$root/build-$shared-$fetches"
    # Once each with all there is; the other way of taking it in has the library alone, as is the default.
    [ $shared = $fetches ] && all="-DDDIM_INSTALL=ON -DDDIM_BUILD_PROGRAM=ON" || all=
    # shellcheck disable=SC2086 # a list of flags
    quietly cmake -S "$source/tests/tools/embedder" -B "$build" -G Ninja -DDDIM_SOURCE="$source" -DCMAKE_UNITY_BUILD=ON \
      -DBUILD_SHARED_LIBS=$shared -DEMBEDDER_FETCHES=$fetches $all
    quietly cmake --build "$build"
    test "$("$build/embedder")" = "0.1.0 10"
    echo "check_install: embedded and run, BUILD_SHARED_LIBS=$shared, by FetchContent: $fetches"
    [ -n "$all" ] || { rm -r "$build"; continue; }
    ! test -e "$build/CPackConfig.cmake" || { echo "check_install: the embedding project got packages of ddim"; exit 1; }
    # Of the embedded build, where the program is a part of it, and the library's own files are below it.
    quietly sh "$source/tests/tools/install_test.sh" "$build" "$source" "${CXX:-c++}" ""
    echo "check_install: installed, found and run, BUILD_SHARED_LIBS=$shared"
    if [ $shared = OFF ]; then
      strip -o "$root/stripped" "$(find "$build" -name ddim -type f -perm -u+x | head -1)"
      below "the stripped program" "$(stat -c %s "$root/stripped")" 8388608
    fi
    rm -r "$build"
  done
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
below "the wheel without models" "$("$root/an environment/bin/python" - "$wheel" <<'PYTHON'
import sys, zipfile
files = zipfile.ZipFile(sys.argv[1]).infolist()
print(sum(file.compress_size for file in files if not file.filename.startswith("ddim/models/")))
PYTHON
)" 16000000
"$root/an environment/bin/python" - <<'PYTHON'
import statistics, subprocess, sys, time
def seconds(words):
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", words], check=True)
    return time.perf_counter() - begin
times = {words: statistics.median(seconds(words) for _ in range(9)) for words in ("pass", "import numpy", "import ddim")}
print("check_install: import ddim takes %.0f ms, of which %.0f are the interpreter's start and %.0f NumPy's" % (
    1e3 * times["import ddim"], 1e3 * times["pass"], 1e3 * (times["import numpy"] - times["pass"])))
PYTHON
echo "check_install: $(basename "$wheel") installed and tested, $(du -k "$wheel" | cut -f1) KiB"
