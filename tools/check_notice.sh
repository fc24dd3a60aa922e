#!/bin/sh
# Checks that every picture among what is installed is known to be ours or somebody else's: it was drawn from noise alone, as
# the recipe in it says, or NOTICE names it, or it is one of those below. Prints each other one, and each name in NOTICE that
# no file has; exits 1 if there is one.
#   tools/check_notice.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"

# Charts, screenshots, and drawn pictures whose file has no recipe.
ours() {
  cat <<'FILES'
docs/loss-curves.png
docs/pictures/consistency.png
docs/pictures/grid.png
docs/pictures/line.png
docs/pictures/line.webp
docs/pictures/right-half.png
docs/pictures/sweep.png
docs/reproduction/four-pictures.png
docs/reproduction/on-the-way.png
docs/reproduction/same-noise.png
docs/serve/draw.png
docs/serve/phone.png
models/cifar10/loss.svg
models/emoji/grid.png
models/emoji/loss.svg
models/fashion-mnist/grid.png
models/fashion-mnist/loss.png
FILES
}

# What NOTICE says of some files, not of all.
in_notice() {
  awk '/^Files: / { is_files = 1; sub(/^Files: */, "") }
       /^[A-Z]/ && !/^Files/ && NF && $1 ~ /:$/ { is_files = 0 }
       !NF { is_files = 0 }
       is_files && $1 != "*" { print $1 }' NOTICE
}

is_drawn() {
  LC_ALL=C grep -qaP 'x_T\x00drawn' "$1"
}

failed=0
known=$(mktemp)
trap 'rm -f "$known"' EXIT
{ ours; in_notice; } >"$known"
for file in $(find docs models -type f \( -name '*.png' -o -name '*.webp' -o -name '*.jpg' -o -name '*.gif' -o -name '*.svg' -o -name '*.html' \) | sort); do
  grep -qxF "$file" "$known" || is_drawn "$file" || {
    echo "$file: whose it is is not known; name it in NOTICE, or in tools/check_notice.sh if it is ours"
    failed=1
  }
done
for name in $(in_notice | grep -v '^ddim/_core'); do
  # shellcheck disable=SC2086 # a pattern
  ls $name >/dev/null 2>&1 || { echo "NOTICE names $name, which is not there"; failed=1; }
done
exit $failed
