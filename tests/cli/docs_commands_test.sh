#!/bin/sh
# Types every command of the README as it stands there, and has the program read every other command
# of the documents and of its own help: flags and values must be known.
#   docs_commands_test.sh PROGRAM ROOT
set -eu
program=$1
root=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for name in models docs configs; do ln -s "$root/$name" "$name"; done
mkdir build
ln -s "$program" build/ddim

# Lines of ```sh blocks, as a shell reads them.
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/README.md" >readme.sh
[ "$(grep -c '^ddim' readme.sh)" -ge 5 ] || { echo "few commands in README.md"; exit 1; }
sh -eu readme.sh </dev/null >output 2>&1 || { echo "README.md:"; cat output; exit 1; }
cmp grid.png again.png || { echo "README.md: again.png is not the same bytes as grid.png"; exit 1; }

for page in "$root"/README.md "$root"/docs/*.md "$root"/models/*/README.md; do
  case $page in */cli.md) continue ;; esac
  # Lines of blocks; a line that ends in \ goes on in the next; comments stand behind blanks.
  awk '/^```/ { inside = !inside; next } inside' "$page" |
    sed -e ':a' -e '/\\$/ { N; s/\\\n */ /; ta' -e '}' -e 's/  *#.*//' -e 's/^mpirun -n [0-9]* //' | grep '^ddim ' |
    sed "s|^|$(basename "$page"): |" >>lines || true
done
for command in "" $("$program" --help | awk '/^Commands:/ { inside = 1; next } /^$/ { inside = 0 } inside && /^  [a-z]/ { print $1 }'); do
  COLUMNS=100 "$program" $command --help |
    awk '/^Examples:/ { inside = 1; next } /^$/ { inside = 0 } inside' |
    sed -e ':a' -e '/\\$/ { N; s/\\\n */ /; ta' -e '}' -e 's/^ *//' -e 's/^mpirun -n [0-9]* //' -e "s|^|help of ${command:-ddim}: |" >>lines
done
[ "$(wc -l <lines)" -ge 90 ] || { echo "only $(wc -l <lines) commands found"; exit 1; }
while read -r line; do
  # shellcheck disable=SC2086 # words, as a shell would split them
  set -- ${line#*: ddim }
  "$program" "$@" --help </dev/null >output 2>&1 || { echo "$line"; cat output; exit 1; }
done <lines
