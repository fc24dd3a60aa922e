#!/bin/sh
# Installs the build to a prefix, moves it to one with an odd name, and builds programs of somebody else with it, in C++ and
# in C: by find_package and, moved again, by pkg-config.
#   install_test.sh BUILD_FOLDER SOURCE_FOLDER CXX "CXX_FLAGS"
set -eu
build=$1 source=$2 cxx=$3 flags=$4
root=$(mktemp -d)
manifest=$build/install_manifest.txt # CMake's, which may be of an installation that somebody uses
[ ! -e "$manifest" ] || mv -f "$manifest" "$manifest.kept"
trap '[ ! -e "$manifest.kept" ] || mv -f "$manifest.kept" "$manifest"; rm -rf "$root"' EXIT

mkdir "$root/list"
cmake --install "$build" --prefix "$root/first place" >"$root/log" || { cat "$root/log"; exit 1; }
mv "$manifest" "$root/list/"
"$source/scripts/installed.sh" keep "$root/list"
prefix="$root/a (moved) plÄce"
mv "$root/first place" "$prefix"
test -f "$prefix/include/ddim/ddim.h"
"$prefix/bin/ddim" --version
# What comes with it is found from anywhere: models, manual pages, completion.
(cd "$root" && "$prefix/bin/ddim" models | grep -c '^\(cifar10\|emoji\|fashion-mnist\)  *shipped' | grep -q 3) || { echo "no shipped models"; exit 1; }
test -s "$prefix/share/ddim/configs/fashion-mnist.toml"
test -s "$prefix/share/man/man1/ddim-sample.1.gz"
test -s "$prefix/share/doc/ddim/NOTICE"
broken=$("$source/tools/check_links.sh" "$prefix/share/doc/ddim" | grep '^\(README\|CHANGELOG\|docs/start\|docs/usage\)' || true)
[ -z "$broken" ] || { echo "links of what is installed lead nowhere: $broken"; exit 1; }
grep -q 'complete -F _ddim ddim' "$prefix/share/bash-completion/completions/ddim"
# So is what it uses MPI by, where it was built: what is wrong is that no launcher of MPI is there.
if test -e "$build/libddim_mpi.so"; then
  ! PMI_RANK=0 PMI_SIZE=2 timeout 60 "$prefix/bin/ddim" train 2>"$root/log" || { echo "half of two processes"; exit 1; }
  ! grep -q "cannot be opened" "$root/log" || { cat "$root/log"; exit 1; }
fi
# The extractor is found: what is wrong is the folder.
(cd "$root" && mkdir empty && ! "$prefix/bin/ddim" evaluate --save-statistics s.npz empty 2>"$root/log" &&
  grep -q "no images in empty" "$root/log") || { cat "$root/log"; exit 1; }

cmake -S "$source/tests/tools/consumer" -B "$root/consumer" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$flags" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
cmake --build "$root/consumer" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
test "$("$root/consumer/consumer")" = "0.1.0 10"
test "$("$root/consumer/c_consumer")" = "0.1.0 1"

# In C alone.
configure_c() {
  cmake -S "$source/tests/tools/consumer/c_only" -B "$root/c_only" -DCMAKE_PREFIX_PATH="$prefix" >"$root/log" 2>&1
}
if find "$prefix" -name 'libddim.so' | grep -q .; then
  configure_c && cmake --build "$root/c_only" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
  test "$("$root/c_only/c_only")" = "0.1.0 1"
else
  ! configure_c || { echo "a static library of C++ in C alone"; exit 1; }
  grep -q "LANGUAGES C CXX" "$root/log" || { cat "$root/log"; exit 1; }
fi

# All of it is removed, with its own folders, and nothing else.
cp -R "$prefix" "$root/first place"
touch "$root/first place/share/ddim/mine"
"$source/scripts/installed.sh" remove "$root/list" >"$root/log"
left=$(cd "$root/first place" && find . ! -type d -o -path '*/ddim' | sort | tr '\n' ' ')
[ "$left" = "./share/ddim ./share/ddim/mine " ] || { echo "left behind or lost: $left"; exit 1; }
! "$source/scripts/installed.sh" remove "$root/list" 2>"$root/log" || { echo "removed twice"; exit 1; }
# Where DESTDIR was, and from two places.
for place in one two; do
  mkdir -p "$root/$place/usr/bin"
  touch "$root/$place/usr/bin/ddim" "$root/$place/usr/bin/other"
  printf /usr/bin/ddim >"$root/list/install_manifest.txt"
  DESTDIR="$root/$place" "$source/scripts/installed.sh" keep "$root/list"
done
"$source/scripts/installed.sh" remove "$root/list" >"$root/log"
for place in one two; do
  [ "$(ls "$root/$place/usr/bin")" = other ] || { echo "in $place are: $(ls "$root/$place/usr/bin")"; exit 1; }
done

command -v pkg-config >/dev/null || { echo "no pkg-config here: that half is not tested"; exit 0; }
mv "$prefix" "$root/moved" # pkg-config cannot hold blanks
prefix="$root/moved"
pc=$(find "$prefix" -name pkgconfig)
# shellcheck disable=SC2046,SC2086 # lists of flags
"$cxx" -std=c++20 $flags "$source/tests/tools/consumer/consumer.cpp" -o "$root/by_pkg_config" \
  $(PKG_CONFIG_PATH="$pc" pkg-config --cflags --libs ddim)
test "$(LD_LIBRARY_PATH="$(dirname "$pc")" "$root/by_pkg_config")" = "0.1.0 10"
# shellcheck disable=SC2046 # a list of flags
"${CC:-cc}" -std=c99 -c $(PKG_CONFIG_PATH="$pc" pkg-config --cflags ddim) "$source/tests/tools/consumer/consumer.c" \
  -o "$root/consumer.o"
# shellcheck disable=SC2046,SC2086 # lists of flags
"$cxx" $flags "$root/consumer.o" -o "$root/c_by_pkg_config" $(PKG_CONFIG_PATH="$pc" pkg-config --libs ddim)
test "$(LD_LIBRARY_PATH="$(dirname "$pc")" "$root/c_by_pkg_config")" = "0.1.0 1"
