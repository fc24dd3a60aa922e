#!/bin/sh
# The check of exported names accepts what a header declares and marks, and names each other thing.
#   check_exports_test.sh CHECK CXX
set -eu
check=$1 cxx=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir "$root/include"
cat >"$root/include/all.h" <<'HEADER'
#define DDIM_API __attribute__((visibility("default")))
#include <string>
#include <typeinfo>
#include <vector>
namespace ddim {
class DDIM_API Error {
 public:
  virtual ~Error();
  int code(int) const;
};
struct Options {
  int steps = 0;  // class Hidden is none
};
DDIM_API std::vector<std::string> names_of(const Options& options,
                                           const std::vector<Options>& more);
DDIM_API const std::string& text();
int forgotten();
}  // namespace ddim
HEADER
cat >"$root/good.cpp" <<'SOURCE'
#include "include/all.h"
namespace ddim {
Error::~Error() = default;
int Error::code(int) const { return 1; }
std::vector<std::string> names_of(const Options&, const std::vector<Options>& more) { return {more.size(), "a"}; }
const std::string& text() { static const std::string t; return t; }
int forgotten() { return 2; }
namespace io { int read() { return 3; } }
}
SOURCE

# try VISIBILITY LINE: the check's output for the library above with LINE at its end.
try() {
  { cat "$root/good.cpp"; echo "$2"; } >"$root/library.cpp"
  "$cxx" -std=c++17 -shared -fPIC "-fvisibility=$1" -fvisibility-inlines-hidden "$root/library.cpp" -o "$root/library.so"
  "$check" "$root/library.so" "$root/include"
}
refuses() {
  if message=$(try "$1" "$2"); then echo "accepted: $2"; exit 1; fi
  case "$message" in
    *"should be hidden: $3"*) ;;
    *) echo "poor message for $2: $message"; exit 1 ;;
  esac
}

try hidden ''
try hidden 'const std::type_info* const kept[] = {&typeid(const char* (*)(const char*))}; const void* use() { return kept; }'
refuses hidden 'namespace ddim::io { DDIM_API int text() { return 3; } }' 'ddim::io::text()'
refuses hidden 'namespace ddim::nn { struct DDIM_API Error { virtual ~Error() {} } e; }' 'typeinfo for ddim::nn::Error'
refuses hidden 'namespace ddim { DDIM_API std::string Hidden(int) { return {}; } }' 'ddim::Hidden'
refuses hidden 'DDIM_API int global = 1;' 'global'
refuses hidden 'namespace fmt { DDIM_API void print(ddim::Error*) {} }' 'fmt::print(ddim::Error*)'
refuses default '' 'ddim::forgotten()'
