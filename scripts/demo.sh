#!/bin/sh
# Draws 64 pictures of clothing in 10, 20 and 50 steps with the model that ships, from the same noise.
#   scripts/demo.sh BUILD_FOLDER      (called by make demo)
set -eu
build=$1
model=models/fashion-mnist
mkdir -p demo

echo
echo "64 pictures by a network that ddim trained from scratch. The same 64 noise images are turned into"
echo "clothing in 10, 20 and 50 steps: with DDIM (eta 0) what they show hardly depends on the number."
echo
"$build/ddim" info "$model"
for steps in 10 20 50; do
  echo
  echo "\$ $build/ddim sample --model $model --steps $steps --count 64 --seed 1 --scale 2 --out demo/$steps-steps.png"
  "$build/ddim" sample --model "$model" --steps "$steps" --count 64 --seed 1 --scale 2 \
    --out "demo/$steps-steps.png" --overwrite
done
"$build/examples/join_pictures" demo/demo.png demo/10-steps.png demo/20-steps.png demo/50-steps.png
echo
echo "Look at demo/demo.png: 64 pictures in 10 steps (left), 20 (middle) and 50 (right)."
echo
echo "Next, let this shell find the program, and draw pictures of your own:"
echo "  export PATH=\"\$PWD/$build:\$PATH\""
echo "  ddim sample --model $model --seed 7 --scale auto --out mine.png"
echo "  ddim interpolate 3 24 --model $model --scale 3 --out line.png"
echo "  ddim help"
