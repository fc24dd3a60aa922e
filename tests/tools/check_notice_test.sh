#!/bin/sh
# The check of NOTICE accepts what is drawn, what is ours and what is named, and refuses the others.
#   check_notice_test.sh SOURCE_FOLDER
set -eu
source=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/docs/serve" "$root/models/a"
cp "$source/models/cifar10/grid.png" "$root/models/a/drawn.png" # its recipe says so
: >"$root/docs/serve/draw.png" # ours
: >"$root/docs/boot.png"
: >"$root/docs/shirt.png"
printf 'Files: *\nLicense: Expat\n\nFiles: docs/boot.png\n docs/shirt.png\nCopyright: 2017 A\n B\nLicense: Expat\n' >"$root/NOTICE"

"$source/tools/check_notice.sh" "$root" || { echo "refused what is known"; exit 1; }
refuses() {
  if message=$("$source/tools/check_notice.sh" "$root"); then echo "accepted: $1"; exit 1; fi
  case "$message" in *"$1"*) ;; *) echo "poor message for $1: $message"; exit 1 ;; esac
}
rm "$root/docs/shirt.png"
refuses "NOTICE names docs/shirt.png, which is not there"
: >"$root/docs/shirt.png"
: >"$root/models/a/other.png"
refuses "models/a/other.png: whose it is is not known"
