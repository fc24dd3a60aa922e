#!/bin/sh
# Tests the Python module where it is installed: for the interpreter that DDIM_PYTHON names (default: python3), after
# `pip install .`. Exit code 77, with a reason, where it is not.
#   run.sh SOURCE_FOLDER
set -eu
python=${DDIM_PYTHON:-python3}
if ! reason=$("$python" -c 'import ddim, sys; assert sys.version_info >= (3, 11), "Python is older than 3.11"' 2>&1); then
  echo "skipped: $python has no module ddim of ours: $(echo "$reason" | tail -1)"
  exit 77
fi
cd /
exec "$python" "$1/tests/python/test_ddim.py" -v
