#include <ddim/error.h>

#include <filesystem>
#include <new>

#include "base/text.h"

namespace ddim {

Error as_error(const std::exception_ptr& caught) {
  try {
    std::rethrow_exception(caught);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorCode::user, "not enough memory"};
  } catch (const std::filesystem::filesystem_error& error) {
    return {ErrorCode::io, engine::concat(error.path1().string(), ": ", error.code().message())};
  } catch (const std::exception& error) {
    return {ErrorCode::internal,
            engine::concat("internal error: ", error.what(), "; please report it")};
  } catch (...) {
    return {ErrorCode::internal, "internal error: an unknown exception; please report it"};
  }
}

}  // namespace ddim
