#!/bin/sh
# Runs a test of the Python module where it is installed: for the interpreter that DDIM_PYTHON names (default: python3),
# after `pip install .`. Exit code 77, with a reason, where it is not.
#   run.sh SOURCE_FOLDER TEST.py [ARGUMENTS ...]
set -eu
python=${DDIM_PYTHON:-python3}
if ! reason=$("$python" -c 'import ddim, sys; assert sys.version_info >= (3, 11), "Python is older than 3.11"' 2>&1); then
  echo "skipped: $python has no module ddim of ours: $(echo "$reason" | tail -1)"
  exit 77
fi
cd /
script=$1/tests/python/$2
shift 2
exec "$python" "$script" "$@"
