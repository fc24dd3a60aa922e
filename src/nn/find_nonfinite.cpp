#include "nn/find_nonfinite.h"

#include "tensor/kernels.h"

namespace ddim::engine {

std::optional<std::string> find_nonfinite(const UNet& unet, const Tensor& x,
                                          std::span<const double> t, const ClassLabels& labels) {
  Kernels& kernels = x.device().kernels();
  if (!kernels.all_finite(x)) return "x";
  std::optional<std::string> first;
  Tape tape;
  tape.set_observer([&](std::string_view layer, const Tensor& value) {
    if (!first && !kernels.all_finite(value)) first = layer;
  });
  unet(tape, x, t, labels);
  return first;
}

}  // namespace ddim::engine
