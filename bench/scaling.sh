#!/bin/bash
# Times one process of two threads and two processes of one thread, in training and in drawing, in turn, and prints the
# medians, their ratio, and the load of the machine: on a busy one the figures say nothing.
#   bench/scaling.sh BUILD [NETWORK.toml]      default: configs/fashion-mnist.toml
#   ROUNDS   of each (default 3)
#   STEPS    of a training (default 5)
#   BATCHES  of pictures, in two shards: instead, how much longer two processes take for a training step of each, which is the
#            exchange of docs/cluster.md, and the bandwidth that its formula makes of it (default: none)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:?usage: bench/scaling.sh BUILD [NETWORK.toml]}" && pwd)
network=$(realpath "${2:-$root/configs/fashion-mnist.toml}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mkdir data
# Pictures of noise, as CIFAR-10's (100 different ones of class 0) or Fashion-MNIST's files have them.
if grep -q '^channels = 3' "$network"; then
  for ((i = 0; i < 100; ++i)); do printf '\0' && head -c 3072 /dev/urandom; done >hundred
  for ((i = 0; i < 100; ++i)); do cat hundred; done >data/test_batch.bin
  for ((i = 1; i <= 5; ++i)); do ln data/test_batch.bin data/data_batch_$i.bin; done
else
  { printf '\0\0\10\3\0\0\2\0\0\0\0\34\0\0\0\34' && head -c $((512 * 28 * 28)) /dev/urandom; } >data/train-images-idx3-ubyte
fi
train() { "$@" "$build/ddim" train "$network" --data data --out run --max-steps "${STEPS:-5}" --quiet --json; rm -rf run; }
draw() { "$@" "$build/ddim" sample --model "$root/models/fashion-mnist" --steps 10 --count 256 --out a.npz --quiet --json; rm -rf a.npz; }
field() { sed -n "s/.*\"$1\": *\([0-9.e+-]*\).*/\1/p"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
# in_turn NAME FIELD FUNCTION: what one process of two threads says goes to NAME-1, two processes of one thread to NAME-2.
in_turn() {
  DDIM_THREADS=2 "$3" env | field "$2" >>"$1-1"
  DDIM_THREADS=1 "$3" mpirun -n 2 | field "$2" >>"$1-2"
}
rounds=$(seq "${ROUNDS:-3}")
if [ -z "${BATCHES:-}" ]; then
  for _ in $rounds; do
    in_turn train ms_per_image train
    in_turn draw seconds draw
  done
  for what in train draw; do
    one=$(median <$what-1)
    two=$(median <$what-2)
    echo "$what: one process of two threads $one, two processes of one $two: efficiency $(echo "$one $two" | awk '{ printf "%.3f", $1 / $2 }')"
  done
else
  # Bytes of the weights: 2 W / 2 go each way in a step of two ranks, whose slices are equal.
  weights=$(("$("$build/ddim" bench "$network" --repetitions 1 --batch 1 --json | field num_parameters)" * 4))
  configuration=$network
  network=$PWD/network.toml
  for batch in $BATCHES; do
    sed -e "s/^batch = .*/batch = $batch/" -e 's/^shards = .*/shards = 2/' "$configuration" >"$network"
    for _ in $rounds; do in_turn "batch-$batch" ms_per_image train; done
    echo "$batch $(median <"batch-$batch-1") $(median <"batch-$batch-2") $weights" | awk '{
      one = $1 * $2; two = $1 * $3
      printf "batch %d: a step of one process %.0f ms, of two %.0f ms, %.3f: %.0f ms more", $1, one, two, one / two, two - one
      if (two > one) printf ", %.1f GB/s", $4 / (two - one) / 1e6
      print "" }'
  done
fi
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
