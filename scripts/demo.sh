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
  echo "\$ $build/ddim sample --model $model --steps $steps --count 64 --seed 1 --out demo/fashion-$steps.png"
  "$build/ddim" sample --model "$model" --steps "$steps" --count 64 --seed 1 \
    --out "demo/fashion-$steps.png" --overwrite
done
"$build/examples/join_pictures" demo/demo.png demo/fashion-10.png demo/fashion-20.png demo/fashion-50.png
echo
echo "Look at demo/demo.png: 64 pictures in 10 steps (left), 20 (middle) and 50 (right)."
echo
echo "Next, let this shell find the program, and draw pictures of your own:"
echo "  export PATH=\"\$PWD/$build:\$PATH\""
echo "  ddim sample --model $model --seed 7 --out mine.png"
echo "  ddim interpolate 3 24 --model $model --out line.png"
echo "  ddim help"
