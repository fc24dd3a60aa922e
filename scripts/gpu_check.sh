#!/bin/sh
# Tests and times the backend for GPUs in one go of at most eight minutes, on a machine with an NVIDIA GPU:
#   scripts/gpu_check.sh pack [BUILD]   here: gathers all that is needed there in gpu_check/ (below 47 MB)
#   scripts/gpu_check.sh                there: runs what can be run; the log is $OUT/gpu_check.log, or gpu_check.log
#   scripts/gpu_check.sh emulated [BUILD]   on a machine without a GPU: the same tests in emulation
# Each step has a time limit of its own, so that one that hangs does not take the others with it.
set -eu
cd "$(dirname "$0")/.."
mode=${1:-gpu}
build=${2:-build}

if [ "$mode" = pack ]; then
  for file in ddim libddim_cuda.so tests/ops/kernels_test tests/golden/golden_test; do
    [ -e "$build/$file" ] || { echo "gpu_check: $build/$file is not built" >&2; exit 1; }
  done
  rm -rf gpu_check && mkdir -p gpu_check/bin gpu_check/lib
  for program in ddim tests/ops/kernels_test tests/golden/golden_test; do
    cp "$build/$program" gpu_check/bin/
  done
  cp "$build/libddim_cuda.so" gpu_check/bin/
  # Their libraries, but not those of the C library, which belong to a system.
  ldd gpu_check/bin/ddim gpu_check/bin/kernels_test gpu_check/bin/golden_test | awk '/=> \// { print $3 }' | sort -u |
    grep -v -E '/(libc|libm|libdl|libpthread|librt|libresolv|ld-linux[^/]*)\.so' | xargs -I {} cp -L {} gpu_check/lib/
  strip gpu_check/bin/* gpu_check/lib/* 2>/dev/null || true
  tar -C gpu_check -cJf gpu_check/files.tar.xz bin lib
  rm -r gpu_check/bin gpu_check/lib
  ls -l gpu_check/files.tar.xz
  exit 0
fi

log=${OUT:-.}/gpu_check.log
: >"$log"
table=$(mktemp)
trap 'rm -f "$table" "$log.step"' EXIT
slower=1
[ "$mode" != emulated ] || slower=8 # other programs may keep the processors busy
# step NAME SECONDS COMMAND ...
step() {
  name=$1
  limit=$2
  shift 2
  echo "== $name" | tee -a "$log"
  start=$(date +%s)
  result=ok
  timeout $((limit * slower)) "$@" >"$log.step" 2>&1 || result="FAILED ($?)"
  cat "$log.step" >>"$log"
  tail -n "${lines:-4}" "$log.step"
  printf '%-44s %-12s %4s s\n' "$name" "$result" $(($(date +%s) - start)) >>"$table"
}
left_out() { printf '%-44s %s\n' "$1" "left out: $2" >>"$table"; }

if [ "$mode" = emulated ]; then
  bin=$build
  kernels=$build/tests/ops/kernels_test
  golden=$build/tests/golden/golden_test
  left_out "ceilings" "no GPU"
else
  folder=$(mktemp -d)
  tar -C "$folder" -xJf gpu_check/files.tar.xz
  bin=$folder/bin
  kernels=$bin/kernels_test
  golden=$bin/golden_test
  export LD_LIBRARY_PATH="$folder/lib" DDIM_TEST_GPU=1 DDIM_CUDA_LIBRARY="$folder/bin/libddim_cuda.so"
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee -a "$log"
  lines=6 step "ceilings" 40 env -u LD_LIBRARY_PATH python3 bench/compare/gpu.py ceilings
fi

step "kernels against ref, bits" 120 "$kernels" '--gtest_filter=Cuda/*' --gtest_brief=1
step "golden networks" 60 "$golden" '--gtest_filter=*micro_cuda*' --gtest_brief=1

if [ "$mode" = emulated ]; then
  for name in "memcheck" "racecheck" "networks, ddim and PyTorch"; do left_out "$name" "no GPU"; done
else
  few='Cuda/DeviceKernels.AgreeWithRef/*1x1x*:Cuda/DeviceKernels.AgreeWithRef/*5x3x17*:Cuda/DeviceKernels.AgreeWithRef/attention_5x9*'
  if command -v compute-sanitizer >/dev/null; then
    step "memcheck" 60 compute-sanitizer --tool memcheck --error-exitcode 9 "$kernels" "--gtest_filter=$few" --gtest_brief=1
    step "racecheck" 60 compute-sanitizer --tool racecheck --error-exitcode 9 "$kernels" "--gtest_filter=$few" --gtest_brief=1
  else
    left_out "memcheck" "no compute-sanitizer"
    left_out "racecheck" "no compute-sanitizer"
  fi
  for precision in bf16 fp32; do
    for batch in 1 16 64 256; do
      lines=30 step "ddim, cifar10, $precision, batch $batch" 20 "$bin/ddim" bench configs/cifar10.toml --device cuda \
        --precision $precision --batch $batch --repetitions 3
    done
  done
  lines=6 step "ddim, training, bf16, batch 128" 30 "$bin/ddim" bench configs/cifar10.toml --device cuda --train \
    --precision bf16 --batch 128 --repetitions 3
  lines=12 step "PyTorch, cifar10" 120 env -u LD_LIBRARY_PATH python3 bench/compare/gpu.py network
  rm -rf "$folder"
fi

echo
grep -h -E 'ms per image and step|us per image|GB/s|TFLOP/s' "$log" || true
echo
tee -a "$log" <"$table"
! grep -q FAILED "$table"
