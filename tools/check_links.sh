#!/bin/sh
# Checks that every relative link in a Markdown file leads to a file or folder of the project, and
# every #anchor to a heading of it. Prints each broken link; exits 1 if there is one.
#   tools/check_links.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"

# FILE:LINE TARGET for each relative link and image. Code is left out.
links() {
  awk '
    FNR == 1 { in_code = 0 }
    /^ *```/ { in_code = !in_code; next }
    in_code { next }
    {
      gsub(/`[^`]*`/, "")
      while (match($0, /\]\([^)]*\)|src="[^"]*"/)) {
        target = substr($0, RSTART, RLENGTH)
        $0 = substr($0, RSTART + RLENGTH)
        sub(/^(\]\(|src=")/, "", target)
        sub(/[ )"].*$/, "", target)
        if (target !~ /^[a-z]+:/) print FILENAME ":" FNR, target
      }
    }
  ' "$@"
}

# The anchors that GitHub makes of the headings of a file, one a line.
anchors() {
  awk '
    /^ *```/ { in_code = !in_code; next }
    !in_code && /^#+ / {
      sub(/^#+ /, "")
      $0 = tolower($0)
      gsub(/[^a-z0-9 _-]/, "")
      gsub(/ /, "-")
      print
    }
  ' "$1"
}

find . -type d \( -name '.?*' -o -name 'build*' -o -name shared -o -name demo \) -prune -o \
  -name '*.md' -print | sed 's|^\./||' | sort |
  while read -r file; do links "$file"; done | {
  status=0
  while read -r place target; do
    file=${place%:*}
    path=${target%%#*}
    case "$path" in
      '') path=$file ;;
      *) path=$(dirname "$file")/$path ;;
    esac
    if [ ! -e "$path" ]; then
      echo "$place: there is no $target"
      status=1
      continue
    fi
    case "$target" in
      *'#'*) anchors "$path" | grep -qx -- "${target#*#}" || {
        echo "$place: there is no heading for $target"
        status=1
      } ;;
    esac
  done
  exit $status
}
