#!/bin/bash
# Times one process of two threads and two processes of one thread, in training and in drawing, in turn, and prints the
# medians, their ratio, and the load of the machine: on a busy one the figures say nothing.
#   bench/scaling.sh BUILD [NETWORK.toml]      default: configs/fashion-mnist.toml
#   ROUNDS   of each (default 3)
#   STEPS    of a training (default 5)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:?usage: bench/scaling.sh BUILD [NETWORK.toml]}" && pwd)
network=$(realpath "${2:-$root/configs/fashion-mnist.toml}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mkdir data
{ printf '\0\0\10\3\0\0\2\0\0\0\0\34\0\0\0\34' && head -c $((512 * 28 * 28)) /dev/urandom; } >data/train-images-idx3-ubyte
train() { "$@" "$build/ddim" train "$network" --data data --out run --max-steps "${STEPS:-5}" --quiet --json; rm -rf run; }
draw() { "$@" "$build/ddim" sample --model "$root/models/fashion-mnist" --steps 10 --count 256 --out a.npz --quiet --json; rm -rf a.npz; }
field() { sed -n "s/.*\"$1\": *\([0-9.e+-]*\).*/\1/p"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
for ((round = 0; round < ${ROUNDS:-3}; ++round)); do
  DDIM_THREADS=2 train env | field ms_per_image >>train-1
  DDIM_THREADS=1 train mpirun -n 2 | field ms_per_image >>train-2
  DDIM_THREADS=2 draw env | field seconds >>draw-1
  DDIM_THREADS=1 draw mpirun -n 2 | field seconds >>draw-2
done
for what in train draw; do
  one=$(median <$what-1)
  two=$(median <$what-2)
  echo "$what: one process of two threads $one, two processes of one $two: efficiency $(echo "$one $two" | awk '{ printf "%.3f", $1 / $2 }')"
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
