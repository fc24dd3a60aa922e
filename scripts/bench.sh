#!/bin/sh
# Times both networks, sampling and training.
#   scripts/bench.sh BUILD_FOLDER      (called by make bench)
# The programs of bench/ are run by name: build/bench/conv_shapes and build/bench/sampler_work time
# kernels, build/bench/load_bench the loading of models, for which it writes 1.5 GB.
set -eu
build=$1

for network in models/fashion-mnist configs/cifar10.toml; do
  for flags in "--batch 16" "--batch 1" "--batch 16 --train"; do
    echo
    echo "\$ ddim bench $network $flags"
    # shellcheck disable=SC2086 # several words on purpose
    "$build/ddim" bench "$network" $flags
  done
done
