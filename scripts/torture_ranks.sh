#!/bin/bash
# Kills or stops one of several processes that train together, and checks that the others end within the deadline with
# an exit code that is not 0, that no process stays, that every complete checkpoint loads, and that the run, resumed,
# ends as one that nobody disturbed. Every third trial strikes while a checkpoint is being written.
#   scripts/torture_ranks.sh BUILD       exit code 77 where there is no MPI
#   RANK_TRIALS    how many (default 100)
#   RANK_SEED      of the choices (default 1)
#   RANK_DEADLINE  in seconds (default 10): long enough for a busy machine
# The last line of what it prints is the result.
set -u
build=$(cd "${1:?usage: scripts/torture_ranks.sh BUILD}" && pwd)
trials=${RANK_TRIALS:-100}
RANDOM=${RANK_SEED:-1}
deadline=${RANK_DEADLINE:-10} # --comm-timeout; a process that is killed, mpirun sees at once
command -v mpirun >/dev/null || { echo "ranks: skipped: no mpirun (apt-get install openmpi-bin)"; exit 77; }
test -e "$build/libddim_mpi.so" || { echo "ranks: skipped: built without MPI"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export DDIM_THREADS=1 OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

mkdir "$folder/data"
{ printf '\0\0\10\3\0\0\0\12\0\0\0\10\0\0\0\10' && seq 1 1000 | head -c 640; } >"$folder/data/train-images-idx3-ubyte"
cat >"$folder/tiny.toml" <<'END'
[model]
channels = 1
block_out_channels = [8, 16]
layers_per_block = 1
attention_levels = [1]
norm_num_groups = 4
dropout = 0.1
[data]
resolution = 8
[training]
batch = 8
shards = 8
steps = 60
seed = 11
[output]
name = "tiny"
checkpoint_every_steps = 2
tensorboard = false
END
train() { # RUN RANKS [FLAGS ...]
  local run=$1 ranks=$2
  shift 2
  if test -e "$run/config.toml"; then set -- --resume "$run" "$@"; else
    rm -rf "$run"
    set -- "$folder/tiny.toml" --data "$folder/data" --out "$run" "$@"
  fi
  exec mpirun -n "$ranks" "$build/ddim" train "$@" --quiet --comm-timeout $deadline
}
ddims_of() { # processes that train in a folder
  pgrep -f -- "^$build/ddim train .*$1" || true
}
digest() { sha256sum <"$1/checkpoints/step-00000060/state.safetensors"; }

(train "$folder/whole" 2) >"$folder/log" 2>&1 || { cat "$folder/log"; echo "ranks: FAILED: no run without a fault"; exit 1; }
expected=$(digest "$folder/whole")

failures=0
in_saves=0
longest=0
hung=0
fail() {
  echo "trial $trial: $*"
  failures=$((failures + 1))
}
for ((trial = 1; trial <= trials; ++trial)); do
  run=$folder/run-$trial
  ranks=$((2 + RANDOM % 3))
  signal=$((RANDOM % 2)) && [ $signal = 0 ] && signal=KILL || signal=STOP
  (train "$run" $ranks) >"$folder/log" 2>&1 &
  launcher=$!
  victim=""
  while kill -0 $launcher 2>/dev/null; do
    mapfile -t processes < <(ddims_of "$run")
    [ ${#processes[@]} -lt $ranks ] || { victim=${processes[$((RANDOM % ranks))]}; break; }
  done
  if ((trial % 3 == 0)); then # in a save: its folder has its first name
    while kill -0 $launcher 2>/dev/null; do
      compgen -G "$run/checkpoints/*.tmp-*" >/dev/null && { in_saves=$((in_saves + 1)); break; }
    done
  else
    sleep 0.$((RANDOM % 10))$((RANDOM % 10))
  fi
  [ -z "$victim" ] || kill -$signal "$victim" 2>/dev/null || victim=""
  begin=$(date +%s%N)
  # The launcher's own patience with processes that do not end comes on top of the deadline. When all have ended, Open MPI 4's
  # may wait for ever for a lock of its own.
  for ((wait = 0; wait < (deadline + 27) * 10; ++wait)); do
    kill -0 $launcher 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 $launcher 2>/dev/null; then
    left=$(ddims_of "$run")
    if [ -z "$left" ]; then
      hung=$((hung + 1))
    elif [ $signal = STOP ] && [ "$left" = "$victim" ] && test -e "$run/checkpoints/step-00000060"; then
      kill -KILL "$victim" # stopped when all was done: the others have left, and only the launcher waits for it
    else
      fail "$signal of one of $ranks: not all have ended after $((deadline + 27)) s:" \
        "$(ps -o pid,ppid,stat,wchan,etimes,args -p $launcher,"$(echo "$left" | paste -sd,)"; tail -20 "$folder/log")"
    fi
    begin=$(date +%s%N)
    kill -KILL $launcher
  fi
  wait $launcher
  code=$?
  took=$((($(date +%s%N) - begin) / 1000000))
  [ $took -le $longest ] || longest=$took
  if [ -n "$victim" ]; then
    if [ $code = 0 ] && ! test -e "$run/checkpoints/step-00000060"; then fail "$signal of one of $ranks: exit code 0"; fi
  fi
  # Where the launcher crashed, they see that by themselves, within the deadline.
  for ((wait = 0; wait < deadline * 10; ++wait)); do
    left=$(ddims_of "$run")
    [ -n "$left" ] || break
    sleep 0.1
  done
  [ -z "$left" ] || { fail "$signal of one of $ranks: processes stay: $left"; kill -KILL $left; }
  (train "$run" $((1 + RANDOM % 4))) >"$folder/log" 2>&1 || fail "$signal of one of $ranks: cannot be resumed: $(tail -20 "$folder/log")"
  [ "$(digest "$run" 2>/dev/null)" = "$expected" ] || fail "$signal of one of $ranks: another result"
  rm -rf "$run"
done
result="$trials trials of a process killed or stopped, $in_saves of them in a save: $failures failures; the others ended within $longest ms"
[ $hung = 0 ] || result+="; $hung times the launcher itself did not end when all others had"
[ $failures = 0 ] || { echo "ranks: FAILED: $result"; exit 1; }
echo "ranks: $result"
