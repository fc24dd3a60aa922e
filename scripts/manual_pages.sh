#!/bin/sh
# Writes the manual pages and the completion scripts of a program: FOLDER/man/ddim.1.gz, ddim-sample.1.gz ...,
# FOLDER/completions/ddim (bash), _ddim (zsh), ddim.fish.
#   scripts/manual_pages.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
mkdir -p "$folder/man" "$folder/completions"
"$program" help --man >"$folder/man/ddim.1"
for command in $(sed -n 's/^\.BR ddim\\-\([a-z-]*\) (1).*/\1/p' "$folder/man/ddim.1"); do
  "$program" help "$command" --man >"$folder/man/ddim-$command.1"
done
gzip -9n "$folder"/man/*.1
"$program" completion bash >"$folder/completions/ddim"
"$program" completion zsh >"$folder/completions/_ddim"
"$program" completion fish >"$folder/completions/ddim.fish"
