#!/bin/sh
# The examples do what their first lines say.
#   examples_test.sh BUILD_FOLDER      (from the root of the project)
set -eu
build=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

"$build/ddim" convert tests/golden/micro "$root/model" >/dev/null
"$build/examples/draw_pictures" "$root/model" "$root/grid.png"
"$build/ddim" info "$root/grid.png" | grep -q '^count *16$'

if [ -x "$build/examples/draw_pictures_c" ]; then
  "$build/examples/draw_pictures_c" "$root/model" "$root/c.png" 2>/dev/null
  test -s "$root/c.png"
fi

"$build/examples/join_pictures" "$root/two.png" "$root/grid.png" "$root/grid.png"
"$build/examples/join_pictures" "$root/four.png" --columns 2 "$root/grid.png" "$root/grid.png" "$root/grid.png"
if "$build/examples/join_pictures" "$root/no.png" "$root/grid.png" "$root/two.png" 2>"$root/message"; then
  echo "joined pictures of two sizes"
  exit 1
fi
grep -q "size" "$root/message" || { cat "$root/message"; exit 1; }
test -s "$root/two.png"

"$build/examples/watch_sampling" "$root/model" 600 | grep -q '^mean brightness'
status=0
"$build/examples/watch_sampling" "$root/model" 0 >/dev/null 2>&1 || status=$?
test "$status" = 130

"$build/examples/custom_denoiser" >"$root/statistics.txt"
grep -q '^ddim: mean 0\.2' "$root/statistics.txt"
grep -q '^dpmpp-2m: mean 0\.2.*standard deviation 0\.[45]' "$root/statistics.txt"

"$build/examples/encode_and_interpolate" "$root/model" docs/pictures/shirt.png \
  docs/pictures/boot.png "$root/line.png"
"$build/ddim" info "$root/line.png" | grep -q '^columns *5$'

"$build/examples/train_model" docs/pictures "$root/run" | grep -q '^step 5 of 5: loss [0-9]'
test -s "$root/run/config.toml"

status=0
message=$("$build/examples/draw_pictures" "$root/nothing" "$root/no.png" 2>&1) || status=$?
test "$status" = 1
case "$message" in *"$root/nothing"*) ;; *) echo "poor message: $message"; exit 1 ;; esac
test ! -e "$root/no.png"
