#include "report.h"

#include <ddim/error.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "terminal.h"

namespace ddim::cli {

int report_current_exception(const std::string& prefix) {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      const Error error = as_error(std::current_exception());
      print_err("{} {}{}\n", red("ddim:", has_colour(STDERR_FILENO)), prefix, error.what());
      return static_cast<int>(error.code());
    }
  } catch (const std::bad_alloc&) {  // of the message, too: this one needs no memory
    std::fputs("ddim: not enough memory; try a smaller --batch or --memory low\n", stderr);
    return static_cast<int>(ErrorCode::user);
  }
}

}  // namespace ddim::cli
