#!/bin/sh
# Runs every command of docs/recipes.md, with few steps, and looks for what it should have made.
#   recipes_test.sh PROGRAM ROOT with-webp|without-webp
set -eu
program=$1
root=$2
webp=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ln -s "$root/models" models
ln -s "$root/docs" docs

# Lines of ```sh blocks; a line that ends in \ goes on in the next.
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/docs/recipes.md" |
  sed -e ':a' -e '/\\$/ { N; s/\\\n */ /; ta' -e '}' >commands
sed -i -E -e 's/--steps [0-9]+(,[0-9]+)+/--steps 2,3/' -e 's/--steps [0-9]+( |$)/--steps 3\1/' \
  -e 's/--count [0-9]+/--count 2/' -e 's/--frames [0-9]+/--frames 2/' -e 's/--reference [0-9]+/--reference 4/' commands
[ "$webp" = with-webp ] || sed -i -E 's/ --animation [^ ]+//' commands
[ "$(wc -l <commands)" -ge 12 ] || { echo "only $(wc -l <commands) commands in docs/recipes.md"; exit 1; }

while read -r name arguments; do
  [ "$name" = ddim ] || { echo "not a command of ddim: $name $arguments"; exit 1; }
  # shellcheck disable=SC2086 # words, as a shell would split them
  DDIM_MODEL=models/fashion-mnist "$program" $arguments --quiet </dev/null >output 2>&1 ||
    { echo "ddim $arguments"; cat output; exit 1; }
  for made in $(echo "$arguments" | grep -oE -- '--(out|animation|save-tensors) [^ ]+' | cut -d' ' -f2); do
    [ -s "$made" ] || { echo "ddim $arguments: made no $made"; exit 1; }
  done
done <commands

# Every picture of the page is there, and none is there that the page does not show or use.
for picture in $(grep -oE 'pictures/[a-z-]+\.(png|webp)' "$root/docs/recipes.md" | sort -u); do
  [ -s "$root/docs/$picture" ] || { echo "docs/recipes.md shows docs/$picture, which is not there"; exit 1; }
done
for file in "$root"/docs/pictures/*; do
  grep -q "pictures/$(basename "$file")" "$root/docs/recipes.md" || { echo "nobody shows $file"; exit 1; }
done
