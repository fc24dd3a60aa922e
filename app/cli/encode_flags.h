#pragma once

#include <ddim/encode.h>

#include "choice_flag.h"

namespace ddim::cli {

/// How pictures are encoded: --exact, --dequantise.
class EncodeFlags {
 public:
  void add_to(Command command);
  /// With --exact, tau is quadratic: the steps of the other kinds are too long at their lower end
  /// to be undone.
  EncodeOptions options() const;

 private:
  bool exact_ = false;
  ChoiceFlag<Dequantise> dequantise_;
};

/// Says on the standard error stream that an exact encoding (Codes::residual) over `tau` is not
/// exact.
void warn_of_residual(double residual, const Tau& tau);

}  // namespace ddim::cli
