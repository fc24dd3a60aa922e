#!/bin/bash
# The module by which ddim uses MPI, built for MPICH from its one source file as docs/cluster.md says: two and three ranks of
# MPICH train and draw what one process does.
#   mpich_test.sh BUILD      exit code 77, with the reason, where there is no MPICH
set -eu
program=$1/ddim
source=$(cd "$(dirname "$0")/../.." && pwd)
for tool in mpicxx.mpich mpirun.mpich; do
  command -v $tool >/dev/null || { echo "no $tool here (apt-get install libmpich-dev mpich)"; exit 77; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*"; test ! -s err || tail -20 err; exit 1; }

mpicxx.mpich -std=c++20 -O2 -fPIC -shared -I "$source/src" "$source/src/comm/mpi_functions.cpp" -o libddim_mpi.so
export DDIM_THREADS=1
mkdir data
{ printf '\0\0\10\3\0\0\0\12\0\0\0\10\0\0\0\10' && seq 1 1000 | head -c 640; } >data/train-images-idx3-ubyte
cat >tiny.toml <<'CONFIG'
[model]
channels = 1
block_out_channels = [8, 16]
layers_per_block = 1
attention_levels = []
norm_num_groups = 4
[data]
resolution = 8
[training]
batch = 6
shards = 3
steps = 10
seed = 11
[output]
name = "tiny"
checkpoint_every_steps = 5
tensorboard = false
CONFIG
"$program" train tiny.toml --data data --out one --quiet >out
"$program" sample --model one --steps 10 --count 20 --out one.npz --quiet >out
export DDIM_MPI_LIBRARY=$folder/libddim_mpi.so
ranks() { # NUMBER ARGUMENTS ...
  local number=$1
  shift
  mpirun.mpich -n "$number" "$program" "$@" --quiet >out 2>err
}
for number in 2 3; do
  ranks $number train tiny.toml --data data --out run-$number || fail "$number ranks of MPICH do not train"
  cmp one/checkpoints/step-00000010/state.safetensors run-$number/checkpoints/step-00000010/state.safetensors ||
    fail "$number ranks of MPICH compute something else than one process"
done
sed 's/^shards = 3/shards = 3\nreduce = "fast"/' tiny.toml >fast.toml
ranks 2 train fast.toml --data data --out fast || fail "the fast sum"
ranks 2 sample --model one --steps 10 --count 20 --out two.npz || fail "2 ranks of MPICH do not draw"
cmp one.npz two.npz || fail "2 ranks of MPICH draw something else than one process"
# A rank that fails ends the others, with its exit code.
code=0
ranks 4 train tiny.toml --data data --out many || code=$?
[ $code = 1 ] && grep -q "4 ranks, but the gradient of a step has 3 parts" err || fail "more ranks than shards: code $code"
# Started by the other MPI's launcher, nothing begins: each process would be a rank by itself.
if command -v mpirun.openmpi >/dev/null; then
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  ! mpirun.openmpi -n 2 "$program" train tiny.toml --data data --out mixed >out 2>err || fail "MPICH under Open MPI's launcher"
  grep -q "started 2 processes, but MPI .*MPICH.* sees 1" err || fail "MPICH under Open MPI's launcher: not said"
fi
