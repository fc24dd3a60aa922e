#pragma once

#include <ddim/sample.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "run/network.h"

namespace ddim::engine::run {

/// What SampleOptions::init means to generate().
struct InitStart {
  std::vector<float> pictures = {};  ///< [count,H,W,C]
  std::vector<float> x_T = {};       ///< their encoding, with InitBy::encoding
  std::vector<double> kept =
      {};  ///< [H,W], with a mask: 1 where a pixel is kept, 0 where it is drawn
};

/// Error(user) for a mask that cannot be meant: nothing in it is white, or nothing black. `levels`:
/// its pixels, at least one, 0 black to 255 white; `note`: more about these values, for messages.
void check_mask(std::span<const std::uint8_t> levels, const std::string& name,
                const std::string& note);
/// The same of pictures on the scale of -1 to 1.
void check_mask(const FloatImages& mask, const std::string& name);

/// Error(user) for pictures or a mask that do not fit, and as check_mask(). `options.init` must be
/// there.
void check_init(const Network& network, const SampleOptions& options);

/// Errors as check_init() and encode(). `options.init` must be
/// there.
InitStart make_init_start(const TrainedNetwork& model, const Plan& plan,
                          const SampleOptions& options);

}  // namespace ddim::engine::run
