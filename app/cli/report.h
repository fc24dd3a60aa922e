#pragma once

#include <string>

namespace ddim::cli {

/// Prints the message of the exception that is being handled, behind `prefix`, and returns the exit
/// code that goes with it.
int report_current_exception(const std::string& prefix = "");

}  // namespace ddim::cli
