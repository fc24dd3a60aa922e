#include "nn/resample.h"

namespace ddim::engine {

Downsample::Downsample(ParameterList& parameters, const std::string& name, std::int64_t channels,
                       const UNetConfig& config)
    : conv_(parameters, name + ".conv", {.in = channels, .out = channels},
            {.kernel = 3, .stride = 2, .pad_begin = config.downsample_padding, .pad_end = 1}) {}

Upsample::Upsample(ParameterList& parameters, const std::string& name, std::int64_t channels)
    : conv_(parameters, name + ".conv", {.in = channels, .out = channels},
            {.kernel = 3, .stride = 1, .pad_begin = 1, .pad_end = 1, .upsample = 2}) {}

}  // namespace ddim::engine
