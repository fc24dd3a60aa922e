#!/bin/sh
# Puts the licences of the libraries that auditwheel copied into a wheel, and of those compiled into it, beside the wheel's own,
# as Debian's packages of these libraries state them.
#   scripts/wheel_licences.sh WHEEL FOLDER BIN      FOLDER gets the finished wheel; BIN has the commands `wheel` and `python`,
#                                                   with nanobind and zopflipy
# Packs it again more tightly, but for the models, which that would hardly make smaller.
set -eu
wheel=$1 folder=$2 bin=$3
root=$(mktemp -d)
trap 'rm -rf "$root" "$root.names"' EXIT
"$bin/wheel" unpack -d "$root" "$wheel" >/dev/null
tree=$(echo "$root"/*)
licences=$(echo "$tree"/*.dist-info)/licenses
mkdir -p "$licences"

# Each name of a library that the loader knows, and the file that it is.
ldconfig -p | awk '/=>/ { print $1, $NF }' | while read -r name file; do
  file=$(realpath "$file")
  printf '%s %s\n%s %s\n' "$name" "$file" "$(basename "$file")" "$file"
done >"$root.names"

# licence_of FILE: of the package that FILE is from. dpkg knows a file by the name that its package has for it, /lib or /usr/lib.
licence_of() {
  package=$(for file in "$1" "/usr$1" "${1#/usr}"; do
    dpkg-query -S "$file" 2>/dev/null || true
  done | head -1 | cut -d: -f1)
  text=/usr/share/doc/$package/copyright
  [ -n "$package" ] && [ -s "$text" ] || { echo "wheel_licences: $1 has no licence text in /usr/share/doc" >&2; exit 1; }
  cp "$text" "$licences/$package.txt"
}

for library in "$tree"/*.libs/*; do
  # libdnnl-0123abcd.so.2.6 was libdnnl.so.2.6
  name=$(basename "$library" | sed 's/-[0-9a-f]\{8\}\././')
  found=$(awk -v name="$name" '$1 == name { print $2; exit }' "$root.names")
  [ -n "$found" ] || { echo "wheel_licences: where $name came from is not known" >&2; exit 1; }
  licence_of "$found"
done
# Boost's licence asks for nothing in what was compiled, and Debian's text of all its libraries has two megabytes.
for header in nlohmann/json.hpp eigen3/Eigen/Core; do licence_of "/usr/include/$header"; done
cp "$(dirname "$0")/../NOTICE" "$licences/"  # pictures, and what nanobind compiles into the module
cp "$("$bin/python" -c 'from importlib.metadata import files
print(next(file.locate() for file in files("nanobind") if file.name == "LICENSE"))')" "$licences/nanobind.txt"

# What these texts refer to.
for text in /usr/share/common-licenses/*; do
  # shellcheck disable=SC2015 # one or the other
  grep -qrh -- "$text\b" "$licences" && cp -L "$text" "$licences/" || true
done
mkdir "$root/packed"
"$bin/wheel" pack -d "$root/packed" "$tree" >/dev/null
"$bin/python" - "$root"/packed/*.whl "$folder" <<'PYTHON'
import pathlib, sys, zipfile
import zopfli
plain = pathlib.Path(sys.argv[1])
tight = pathlib.Path(sys.argv[2]) / plain.name
with zipfile.ZipFile(plain) as wheel:
    def put(into, wanted):
        for file in wheel.infolist():
            if wanted == file.filename.startswith("ddim/models/"):
                into.writestr(file, wheel.read(file), zipfile.ZIP_DEFLATED)
    with zopfli.ZipFile(tight, "w", iterations=1) as into:
        put(into, False)
    with zipfile.ZipFile(tight, "a", compresslevel=9) as into:
        put(into, True)
with zipfile.ZipFile(tight) as wheel:
    assert wheel.testzip() is None
PYTHON
echo "build-wheel: $(ls "$folder"/*.whl), with $(ls "$licences" | wc -l) texts of licences"
