#!/bin/sh
# Compares the functions that libddim.so offers with those that cmake/libddim.symbols lists, and says what is to be done
# about a difference. Exits 1 if there is any. (Names as the compiler writes them. What headers hold in full, which each
# compiler offers or not as it likes, is left out.)
#   tools/check_symbols.sh LIBRARY [--write]      --write: makes the list anew
set -eu
library=$1
list=$(dirname "$0")/../cmake/libddim.symbols

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
offered=$folder/offered sorted=$folder/listed
# T: code; D, B, R: data; V: types that can be thrown.
nm -D --defined-only "$library" | awk '$2 ~ /^[TDBR]$/ || $3 ~ /^_ZT[ISV]N4ddim/ { print $3 }' | LC_ALL=C sort >"$offered"
if [ "${2:-}" = --write ]; then
  cp "$offered" "$list"
  exit 0
fi

LC_ALL=C sort "$list" >"$sorted"
gone=$(LC_ALL=C comm -13 "$offered" "$sorted" | c++filt)
new=$(LC_ALL=C comm -23 "$offered" "$sorted" | c++filt)
[ -z "$gone$new" ] && exit 0
if [ -n "$gone" ]; then
  echo "libddim.so no longer offers:"
  echo "$gone" | sed 's/^/  /'
  echo "Programs that were linked with an older libddim.so no longer start: the next version must have another minor number"
  echo "(docs/library.md, \"Versions\")."
fi
if [ -n "$new" ]; then
  echo "libddim.so offers, beyond cmake/libddim.symbols:"
  echo "$new" | sed 's/^/  /'
fi
echo "If that is meant: tools/check_symbols.sh $library --write"
exit 1
