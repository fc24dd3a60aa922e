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

"$build/examples/join_pictures" "$root/two.png" "$root/grid.png" "$root/grid.png"
test -s "$root/two.png"

"$build/examples/watch_sampling" "$root/model" 600 | grep -q '^mean brightness'
status=0
"$build/examples/watch_sampling" "$root/model" 0 >/dev/null 2>&1 || status=$?
test "$status" = 130

status=0
message=$("$build/examples/draw_pictures" "$root/nothing" "$root/no.png" 2>&1) || status=$?
test "$status" = 1
case "$message" in *"$root/nothing"*) ;; *) echo "poor message: $message"; exit 1 ;; esac
test ! -e "$root/no.png"
