#!/bin/bash
# Several processes train and draw together, started by mpirun or joining on their own: the files that they write are
# those of one process, also when the number changes at a resume; what is wrong is said once, and ends all.
#   ranks_test.sh BUILD      exit code 77, with the reason, where there is no MPI
set -eu
build=$1
program=$build/ddim
extractor=$(cd "$(dirname "$0")/../.." && pwd)/models/features/resnet56-cifar10
if command -v ldd >/dev/null && ldd "$program" | grep -i mpi; then echo "the program needs MPI"; exit 1; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*"; test ! -s "$folder/err" || tail -20 "$folder/err"; exit 1; }
expect() { grep -q -e "$1" "$folder/err" || fail "expected: $1"; }

# Without the library, several processes of a launcher are refused, and told apart from one by itself.
cd "$folder"
export OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0
! DDIM_MPI_LIBRARY=$folder/none.so "$program" train a.toml --data a --out b 2>err || fail "two processes without MPI"
expect "mpirun started 2 processes that are to work together, but libddim_mpi.so"
! "$program" plan --steps 2 2>err >out || fail "a command of one process started twice"
expect "ddim plan is the work of one process, but a launcher started 2"
DDIM_MPI_LIBRARY=none "$program" plan --steps 2 >out 2>err || fail "DDIM_MPI_LIBRARY=none"
OMPI_COMM_WORLD_SIZE=1 "$program" plan --steps 2 >out 2>err || fail "mpirun -n 1"
! OMPI_COMM_WORLD_RANK=first "$program" plan --steps 2 2>err || fail "a rank that is no number"
expect "OMPI_COMM_WORLD_RANK=first"
unset OMPI_COMM_WORLD_SIZE OMPI_COMM_WORLD_RANK
# In the batch script itself, which Slurm gives these variables, a process is by itself.
SLURM_PROCID=0 SLURM_NTASKS=4 "$program" plan --steps 2 >out 2>err || fail "a batch script of Slurm"
! SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4 "$program" plan --steps 2 2>err || fail "four tasks of srun"

export DDIM_THREADS=1
mkdir data
{ printf '\0\0\10\3\0\0\0\12\0\0\0\10\0\0\0\10' && seq 1 1000 | head -c 640; } >data/train-images-idx3-ubyte
cat >tiny.toml <<'END'
[model]
channels = 1
block_out_channels = [8, 16]
layers_per_block = 1
attention_levels = [1]
norm_num_groups = 4
dropout = 0.1
[data]
resolution = 8
flip = true
validation = 0.2
[training]
batch = 6
shards = 3
accumulate = 2
steps = 30
clip_norm = 0.5
learning_rate = 1e-3
ema_decay = 0.9
seed = 11
[output]
name = "tiny"
checkpoint_every_steps = 10
log_every_steps = 10
sample_every_steps = 15
sample_count = 2
sample_steps = 2
tensorboard = false
END
"$program" train tiny.toml --data data --out one --quiet >out
model=one/checkpoints/step-00000030

# Processes that join and die draw what one draws.
drawing=(sample --model $model --steps 100 --count 40 --seed 5 --quiet)
draw() { # FLAGS ...
  "$program" "${drawing[@]}" "$@"
}
start_and_claim() { # starts a process that joins, and waits until it has claimed a block
  rm -rf joined.npz.blocks
  # Not by the function: the process would be a shell, and the program its child, which goes on.
  "$program" "${drawing[@]}" --join --out joined.npz >out-joined 2>err-joined &
  process=$!
  until compgen -G 'joined.npz.blocks/*.claim' >claims; do kill -0 $process || fail "ended by itself"; done
}
draw --out one.npz --save-tensors one.safetensors >out
draw --out one.png >out
: >joined.npz.partial # whoever puts the pictures together has a log of its own
start_and_claim
kill -KILL $process
draw --join --out joined.npz >out 2>err || fail "the block of a process that was killed"
rm joined.npz.partial
cmp one.npz joined.npz || fail "other pictures after a process was killed"
draw --join --out joined.npz >out 2>err || fail "joining when all is done"
grep -q "all of which were there already" out || fail "drawn again"
! draw --join --out joined.npz --clip rederive-eps 2>err || fail "joining with other options"
expect "joined.npz.blocks: is of a run with other options: clip"
draw --out joined.npz --first-image 1 --overwrite >out
! draw --join --out joined.npz 2>err || fail "joining what was replaced"
expect "joined.npz.blocks says that all is done, but joined.npz was replaced or changed since; remove that folder"
rm joined.npz
! draw --join --out joined.npz 2>err || fail "joining what is gone"
expect "joined.npz.blocks says that all is done, but joined.npz is not there; remove that folder"
start_and_claim
kill -STOP $process
draw --join --out joined.npz --comm-timeout 1 >out 2>err || fail "the block of a process that was stopped"
cmp one.npz joined.npz || fail "other pictures after a process was stopped"
kill -CONT $process
wait $process || fail "a process that went on later"
cmp one.npz joined.npz || fail "changed by a process that went on later"
for each in 1 2 3; do draw --join --out three.png >out-$each 2>err & done
wait
cmp one.png three.png || fail "other pictures by three who joined"

