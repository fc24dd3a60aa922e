#!/bin/sh
# Does Winograd's algorithm or bf16 change what training comes to? Trains one small network from one seed with direct convolutions,
# with Winograd's and in bf16, and once more from another seed, which says how far apart runs are that differ in nothing that matters.
# Draws the four loss curves (with gnuplot) and prints the mean loss of the last tenth of the steps.
#   bench/loss_curves.sh BUILD_FOLDER DATA OUTPUT_FOLDER [STEPS]
set -eu
program=$1/ddim
data=$2
out=$3
steps=${4:-2000}
last=$((steps / 10))
mkdir -p "$out"

config() { # precision seed
  cat <<CONFIG
[model]
channels = 1
block_out_channels = [32, 64, 128]
layers_per_block = 1
attention_levels = [1]
dropout = 0.0
[data]
resolution = 32
fit = "pad"
flip = false
[training]
batch = 16
shards = 4
steps = $steps
learning_rate = 5e-4
warmup_steps = 200
precision = "$1"
seed = $2
[output]
log_every_steps = 10
sample_every_steps = $steps
sample_count = 4
sample_steps = 10
checkpoint_every_steps = $steps
CONFIG
}

run() { # name, DDIM_CONV, precision, seed
  [ -f "$out/$1/metrics.csv" ] && return
  config "$3" "$4" > "$out/$1.toml"
  DDIM_CONV=$2 "$program" train "$out/$1.toml" --data "$data" --out "$out/$1" --quiet
}
run direct direct fp32 0
run winograd any fp32 0
run bf16 any bf16 0
run another_seed any fp32 1

for name in direct winograd bf16 another_seed; do
  awk -F, -v name="$name" -v from=$((steps - last)) '
    NR > 1 && $1 > from { n++; sum += $3; squares += $3 * $3 }
    END { mean = sum / n; printf "%-14s %.5f +- %.5f\n", name, mean, 1.96 * sqrt((squares / n - mean * mean) / (n - 1)) }
  ' "$out/$name/metrics.csv"
done | tee "$out/end_losses.txt"

gnuplot <<PLOT
set datafile separator ","
set terminal pngcairo size 900,500 background "white"
set output "$out/loss_curves.png"
set logscale y
set yrange [0.02:2]
set xlabel "step"
set ylabel "loss"
plot "$out/direct/metrics.csv" using 1:3 with lines lw 3 lc rgb "#bbbbbb" title "fp32, direct", \\
     "$out/winograd/metrics.csv" using 1:3 with lines lc rgb "#1f77b4" title "fp32, Winograd", \\
     "$out/bf16/metrics.csv" using 1:3 with lines lc rgb "#d62728" title "bf16", \\
     "$out/another_seed/metrics.csv" using 1:3 with lines dt 2 lc rgb "#2ca02c" title "fp32, another seed"
PLOT
