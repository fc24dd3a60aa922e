#!/bin/sh
# Prints docs/cli.md: the help of every command, as the program prints it.
#   scripts/cli_reference.sh PROGRAM
set -eu
program=$1

echo "# Command line"
echo
echo "Written by \`make docs\` from the program's own help."
for command in "" sample sweep filmstrip interpolate encode decode reconstruct consistency train plot plan info models convert evaluate reproduce bench verify pull serve completion; do
  echo
  echo "## ddim${command:+ $command}"
  echo
  echo '```'
  # shellcheck disable=SC2086 # no word for the program itself
  COLUMNS=100 "$program" $command --help-all
  echo '```'
done
