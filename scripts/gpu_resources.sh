#!/bin/sh
# What each kernel of libddim_cuda.so needs of a multiprocessor, as the table in docs/gpu.md; fails if a kernel spills
# registers, or if the convolution lacks tensor cores or loads of 16 bytes.
#   scripts/gpu_resources.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
library=${1:-build}/libddim_cuda.so
PATH=$(echo .cuda/lib/python3*/site-packages/nvidia/cu13/bin):$PATH
command -v cuobjdump >/dev/null || { echo "gpu_resources: there is no cuobjdump (scripts/setup.sh --cuda)" >&2; exit 1; }
cuobjdump --dump-resource-usage "$library" 2>/dev/null | c++filt | awk '
  /^arch = / { arch = $3 }
  / Function / {
    name = $0
    sub(/\(ddim::.*|Arguments.*/, "", name)
    sub(/.*::/, "", name)
    sub(/:$/, "", name)
  }
  /REG:/ && (arch == "sm_80" || arch == "sm_90a") {
    split($1, reg, ":"); split($2, stack, ":"); split($3, shared, ":"); split($4, local, ":")
    registers[name, arch] = reg[2]
    stacks[name, arch] = stack[2]
    if (arch == "sm_80") static[name] = shared[2]  # on sm_90, the system itself has 1 KiB
    if (local[2] > 0) { print name " spills " local[2] " bytes on " arch > "/dev/stderr"; bad = 1 }
    names[name]
  }
  END {
    print "| kernel | registers sm_80 / sm_90a | stack, bytes | spills | shared, bytes |\n|---|---|---|---|---|"
    sort = "sort"
    for (n in names)
      printf "| %s | %d / %d | %d / %d | 0 | %d |\n", n, registers[n, "sm_80"], registers[n, "sm_90a"],
        stacks[n, "sm_80"], stacks[n, "sm_90a"], static[n] | sort
    close(sort)
    exit bad
  }'
for kernel in conv_bf16 conv_bf16_small conv_bf16x3 conv_bf16x3_small weight_gradient_bf16 weight_gradient_bf16x3; do
  sass=$(cuobjdump --dump-sass --gpu-architecture sm_90a "$library" 2>/dev/null | awk -v kernel="[0-9]${kernel}ENS" '
    /Function : / { wanted = $0 ~ kernel }
    wanted')
  for instruction in HMMA.16816.F32.BF16 LDGSTS.E.BYPASS.128 LDSM.16; do
    number=$(echo "$sass" | grep -c -F "$instruction" || true)
    [ "$number" -gt 0 ] || { echo "$kernel has no $instruction" >&2; exit 1; }
    echo "$kernel: $number of $instruction" >&2
  done
done
