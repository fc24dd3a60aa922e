#pragma once

#include <ddim/error.h>

#include <sstream>
#include <string>

namespace ddim {

/// Joins its arguments as an output stream would print them.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws Error(code) with the joined parts as its message.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, concat(parts...));
}

/// fail(ErrorCode::user, ...) unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(ErrorCode::user, parts...);
}

}  // namespace ddim
