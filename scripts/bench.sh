#!/bin/sh
# Times both networks, sampling and training, and then convolutions and a sampler's own work by themselves.
#   scripts/bench.sh BUILD_FOLDER      (called by make bench)
set -eu
build=$1

for network in "--model models/fashion-mnist" "--config configs/cifar10.toml"; do
  for flags in "--batch 16" "--batch 1" "--batch 16 --train"; do
    echo
    echo "\$ ddim bench $network $flags"
    # shellcheck disable=SC2086 # several words on purpose
    "$build/ddim" bench $network $flags
  done
done
for program in "$build/bench/conv_shapes" "$build/bench/sampler_work"; do
  echo
  echo "\$ $program"
  "$program"
done
