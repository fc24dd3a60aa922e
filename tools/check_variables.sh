#!/bin/sh
# Checks that docs/usage.md names every variable of the environment that the sources name in quotation marks. Prints each that
# it does not; exits 1 if there is one.
#   tools/check_variables.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"
failed=0
for name in $(grep -rhoE '"(DDIM|HF|HUGGING_?FACE|TRANSFORMERS|TORCH|XDG)_[A-Z_]+"' src app --include='*.cpp' --include='*.h' |
  tr -d '"' | sort -u); do
  grep -qF "\`$name\`" docs/usage.md || { echo "docs/usage.md does not name the variable $name"; failed=1; }
done
exit $failed
