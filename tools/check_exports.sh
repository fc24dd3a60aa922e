#!/bin/sh
# Checks that libddim.so offers what include/ddim declares, and nothing else: no room's functions, no library's. Prints
# each name that should be hidden, and exits 1 if there is any. (Instances of the standard library's templates, and
# descriptions of the language's own types, are visible whatever the compiler is told; so are inline functions of yaml-cpp
# from 0.8 on, whose headers mark their classes visible.)
#   cmake -B build-shared -DBUILD_SHARED_LIBS=ON && cmake --build build-shared --target ddim
#   tools/check_exports.sh build-shared/src/api/libddim.so [INCLUDE_FOLDER]
set -eu
library=$1
include=${2:-$(dirname "$0")/../include/ddim}

# Names that the headers declare: classes and functions that are marked, and structs, whose inline functions may be seen.
declared=$(cat "$include"/*.h | sed 's@//.*@@' | tr '\n' ' ' | grep -oE \
  -e '(class|struct) (DDIM_API )?[A-Za-z_]+' -e 'DDIM_API [^;{}]*' |
  sed -E 's/^(class|struct) (DDIM_API )?//; s/^DDIM_API //; s/\(.*//; s/.*[ &*]//' | sort -u)

nm -D --defined-only "$library" | awk '{ print $(NF - 1), $NF }' | c++filt | DECLARED="$declared" awk '
  BEGIN {
    count = split(ENVIRON["DECLARED"], names, "\n")
    for (i = 1; i <= count; ++i) is_declared[names[i]]
  }
  {
    kind = $1
    $0 = substr($0, 3)
    symbol = $0
    sub(/^(typeinfo( name)?|vtable|VTT|guard variable) for /, "", symbol)
    sub(/^non-virtual thunk to /, "", symbol)
    if (symbol ~ /^(std|__gnu_cxx|__cxxabiv1)::/ || symbol ~ /^[a-z ]+ (std|__gnu_cxx)::/) next
    if ($0 ~ /^typeinfo( name)? for / && symbol ~ /^((char|const|bool|int|long|short|unsigned|float|double|void)|[ *&(),])+$/) next
    if (symbol ~ /^YAML::/ && kind == "W") next
    ++num_own
    name = symbol
    sub(/\(.*/, "", name)
    sub(/\[abi:.*/, "", name)
    gsub(/<[^<>]*>/, "", name)
    sub(/.* /, "", name)
    if (name ~ /^ddim_/ && name in is_declared) next  # the C interface
    if (name !~ /^ddim::/) { wrong(); next }
    sub(/^ddim::/, "", name)
    sub(/::.*/, "", name)
    if (!(name in is_declared)) wrong()
  }
  function wrong() {
    print "should be hidden: " $0
    ++num_wrong
  }
  END {
    if (num_own == 0) print "it offers nothing at all"
    exit num_wrong > 0 || num_own == 0
  }
'
