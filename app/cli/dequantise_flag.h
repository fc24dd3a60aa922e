#pragma once

#include <ddim/encode.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --dequantise none|uniform|gaussian
class DequantiseFlag {
 public:
  void add_to(Command command) {
    dequantise_.add_to(
        command, "--dequantise",
        "Noise for the pictures before they are encoded, as the official code's data transforms "
        "add it: uniform over a grey level, or gaussian with 1/100 of the range from black to "
        "white. Makes the codes of pictures with regions of one colour Gaussian, and what comes "
        "back in few steps better");
  }
  Dequantise value() const { return dequantise_.value(); }

 private:
  ChoiceFlag<Dequantise> dequantise_{{{"none", Dequantise::none},
                                      {"uniform", Dequantise::uniform},
                                      {"gaussian", Dequantise::gaussian}}};
};

}  // namespace ddim::cli
