#!/bin/sh
# Draws emoji and clothing in 10, 20 and 50 steps with the models that ship, from the same noise.
#   scripts/demo.sh BUILD_FOLDER      (called by make demo)
set -eu
build=$1
mkdir -p demo

echo
echo "Pictures by networks that ddim trained from scratch. The same noise is turned into 24 emoji in 10, 20 and"
echo "50 steps, and into 24 pieces of clothing: with DDIM (eta 0) what they show hardly depends on the number."
set --
for model in emoji fashion-mnist; do
  echo
  "$build/ddim" info "models/$model"
  for steps in 10 20 50; do
    out=demo/$model-$steps-steps.png
    echo
    echo "\$ $build/ddim sample --model models/$model --steps $steps --count 24 --columns 6 --scale 3 --seed 3 --out $out"
    "$build/ddim" sample --model "models/$model" --steps "$steps" --count 24 --columns 6 --scale 3 --seed 3 --out "$out" \
      --overwrite
    set -- "$@" "$out"
  done
done
"$build/examples/join_pictures" demo/demo.png --columns 3 "$@"
echo
echo "Look at demo/demo.png: emoji above, clothing below, in 10 steps (left), 20 (middle) and 50 (right)."
echo
echo "Next, let this shell find the program, and draw pictures of your own:"
echo "  export PATH=\"\$PWD/$build:\$PATH\""
echo "  ddim sample --model models/emoji --seed 7 --scale auto --out mine.png"
echo "  ddim interpolate 3 24 --model models/fashion-mnist --scale 3 --out line.png"
echo "  ddim serve --model models/emoji,models/fashion-mnist"
echo "  ddim help"
