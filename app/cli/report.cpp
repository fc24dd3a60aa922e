#include "report.h"

#include <ddim/error.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <new>

#include "terminal.h"

namespace ddim::cli {

int report_current_exception(const std::string& prefix) {
  try {
    try {
      throw;
    } catch (const Error& error) {
      print_err("{} {}{}\n", red("ddim:", has_colour(STDERR_FILENO)), prefix, error.what());
      return static_cast<int>(error.code());
    } catch (const std::filesystem::filesystem_error& error) {
      print_err("ddim: {}{}: {}\n", prefix, error.path1().string(), error.code().message());
      return static_cast<int>(ErrorCode::io);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      print_err("ddim: {}internal error: {}; please report it\n", prefix, error.what());
      return static_cast<int>(ErrorCode::internal);
    }
  } catch (const std::bad_alloc&) {  // of the message, too: this one needs no memory
    std::fputs("ddim: not enough memory; try a smaller --batch or --memory low\n", stderr);
    return static_cast<int>(ErrorCode::user);
  }
}

}  // namespace ddim::cli
