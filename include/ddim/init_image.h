#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/image.h"
#include "ddim/names.h"
#include "ddim/sampler.h"

namespace ddim {

/// How a picture becomes the state that a sampler starts from.
enum class InitBy {
  noise,     ///< noise of the seed is added (eq. 4): each seed makes a different picture of it
  encoding,  ///< eq. 14 upwards, as encode(): nothing is random
};

template <>
struct Names<InitBy> {
  static constexpr Named<InitBy> kAll[] = {{InitBy::noise, "noise"},
                                           {InitBy::encoding, "encoding"}};
  static constexpr std::span<const Named<InitBy>> all() { return kAll; }
};

/// The strength (PlanOptions) that the program and the other languages take where none is said.
/// With a mask, what is kept stays as it is in any case, and what is drawn can be anything; the
/// sampler adaptive always begins at T-1.
constexpr double usual_strength(bool has_mask, Sampler sampler = Sampler::ddim) {
  return has_mask || sampler == Sampler::adaptive ? 1.0 : 0.8;
}

/// Image-to-image: start from pictures instead of noise, mostly part of the way down
/// (PlanOptions::strength). Inpainting: keep a part of them.
struct InitImage {
  FloatImages images = {};  ///< as many as are drawn, or one that serves for all
  InitBy by = InitBy::noise;
  /// One picture of the same size with any number of channels, whose mean counts. Pixels that are
  /// black in it come out as they are in `images`; white ones are drawn to fit them; grey ones are
  /// mixed of both (darker than 1/16 is black, lighter than 15/16 white); one that is black, or
  /// white, all over is refused. Kept pixels go through the same steps from their own values (eq.
  /// 7), so every sampler can inpaint, but for Sampler::ddpm_learned.
  std::optional<FloatImages> mask = {};

  /// Where the pictures are from, for the recipe and nothing else.
  struct Origin {
    std::vector<std::string> images = {};  ///< names of their files, as many as these, or none
    std::string mask = {};                 ///< that of the mask
    Fit fit = Fit::none;                   ///< how they got the model's size
  };
  Origin origin = {};
};

}  // namespace ddim
