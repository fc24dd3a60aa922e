#pragma once

#include <ddim/error.h>

#include "base/text.h"

namespace ddim::engine {

/// Throws Error(code) with the joined parts as its message.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, concat(parts...));
}

/// Checks a request of the user: fail(ErrorCode::user, ...) unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(ErrorCode::user, parts...);
}

/// Checks what only a defect in ddim can break, in every build: fail(ErrorCode::internal,
/// "internal error: ", ...) unless `condition` holds.
template <class... Parts>
void ensure(bool condition, const Parts&... parts) {
  if (!condition) fail(ErrorCode::internal, "internal error: ", parts...);
}

}  // namespace ddim::engine
