#!/bin/sh
# Checks that every text in a heading of docs/troubleshooting.md is a text of the sources: pieces between … are looked up.
# Prints each that is not, and exits 1 if there is one. (Other programs' texts are listed below.)
#   tools/check_troubleshooting.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"
texts=$(mktemp)
trap 'rm -f "$texts"' EXIT

# All sources on one line, adjacent literals joined.
find src app bindings cmake -name '*.cpp' -o -name '*.py' -o -name '*.cmake' | sort | xargs cat | tr '\n' ' ' |
  sed 's/" *"//g; s/\\"/"/g' >"$texts"
# The system's, the loader's, Python's.
cat >>"$texts" <<'OTHERS'
No space left on device; error while loading shared libraries: libddim.so; ImportError: _core; No module named 'ddim._core'
OTHERS

# Pieces in backquotes: unless it is a flag or a key.
sed -n 's/^### //p' docs/troubleshooting.md | grep -o '`[^`]*`' | tr -d '`' | sed 's/…/\n/g' | sed 's/^ *//; s/ *$//' |
  grep -v '^.\{0,1\}$' | {
  status=0
  num=0
  while read -r piece; do
    num=$((num + 1))
    grep -qF -- "$piece" "$texts" || { echo "docs/troubleshooting.md: no message has the text: $piece"; status=1; }
  done
  [ $num -gt 0 ] || { echo "docs/troubleshooting.md: has no texts"; status=1; }
  exit $status
}
