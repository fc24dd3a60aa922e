#!/bin/sh
# What `make install` installed, so that `make uninstall` can remove it.
#   scripts/installed.sh keep BUILD_FOLDER        takes the list that `cmake --install` left, of files below DESTDIR, and adds
#                                                 it to BUILD_FOLDER/installed.txt
#   scripts/installed.sh remove BUILD_FOLDER      removes these files, and the folders called ddim that are then empty
set -eu
verb=$1 manifest=$2/install_manifest.txt list=$2/installed.txt

if [ "$verb" = keep ]; then
  [ ! -e "$list" ] || cp "$list" "$list.new"
  # A file of root's in the build folder would be in the way of the user's next `cmake --install`.
  { sed "s|^|${DESTDIR:-}|" "$manifest" && echo; } | grep . >>"$list.new"
  sort -u -o "$list.new" "$list.new"
  rm -f "$manifest"
  mv -f "$list.new" "$list"
  exit
fi

[ -e "$list" ] || { echo "uninstall: there is no $list, in which \`make install\` keeps what it installed" >&2; exit 1; }
xargs -d '\n' rm -fv -- <"$list"
# Its own folders, the innermost first.
sed -n 's|/[^/]*$||p' "$list" | sort -ur | while read -r folder; do
  while case $folder in */ddim | */ddim/*) true ;; *) false ;; esac; do
    [ ! -d "$folder" ] || rmdir "$folder" 2>/dev/null || break
    folder=${folder%/*}
  done
done
rm -f "$list"
