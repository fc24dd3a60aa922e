#!/bin/sh
# Prints docs/training.md: its own text up to the line of the keys, then the keys as the program has them.
#   scripts/training_reference.sh PROGRAM docs/training.md
set -eu
sed '/^# Keys$/q' "$2"
cat <<'HEAD'

Written by `make docs` from `ddim train --keys`. A key that is left out has its default.

HEAD
"$1" train --keys
