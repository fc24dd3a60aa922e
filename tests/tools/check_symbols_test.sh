#!/bin/sh
# The comparison of a shared library with its list of symbols names what is gone and what is new, and says what to do.
#   check_symbols_test.sh SOURCE_FOLDER CXX
set -eu
source=$1 cxx=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/tools" "$root/cmake"
cp "$source/tools/check_symbols.sh" "$root/tools/"

# library LINE ...: a library of these lines
library() {
  printf 'namespace ddim { %s }\n' "$*" >"$root/library.cpp"
  "$cxx" -shared -fPIC "$root/library.cpp" -o "$root/library.so"
}
check() { "$root/tools/check_symbols.sh" "$root/library.so" "$@"; }
refuses() {
  if message=$(check); then echo "accepted a library that is not the listed one"; exit 1; fi
  for words in "$@"; do
    case "$message" in *"$words"*) ;; *) echo "no \"$words\" in: $message"; exit 1 ;; esac
  done
}

library 'int draw(int) { return 1; } template <class T> T twice(T x) { return x + x; } int y = twice(2);'
check --write
check
library 'int draw(int) { return 1; } int y = 4;' # which function of a header is there depends on the compiler
check
library 'int draw(long) { return 1; } int y = 4;'
refuses 'no longer offers' '  ddim::draw(int)' 'must have another minor number' '  ddim::draw(long)' '--write'
library 'int draw(int) { return 1; } int y = 4; int more() { return 1; }'
refuses '  ddim::more()' '--write'
