#!/bin/sh
# Tests and times the backend for GPUs in one go of some nine minutes, on a machine with an NVIDIA GPU:
#   scripts/gpu_check.sh pack [BUILD]      here: gathers all that is needed there in gpu_check/ (below 47 MB)
#   scripts/gpu_check.sh                   there: runs what can be run; the log is $OUT/gpu_check.log, or gpu_check.log
#   scripts/gpu_check.sh emulated [BUILD]  on a machine without a GPU: the same steps in small, in emulation, from files packed
#                                          in the same way, and says what it leaves out
# Each step has a time limit of its own, so that one that hangs does not take the others with it, and all together have
# $SECONDS_LEFT (560), since a machine that is lent for ten minutes goes. DDIM_PYTHON names a python3 that has PyTorch.
set -eu
cd "$(dirname "$0")/.."
mode=${1:-gpu}
build=${2:-build}
python=${DDIM_PYTHON:-python3}
case $mode in
  pack | gpu | emulated) ;;
  *) echo "gpu_check: $mode is none of pack, gpu and emulated" >&2; exit 2 ;;
esac

# pack LIBRARY FOLDER: FOLDER/files.tar.xz, with the programs, LIBRARY as libddim_cuda.so, and what they need.
pack() {
  for file in "$1" "$build"/ddim "$build"/tests/ops/kernels_test "$build"/tests/golden/golden_test; do
    [ -e "$file" ] || { echo "gpu_check: $file is not built" >&2; exit 1; }
  done
  rm -rf "$2" && mkdir -p "$2/bin" "$2/lib"
  cp "$build/ddim" "$build/tests/ops/kernels_test" "$build/tests/golden/golden_test" "$2/bin/"
  cp "$1" "$2/bin/libddim_cuda.so"
  # Their libraries, but not those of the C library, which belong to a system.
  ldd "$2/bin/ddim" "$2/bin/kernels_test" "$2/bin/golden_test" | awk '/=> \// { print $3 }' | sort -u |
    grep -v -E '/(libc|libm|libdl|libpthread|librt|libresolv|ld-linux[^/]*)\.so' | xargs -I {} cp -L {} "$2/lib/"
  strip "$2"/bin/* "$2"/lib/* 2>/dev/null || true
  XZ_OPT=-2 tar -C "$2" -cJf "$2/files.tar.xz" bin lib
  rm -r "$2/bin" "$2/lib"
}

if [ "$mode" = pack ]; then
  pack "$build/libddim_cuda.so" gpu_check
  ls -l gpu_check/files.tar.xz
  exit 0
fi

log=${OUT:-.}/gpu_check.log
: >"$log"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
table=$folder/table
: >"$table"
slower=1 most=${SECONDS_LEFT:-560} began=$(date +%s)
[ "$mode" != emulated ] || slower=8 most=3600 # other programs may keep the processors busy
# row NAME RESULT: of the table, and at once of the log, which may be all that comes back.
row() { printf '%-44s %s\n' "$1" "$2" | tee -a "$table" >>"$log"; }
# step NAME SECONDS COMMAND ...
step() {
  name=$1
  limit=$(($2 * slower))
  shift 2
  start=$(date +%s)
  left=$((most - start + began))
  if [ $left -lt 5 ]; then
    left_out "$name" "no time"
    return
  fi
  [ $limit -le $left ] || limit=$left
  echo "== $name" | tee -a "$log"
  result=ok
  timeout -k 5 $limit "$@" >"$folder/step" 2>&1 || result="FAILED ($?)"
  cat "$folder/step" >>"$log"
  tail -n "${lines:-4}" "$folder/step"
  ! grep -q "${unless:-no such line}" "$folder/step" || result="left out: ${unless:-}"
  row "$name" "$(printf '%-12s %4s s' "$result" $(($(date +%s) - start)))"
}
left_out() { row "$1" "left out: $2"; }

# A network that an emulation trains in seconds.
cat >"$folder/small.toml" <<'END'
[model]
channels = 3
block_out_channels = [32, 32]
layers_per_block = 1
attention_levels = [1]
[data]
resolution = 8
fit = "crop-resize"
[training]
batch = 4
shards = 2
steps = 4
[output]
checkpoint_every_steps = 2
END

if [ "$mode" = emulated ]; then
  pack "$(find "$build" -name 'libddim_cuda_emulated_module.so' | head -n 1)" "$folder/pack"
  archive=$folder/pack/files.tar.xz
  config=$folder/small.toml
  batches=1 training_batch=4 rehearse=--rehearse
  left_out "memcheck" "no GPU"
  left_out "racecheck" "no GPU"
else
  archive=gpu_check/files.tar.xz
  config=configs/cifar10.toml
  batches="1 16 64 256" training_batch=128 rehearse=
  export DDIM_TEST_GPU=1
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee -a "$log"
fi
mkdir "$folder/unpacked"
tar -C "$folder/unpacked" -xJf "$archive" 2>/dev/null || "$python" -m tarfile -e "$archive" "$folder/unpacked" # without xz
bin=$folder/unpacked/bin
# The driver's libraries may be found by it, too.
libraries="$folder/unpacked/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export DDIM_CUDA_LIBRARY="$bin/libddim_cuda.so"
# ours COMMAND ...: with the libraries that came along, which are for no other program.
ours() {
  set -f
  # shellcheck disable=SC2086 # several words
  step "$1" "$2" env LD_LIBRARY_PATH="$libraries" "$3" $4
  set +f
}
# pytorch NAME SECONDS WHAT
pytorch() {
  if "$python" -c 'import torch' 2>/dev/null; then
    # shellcheck disable=SC2086 # may be empty
    lines=12 step "$1" "$2" "$python" bench/compare/gpu.py "$3" $rehearse
  else
    left_out "$1" "$python has no PyTorch (DDIM_PYTHON names one that has)"
  fi
}

pytorch "ceilings" 40 ceilings
# In several processes, since an error of a GPU stays for the rest of its process.
kernels() { ours "kernels against ref, bits: $1" 60 "$bin/kernels_test" "--gtest_filter=$2 --gtest_brief=1"; }
kernels convolutions 'Cuda/*conv*'
kernels products 'Cuda/*linear*:Cuda/*matmul*'
kernels attention 'Cuda/*attention*'
kernels "all others" 'Cuda/*-*conv*:*linear*:*matmul*:*attention*'
ours "golden networks" 60 "$bin/golden_test" '--gtest_filter=*micro_cuda* --gtest_brief=1'

# Two steps and two more are four.
cat >"$folder/train.sh" <<'END'
set -e
folder=$1 program=$2
ddim() { "$program" "$@" --device cuda; }
ddim train "$folder/small.toml" --data docs/pictures --out "$folder/whole" --quiet
ddim train "$folder/small.toml" --data docs/pictures --out "$folder/parts" --quiet --max-steps 2
ddim train --resume "$folder/parts" --quiet
cmp "$folder/whole/checkpoints/step-00000004/state.safetensors" "$folder/parts/checkpoints/step-00000004/state.safetensors"
ddim sample --model "$folder/whole" --steps 2 --eta 1 --count 3 --out "$folder/a.png"
ddim sample --model "$folder/whole" --steps 2 --eta 1 --count 3 --batch 1 --out "$folder/b.png"
cmp "$folder/a.png" "$folder/b.png"
END
ours "training, resumed; pictures for each batch" 60 sh "$folder/train.sh $folder $bin/ddim"

if [ "$mode" = gpu ]; then
  few='Cuda/DeviceKernels.AgreeWithRef/*1x1x*:Cuda/DeviceKernels.AgreeWithRef/*5x3x17*:Cuda/DeviceKernels.AgreeWithRef/attention_5x9*'
  for tool in memcheck racecheck; do
    if command -v compute-sanitizer >/dev/null; then
      unless='Device not supported' ours "$tool" 60 compute-sanitizer "--tool $tool --error-exitcode 9 $bin/kernels_test --gtest_filter=$few --gtest_brief=1"
    else
      left_out "$tool" "no compute-sanitizer"
    fi
  done
fi
for precision in bf16 bf16x3 fp32; do
  for batch in $batches; do
    lines=30 ours "ddim, $precision, batch $batch" 20 "$bin/ddim" \
      "bench $config --device cuda --precision $precision --batch $batch --repetitions 3"
  done
done
lines=6 ours "ddim, training, bf16, batch $training_batch" 30 "$bin/ddim" \
  "bench $config --device cuda --train --precision bf16 --batch $training_batch --repetitions 3"
pytorch "PyTorch, cifar10" 120 network
pytorch "PyTorch, cifar10, training" 90 training

echo
grep -h -E 'ms per image and step|us per image|GB/s|TFLOP/s' "$log" || true
echo
tee -a "$log" <"$table"
! grep -q FAILED "$table"
