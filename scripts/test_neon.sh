#!/bin/sh
# Builds the program and tests for aarch64 with Debian's cross compiler, and runs the tests by qemu. For a Debian
# on another architecture; on aarch64 itself, `make test` does. Debian's libdnnl-dev cannot be installed for two
# architectures at once, so the libraries are unpacked into a folder of their own, and nothing else of the
# machine changes but for a compiler and an emulator.
#   scripts/test_neon.sh [TEST_PROGRAM ...]      (called by make neon)
# QEMU_CPU chooses the processor: cortex-a76, without SVE, or max, with which oneDNN uses SVE.
set -eu
cd "$(dirname "$0")/.."
sysroot=$PWD/build-aarch64-sysroot
build=build-aarch64
tests=${*:-ops_test kernels_test backend_test nn_test model_test base_test base_files_test
  tensor_test io_test diffusion_test data_test}

# apt-get for aarch64, as if nothing were installed, in the sysroot's own folder.
aarch64_apt() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o pkgCacheGen::Essential=none \
    -o Dir::State="$sysroot/apt" -o Dir::State::status="$sysroot/apt/status" -o Dir::Cache="$sysroot/apt" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false "$@"
}

make_sysroot() {
  rm -rf "$sysroot"
  mkdir -p "$sysroot/apt/lists/partial" "$sysroot/apt/archives/partial"
  : >"$sysroot/apt/status"
  aarch64_apt update
  # shellcheck disable=SC2086 # several words on purpose
  aarch64_apt install -y --download-only $libraries
  for package in "$sysroot"/apt/archives/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
  find "$sysroot" -type l -lname '/*' | while read -r link; do
    ln -sfn "$sysroot$(readlink "$link")" "$link"
  done
  rm -r "$sysroot/apt"
  echo "$libraries" >"$sysroot/libraries"
}

scripts/setup.sh g++-aarch64-linux-gnu qemu-user
libraries=$(scripts/setup.sh --libraries)
[ "$(cat "$sysroot/libraries" 2>/dev/null)" = "$libraries" ] || make_sysroot

cmake --preset aarch64 >"$build.log" || { cat "$build.log"; exit 1; }
rm "$build.log"
# shellcheck disable=SC2086
cmake --build --preset aarch64 -j "${JOBS:-$(nproc)}" --target ddim_program $tests

# count PASSED|FAILED|SKIPPED LOG: of GoogleTest's closing lines.
count() {
  number=$(sed -n "s/^\[ *$1 *\] \([0-9]*\) tests\{0,1\}[.,].*/\1/p" "$2" | head -n 1)
  echo "${number:-0}"
}

export QEMU_LD_PREFIX="$sysroot" QEMU_CPU="${QEMU_CPU:-cortex-a76}" DDIM_ISA=neon
echo "aarch64, by qemu's $QEMU_CPU:"
total=0
failed=""
for test in $tests; do
  log=$build/$test.log
  program=$(find "$build/tests" -type f -name "$test" -perm -u+x)
  qemu-aarch64 "$program" >"$log" 2>&1 || failed="$failed $test"
  passed=$(count PASSED "$log")
  total=$((total + passed))
  printf '  %-20s %5d passed, %d failed, %d skipped\n' "$test" "$passed" "$(count FAILED "$log")" "$(count SKIPPED "$log")"
done
echo "$total cases passed"
for test in $failed; do
  echo "$test failed:"
  sed -n '/^\[ RUN/{h;d};H;/^\[  FAILED  \].* ms)$/{g;p}' "$build/$test.log"
  tail -n 5 "$build/$test.log"
done
[ -z "$failed" ]
