#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include "ddim/export.h"

namespace ddim {

/// What went wrong, in the classes that a caller can act on. The values are the program's exit
/// codes.
enum class ErrorCode {
  user = 1,           ///< an impossible request: a flag, a field, a file that exists already
  usage = 2,          ///< the command line itself cannot be understood
  numeric = 3,        ///< NaN or infinity in weights, activations or gradients
  corrupt = 4,        ///< a file that is not what it claims to be
  io = 5,             ///< the operating system refused to read or write, or the disk is full
  internal = 70,      ///< a defect in ddim itself; please report it
  interrupted = 130,  ///< the user asked to stop
};

/// Everything that a user can cause is reported as an Error. The message names the operation or the
/// file, what was expected, what was found and, where there is one, the remedy. A defect in ddim is
/// an Error too: its code is `internal` and its message starts with "internal error: ".
class DDIM_API Error : public std::runtime_error {
 public:
  /// `message` says what was wrong, what was found, and what to do.
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  /// What kind of error it is; its number is the program's exit code.
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// What was caught, as an Error: an Error is itself; what the file system threw has the code `io`,
/// "not enough memory" the code `user`, and all else is `internal`. Of the standard library's
/// exceptions the message keeps what they say.
DDIM_API Error as_error(const std::exception_ptr& caught);

}  // namespace ddim
