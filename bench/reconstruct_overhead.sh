#!/bin/sh
# What `ddim reconstruct` takes beside its network calls: its time over that of as many calls as `ddim bench` times them,
# at batch 16, in turns.
#   bench/reconstruct_overhead.sh BUILD_FOLDER DATA [MODEL [ROUNDS]]
set -eu
program=$1/ddim
data=$2
model=${3:-models/fashion-mnist}
rounds=${4:-7}

# The number behind the first "NAME":.
number() { grep -oE "\"$1\":[0-9.e+-]+" | head -1 | cut -d: -f2; }

for round in $(seq "$rounds"); do
  call=$("$program" bench --model "$model" --batch 16 --json | number median_ms)
  row=$("$program" reconstruct --model "$model" --data "$data" --resize=pad --max-images 16 --batch 16 --steps 50 --json --quiet)
  echo "$call $(echo "$row" | number nfe) $(echo "$row" | number seconds)"
done |
  awk '{ printf "%.4f  of %s ms a call and image, %s calls, %s s for 16 images\n", 1000 * $3 / ($1 * 16 * $2), $1, $2, $3 }' |
  sort -n |
  awk '{ print; ratio[NR] = $1 } END { printf "median: %s\n", ratio[int((NR + 1) / 2)] }'
