#!/bin/sh
# The page of ddim serve in a headless browser; exits 77 (skipped) where there is none.
#   page_test.sh PROGRAM SOURCE_FOLDER [FOLDER FOR SCREENSHOTS]
set -eu
for needed in python3 chromium chromedriver; do
  if ! command -v "$needed" >/dev/null; then
    echo "skipped: there is no $needed (apt-get install python3 chromium chromium-driver)"
    exit 77
  fi
done
exec python3 "$2/tests/server/page_test.py" "$@"
