#!/bin/sh
# Writes the reference of the public headers, by Doxygen, to FOLDER. What it warns of is an error, but for what has a name
# that says all: fields, comparisons, and the tables of names.
#   scripts/api_reference.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
found=$({ cat docs/Doxyfile; printf 'OUTPUT_DIRECTORY = "%s"\nHTML_OUTPUT = .\n' "$1"; } | doxygen - 2>&1 |
  grep -v -e '^$' -e 'Member .* (variable) of .* is not documented' -e 'Member operator==.*is not documented' \
    -e 'ddim::Names<.*is not documented') || true
if [ -n "$found" ]; then
  echo "$found" >&2
  echo "api_reference: mend the comments in include/ddim" >&2
  exit 1
fi
test -s "$1/index.html"
