#include "encode_flags.h"

#include <fmt/core.h>

#include <cstdio>

#include "terminal.h"

namespace ddim::cli {

void EncodeFlags::add_to(Command command) {
  command.add_flag("--exact", exact_,
                   "Invert the decoder's steps exactly, with about ten network calls each; the "
                   "default of --tau is then quadratic");
  dequantise_.add_to(
      command, "--dequantise",
      "Add noise before encoding: none, uniform (within one grey level) or gaussian (0.01 of the "
      "range). It makes the codes of flat regions Gaussian and reduces the error with few steps");
}

EncodeOptions EncodeFlags::options() const {
  const EncodeMethod method = exact_ ? EncodeMethod::exact : EncodeMethod::euler;
  return {.plan = {.tau = usual_tau(method)}, .method = method, .dequantise = dequantise_.value()};
}

void warn_of_residual(double residual, const Tau& tau) {
  constexpr double kFloatAccuracy = 1e-5;
  if (residual <= kFloatAccuracy) return;
  print_err(
      "ddim: encoding is not exact: a step was undone with an error of {:.2g} (black is -1, "
      "white is 1), which decoding can enlarge; use more --steps{}\n",
      residual, tau == Tau(TauKind::quadratic) ? "" : ", or --tau quadratic");
}

}  // namespace ddim::cli
