#!/bin/sh
# A project that takes ddim in by add_subdirectory is configured where the libraries cannot be found that only the
# program, the tests and the benchmarks need. It gets the library alone, and its own settings stay what they are.
#   embed_test.sh SOURCE_FOLDER CXX "CXX_FLAGS"
set -eu
source=$1 cxx=$2 flags=$3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() {
  cat "$root/log"
  echo "$1"
  exit 1
}

for package in GTest benchmark fmt; do
  set -- "$@" "-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"
done
shift 3
cmake -S "$source/tests/tools/embedder" -B "$root/build" -DDDIM_SOURCE="$source" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" >"$root/log" 2>&1 || fail "this failed"

grep -q "^-- $source/src/api: ddim$" "$root/log" || fail "there is no library"
others=$(grep "^-- $source" "$root/log" | grep -v -e "^-- $source: " -e "^-- $source/src/") || true
[ -z "$others" ] || fail "it builds too: $others"
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=$' "$root/build/CMakeCache.txt" || fail "it chose the build type"

commands=$root/build/compile_commands.json
grep -q 'src/api/version.cpp' "$commands" || fail "no command compiles src/api/version.cpp"
! grep -q -e '-Wall' -e '-Wextra' -e '-Wconversion' "$commands" || fail "it is compiled with warnings"
grep 'src/base/file_input.cpp' "$commands" | grep -q -e ' -O3 ' || fail "it is not optimised where no build type is chosen"
! grep 'consumer.cpp' "$commands" | grep -q -e -fvisibility -e ' -O' || fail "the embedding project's options changed"