# Comparing sets and the report: features and cells are those of one process. The folder may be gone on with.
cp data/train-images-idx3-ubyte data/t10k-images-idx3-ubyte
comparing=(evaluate data --model $model --count 40 --steps 100 --resize --extractor "$extractor" --shrink --quiet)
reporting=(reproduce --data data --model $model --count 4 --steps 1,2 --tau linear --extractor "$extractor" --quiet)
cells() { (cd "$1/cells" && grep -v -e seconds -e device -- *.txt && sha256sum ../pictures/*); } # what does not tell who made it
"$program" "${comparing[@]}" >one-compared || fail "comparing"
"$program" "${reporting[@]}" --out one-report >out || fail "a report"
"$program" "${comparing[@]}" --features features --join >out-joined 2>&1 &
process=$!
until compgen -G 'features/*.blocks/*.claim' >claims; do kill -0 $process || fail "ended by itself"; done
kill -KILL $process
"$program" "${comparing[@]}" --features features --join >out-1 2>err &
process=$!
"$program" "${comparing[@]}" --features features --join >out 2>err || fail "comparing together"
wait $process || fail "comparing together"
cmp one-compared out && cmp one-compared out-1 || fail "other figures by two who joined"
! "$program" "${comparing[@]}" --join 2>err || fail "joining without a folder"
expect "--join needs --features"
"$program" "${reporting[@]}" --out report --join >out-joined 2>&1 &
process=$!
until compgen -G 'report/unfinished/*.blocks/*.claim' >claims; do kill -0 $process || fail "ended by itself"; done
kill -KILL $process
"$program" "${reporting[@]}" --out report --join >out-1 2>err &
process=$!
"$program" "${reporting[@]}" --out report --join >out 2>err || fail "a report together"
wait $process || fail "a report together"
[ "$(cells one-report)" = "$(cells report)" ] || fail "another report by two who joined"
"$program" "${reporting[@]}" --out report --join >out 2>err || fail "joining a report that is finished"
rm "$(compgen -G 'report/cells/*.txt' | head -n 1)"
! "$program" "${reporting[@]}" --out report --join 2>err || fail "joining a report of which a cell is gone"
expect "parts.blocks says that all is done, but cell"

command -v mpirun >/dev/null || { echo "no mpirun here (apt-get install openmpi-bin): the rest is not tested"; exit 77; }
test -e "$build/libddim_mpi.so" || { echo "built without MPI: the rest is not tested"; exit 77; }
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks() { # NUMBER ARGUMENTS ...
  local number=$1
  shift
  mpirun -n "$number" "$program" "$@" >out 2>err
}
whole() { # what a run leaves, without times
  (cd "$1" && sha256sum checkpoints/step-00000030/* checkpoints/step-00000030/*/* samples/* loss.svg 2>/dev/null |
    grep -v loss.svg && cut -d, -f1-5,9- metrics.csv)
}
for number in 2 3; do
  ranks $number train tiny.toml --data data --out run-$number || fail "$number ranks"
  [ "$(grep -c '^saved' err)" = 3 ] || fail "not only the first of $number ranks prints"
  [ "$(whole one)" = "$(whole run-$number)" ] || fail "$number ranks compute something else than one"
done
# Parameters of several blocks, which ranks own slices of, by more ranks.
sed 's/\[8, 16\]/[8, 48]/; s/^batch = .*/batch = 4/; s/^shards = .*/shards = 4/; s/^steps = .*/steps = 3/; /^sample_every/d' tiny.toml >wide.toml
"$program" train wide.toml --data data --out wide --quiet >out
for number in 5 8; do
  ranks $number train wide.toml --data data --out wide-$number --quiet || fail "$number ranks"
  cmp wide/checkpoints/step-00000003/state.safetensors wide-$number/checkpoints/step-00000003/state.safetensors ||
    fail "$number ranks compute something else than one"
done
# By MPI's own sum: nearly the same losses.
sed 's/^shards = 3/shards = 3\nreduce = "fast"/' tiny.toml >fast.toml
ranks 3 train fast.toml --data data --out fast --quiet || fail "3 ranks, fast"
paste -d, one/metrics.csv fast/metrics.csv | awk -F, 'NR > 1 { d = $3 - $14; if (d < 0) d = -d; if (!(d < 1e-4 * $3)) exit 1; ++n }
  END { exit n != 3 }' || fail "other losses by the fast sum: $(cat fast/metrics.csv)"
ranks 3 train tiny.toml --data data --out resumed --quiet --max-steps 7 || fail "3 ranks, 7 steps"
ranks 2 train --resume resumed --quiet --max-steps 18 --log-all-ranks || fail "2 ranks go on"
"$program" train --resume resumed --quiet >out || fail "one process goes on"
[ "$(sha256sum <one/checkpoints/step-00000030/state.safetensors)" = \
  "$(sha256sum <resumed/checkpoints/step-00000030/state.safetensors)" ] || fail "another number of ranks after a resume"
for number in 2 3; do
  ranks $number sample --model $model --steps 100 --count 40 --seed 5 --quiet --out r$number.npz \
    --save-tensors r$number.safetensors || fail "$number ranks draw"
  cmp one.npz r$number.npz && cmp one.safetensors r$number.safetensors || fail "$number ranks draw something else"
  test ! -e r$number.npz.blocks || fail "blocks stay"
  ranks $number sample --model one --count 2 --steps 1 --out said-$number.png || fail "$number ranks draw two"
  # Open MPI says things of its own, behind "[host]".
  [ "$(grep -v '^\[' err | grep -c .)" -le 5 ] && [ "$(grep -c "^model: " err)" = 1 ] || fail "more than one of $number ranks speaks"
done
ranks 3 "${comparing[@]}" && cmp one-compared out || fail "3 ranks compare something else"
ranks 2 "${comparing[@]}" --features features-2 && cmp one-compared out || fail "2 ranks compare something else"
"$program" "${comparing[@]}" --features features-2 >out && cmp one-compared out || fail "the features of ranks"
! ranks 2 evaluate --eps-error --model $model --data data || fail "eps errors by ranks"
expect "--eps-error is the work of one process, but a launcher started 2"
ranks 2 "${reporting[@]}" --out report-2 || fail "a report by 2 ranks"
[ "$(cells one-report)" = "$(cells report-2)" ] || fail "another report by 2 ranks"
test ! -e report-2/unfinished || fail "blocks of the report stay"
! ranks 2 sample --model $model --count 2 --out r2.npz || fail "replaced a file"
[ "$(grep -c "r2.npz" err)" = 1 ] || fail "said more than once"

# Beside processes that were started together, which remove their blocks at the end, one that joins is done when they are.
beside() { # PATTERN ARGUMENTS ...: who joins does so once there is such a file
  local pattern=$1
  shift
  mpirun -n 2 "$program" "$@" >out-ranks 2>err &
  process=$!
  until compgen -G "$pattern" >claims; do kill -0 $process || fail "ended by itself"; done
  "$program" "$@" --join >out 2>err-joined || { cp err-joined err; fail "joining ranks"; }
  wait $process || fail "ranks beside one that joined"
}
drawing_long=(sample --model $model --steps 100 --count 200 --seed 5 --quiet)
"$program" "${drawing_long[@]}" --out long.npz >out
beside 'beside.npz.blocks/*.claim' "${drawing_long[@]}" --out beside.npz
cmp long.npz beside.npz || fail "other pictures by ranks and one that joined"
test ! -e beside.npz.blocks || fail "blocks stay"
beside 'features-b/*.blocks/*.claim' "${comparing[@]}" --features features-b
cmp one-compared out && cmp one-compared out-ranks || fail "other figures by ranks and one that joined"
beside 'report-b/unfinished/*.blocks/*.claim' "${reporting[@]}" --out report-b
[ "$(cells one-report)" = "$(cells report-b)" ] || fail "another report by ranks and one that joined"

# Pictures that are there are replaced on request; blocks that are done are not called stopped.
draw --out one-folder >out
draw --out folder --eta 1 >out
! ranks 2 "${drawing[@]}" --out folder || fail "replaced pictures"
expect "folder/000000.png: was drawn with other options: eta is 1 there and 0 here"
ranks 2 "${drawing[@]}" --out folder --overwrite || fail "ranks replace pictures"
diff -r one-folder folder || fail "2 ranks replace pictures by others"
draw --out done.npz --join >out
rm done.npz
! ranks 2 "${drawing[@]}" --out done.npz || fail "ranks beside blocks that are done"
expect "done.npz.blocks says that all is done, by processes that joined; remove the folder to begin again"

! ranks 7 train tiny.toml --data data --out many || fail "more ranks than shards"
expect "7 ranks, but the gradient of a step has 6 parts"
[ "$(grep -c '7 ranks, but' err)" = 1 ] || fail "said more than once"
! ranks 2 train tiny.toml --data data --out many --device reference || fail "ranks on another device than a CPU"
expect "2 processes train together on CPUs only; with --device reference, start one"
test ! -e many || fail "a folder without a run"

# What must be the same for all ranks and is not is said, by one of them.
two() { # the commands `first` of rank 0 and `second` of rank 1, each in a folder of its own
  mkdir -p here there
  # Not by "mpirun ... : ...", at which Open MPI 5.0.7 of Debian 13 crashes.
  {
    printf 'case $OMPI_COMM_WORLD_RANK in\n0) cd here && exec'
    printf ' %q' "$program" "${first[@]}"
    printf ' ;;\n1) cd there && exec'
    printf ' %q' "$program" "${second[@]}"
    printf ' ;;\nesac\n'
  } >each.sh
  mpirun -n 2 bash each.sh >out 2>err
}
first=(sample --model "$folder/$model" --steps 2 --count 20 --out apart.npz --quiet)
second=("${first[@]}")
! two || fail "ranks that see two folders"
expect "apart.npz: rank 1 sees another folder there than rank 0; name one that all machines see"
[ "$(grep -c 'apart.npz: rank 1' err)" = 1 ] || fail "said more than once"
[ -z "$(ls here there | grep -v :)" ] || fail "left behind by ranks that see two folders"
first=(evaluate "$folder/data" --model "$folder/$model" --count 40 --steps 2 --resize --extractor "$extractor" --shrink --quiet)
second=("${first[@]/40/41}")
! two || fail "ranks that compare other pictures"
expect "features: rank 1 has other pictures, another network or other instructions than rank 0"
for each in here there; do
  mkdir $each/held
  { printf '\0\0\10\3\0\0\0\12\0\0\0\10\0\0\0\10' && seq ${#each} 1000 | head -c 640; } >$each/held/t10k-images-idx3-ubyte
done
sed 's|^validation = .*|validation = "/proc/self/cwd/held"|' tiny.toml >held.toml
first=(train "$folder/held.toml" --data "$folder/data" --out "$folder/apart")
second=("${first[@]}")
! two || fail "ranks that hold out other pictures"
expect "train: rank 1 has other held-out pictures than rank 0"

# What goes wrong in the numbers goes wrong in all ranks: the first says it, after the checkpoint that it may be writing.
sed 's/^learning_rate = .*/learning_rate = 1e6\nloss = "sum"\ndecay = "constant"\nwarmup_steps = 0/; s/^clip_norm = .*/clip_norm = 0/; s/^checkpoint_every.*/checkpoint_every_steps = 1/' tiny.toml >wild.toml
code=0
ranks 2 train wild.toml --data data --out wild || code=$?
[ $code = 3 ] && [ "$(grep -c '10 steps in a row were not finite' err)" = 1 ] || fail "NaN in all ranks: code $code"
(cd wild/checkpoints && ! compgen -G '*.tmp-*') || fail "a checkpoint was cut short"

# A signal that reaches one rank saves once and ends all, with code 0.
sed -i 's/^steps = 30/steps = 100000/' tiny.toml
mpirun -n 2 "$program" train tiny.toml --data data --out stopped >out 2>err &
launcher=$!
until test -e stopped/checkpoints/step-00000010; do kill -0 $launcher || fail "ended by itself"; sleep 0.05; done
kill -USR1 "$(pgrep -f -n -- "^$program train .*--out stopped")"
wait $launcher || fail "a signal to one rank: code $?"
grep -q "^interrupted after step" out || fail "not interrupted"
test -z "$(pgrep -f -- "^$program train .*--out stopped")" || fail "a process stays"
# Ctrl-C reaches all, and the first says how to go on.
mpirun -n 2 "$program" train --resume stopped >out 2>err &
launcher=$!
until grep -q '^resume: from' err && compgen -G 'stopped/checkpoints/*.tmp-*' >claims; do kill -0 $launcher || fail "ended by itself"; done
kill -INT $(pgrep -f -- "^$program train --resume stopped")
code=0
wait $launcher || code=$?
[ $code = 130 ] || fail "Ctrl-C: code $code"
[ "$(grep -c '^ddim: saved; to continue: ddim train --resume stopped' err)" = 1 ] || fail "Ctrl-C: not said once"
