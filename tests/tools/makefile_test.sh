#!/bin/sh
# The commands of the Makefile keep together the names of a project's folder and of a build folder that have blanks.
#   makefile_test.sh MAKEFILE
set -eu
makefile=$(realpath "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/two words"
cd "$root/two words"
make -n -f "$makefile" BUILD="own build" build demo test bench docs install deb wheel uninstall clean >"$root/commands"
grep -q '"[^"]*two words[^"]*"' "$root/commands"
split=$(sed 's/"[^"]*"//g' "$root/commands" | grep 'two words\|own build' | grep -v '^make' || true)
[ -z "$split" ] || { echo "the shell would split: $split"; exit 1; }
