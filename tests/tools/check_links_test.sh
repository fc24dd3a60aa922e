#!/bin/sh
# The link check accepts links that lead somewhere, and refuses the others, naming file and line.
set -eu
check=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/docs"
printf '# Two words: `tau`, `eta`\n' >"$root/docs/other.md"
printf '```sh\n# no heading\n```\n' >>"$root/docs/other.md"
: >"$root/docs/picture.png"

# try LINE: the check's output for a page whose second line is LINE.
try() {
  printf '# Page\n%s\n' "$1" >"$root/docs/page.md"
  "$check" "$root"
}
accepts() {
  try "$1" || { echo "refused: $1"; exit 1; }
}
refuses() {
  if message=$(try "$1"); then echo "accepted: $1"; exit 1; fi
  case "$message" in
    "docs/page.md:2: "*"$2"*) ;;
    *) echo "poor message for $1: $message"; exit 1 ;;
  esac
}

accepts 'no link'
accepts '[a](other.md), [b](../docs/other.md), [c](../docs), [d](other.md "title")'
accepts '[a](#page), [b](other.md#two-words-tau-eta)'
accepts '![a](picture.png) <img src="picture.png" width="8">'
accepts '[a](https://example.org/none.md) [b](mailto:a@example.org)'
accepts '`[a](none.md)`'

refuses '[a](none.md)' 'none.md'
refuses '[a](other.md) and [b](none.md)' 'none.md'
refuses '![a](none.png)' 'none.png'
refuses '<img src="none.png">' 'none.png'
refuses '[a](other.md#none)' 'other.md#none'
refuses '[a](other.md#no-heading)' 'other.md#no-heading'
refuses '[a](#none)' '#none'
refuses '[a](docs/other.md)' 'docs/other.md'
