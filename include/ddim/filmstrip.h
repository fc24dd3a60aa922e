#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddim/export.h"
#include "ddim/image.h"
#include "ddim/plan.h"
#include "ddim/sample.h"

namespace ddim {

class Model;

/// Of a filmstrip where nobody says how many.
inline constexpr std::int64_t kUsualFilmFrames = 8;

/// Which pictures to draw, and how much of their way to keep.
struct FilmstripOptions {
  SampleOptions sample = {};
  /// The most frames to keep, 2 or more: the first, the last, and others at equal distances among
  /// the steps.
  std::int64_t frames = kUsualFilmFrames;
};

/// Pictures on their way from noise, all at one t.
struct FilmFrame {
  double t = 0.0;  ///< counts from 0; -1: the pictures are done
  FloatImages x_t = {};
  /// What the network makes of x_t (eq. 9), clipped if the plan clips; of pictures that are done,
  /// the pictures.
  FloatImages x0_pred = {};
};

/// Pictures with their way from noise.
struct Filmstrip {
  std::vector<FilmFrame> frames = {};  ///< from x_T to the pictures
  Samples samples = {};                ///< the same as sample() returns
};

/// Figure 1: draws pictures, and keeps what they look like on the way. Samplers that ask the
/// network twice at one t have one frame for it. Errors as sample(); Error(user) also for fewer
/// than 2 frames and for Sampler::adaptive, which takes other steps for each picture.
DDIM_API Filmstrip filmstrip(const Model& model, const FilmstripOptions& options = {});

/// The t of its frames. Errors as filmstrip().
DDIM_API std::vector<double> filmstrip_times(const Plan& plan, std::int64_t frames);

/// How a strip is laid out: two rows for each picture, x_t and predicted x_0, and a column for each
/// of `times`, with labels and of a readable size. Errors as check_grid().
DDIM_API GridOptions strip_grid(const PictureShape& shape, const std::vector<double>& times,
                                std::int64_t count, std::int64_t first_image = 0);
/// The frames at `times`, laid out by strip_grid().
DDIM_API Image strip_picture(const std::vector<FilmFrame>& frames, const std::vector<double>& times,
                             const GridOptions& grid);

/// "t = 999"; the finished pictures are "x_0".
DDIM_API std::string film_label(double t);

}  // namespace ddim
