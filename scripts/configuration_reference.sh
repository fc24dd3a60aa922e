#!/bin/sh
# Prints docs/configuration.md, made from the program's own reference of keys.
#   scripts/configuration_reference.sh PROGRAM
set -eu
cat <<'HEAD'
# Configuration of `ddim train`

A TOML file with these sections and keys, written by `make docs` from `ddim train --help-config`. A key that is left out has its
default. [configs](../configs) has examples.

HEAD
"$1" train --help-config
