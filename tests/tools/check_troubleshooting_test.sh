#!/bin/sh
# The check of docs/troubleshooting.md knows a message of the sources from one that is not there any more.
#   check_troubleshooting_test.sh CHECK
set -eu
check=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/src" "$root/app" "$root/bindings" "$root/cmake" "$root/docs"
cat >"$root/src/a.cpp" <<'SOURCE'
fail(path, " is in "
           "use by ", owner, "; \"wait\" for it");
SOURCE
echo '### `… is in use by …`, `; "wait" for it`' >"$root/docs/troubleshooting.md"
"$check" "$root"
echo '### `… is used by …`' >>"$root/docs/troubleshooting.md"
if message=$("$check" "$root"); then echo "accepted a text that is nowhere"; exit 1; fi
case "$message" in *"no message has the text: is used by") ;; *) echo "poor message: $message"; exit 1 ;; esac
