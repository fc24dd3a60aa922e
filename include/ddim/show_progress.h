#pragma once

namespace ddim {

/// Whether a long task tells on the standard error stream how far it is: a bar on a terminal, a
/// line now and then elsewhere.
enum class ShowProgress { no, on_stderr };

}  // namespace ddim
