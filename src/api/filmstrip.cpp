#include <ddim/filmstrip.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace ddim {

using namespace engine;
namespace {

/// The steps that the frames before the last one start. Of several calls of the network at one t,
/// the last one starts from the state that the sampler goes on from.
std::vector<std::int64_t> steps_shown(const Plan& plan, std::int64_t frames) {
  require(!plan.is_adaptive(),
          "filmstrip: the sampler adaptive takes other steps for each picture, so there is no t "
          "that a frame could have; choose another sampler");
  require(frames >= 2, "filmstrip: frames must be 2 or greater; got ", frames);
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (i + 1 == plan.steps.size() || plan.steps[i + 1].t != plan.steps[i].t)
      all.push_back(static_cast<std::int64_t>(i));
  const std::int64_t last = std::ssize(all);  // the frame of the finished pictures
  const std::int64_t last_shown = std::min(frames - 1, last);
  std::vector<std::int64_t> shown;
  for (std::int64_t k = 0; k < last_shown; ++k)
    shown.push_back(all[static_cast<std::size_t>((2 * k * last + last_shown) / (2 * last_shown))]);
  return shown;
}

/// Puts some pictures among `count`.
void put(const FloatImages& some, std::int64_t first, std::int64_t count, FloatImages& all) {
  all.count = count;
  all.shape = some.shape;
  all.values.resize(static_cast<std::size_t>(count) * some.shape.size());
  std::ranges::copy(some.values,
                    all.values.begin() + first * static_cast<std::int64_t>(some.shape.size()));
}

std::string number_of(double t) {
  if (t != std::floor(t)) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", t);
    return text.data();
  }
  return std::to_string(std::llround(t));
}

}  // namespace

std::string film_label(double t) { return t < 0.0 ? "x_0" : "t = " + number_of(t); }

GridOptions strip_grid(const PictureShape& shape, const std::vector<double>& times,
                       std::int64_t count, std::int64_t first_image) {
  constexpr std::int64_t kWide = 60;  // what "t = 999" fits over
  require(count >= 1 && count <= kMostPictures, "filmstrip: count must be 1 to ", kMostPictures,
          "; got ", count);
  const std::int64_t columns = std::ssize(times);
  GridOptions grid{.columns = columns,
                   .scale = readable_scale(2 * count * columns, shape, columns)};
  check_grid(shape, 2 * count * columns, grid);
  for (std::int64_t k = 0; k < count; ++k) {
    grid.row_labels.push_back(count == 1 ? "x_t" : concat("picture ", first_image + k, ": x_t"));
    grid.row_labels.emplace_back("predicted x_0");
  }
  for (const double t : times)
    grid.column_labels.push_back(t < 0.0 || grid.scale * shape.width >= kWide ? film_label(t)
                                                                              : number_of(t));
  return grid;
}

Image strip_picture(const std::vector<FilmFrame>& frames, const std::vector<double>& times,
                    const GridOptions& grid) {
  std::vector<const FilmFrame*> shown;
  for (const FilmFrame& frame : frames)
    if (std::ranges::find(times, frame.t) != times.end()) shown.push_back(&frame);
  std::vector<Image> cells;
  for (std::int64_t k = 0; k < frames.front().x_t.count; ++k) {
    for (const FilmFrame* frame : shown) cells.push_back(to_image(frame->x_t, k));
    for (const FilmFrame* frame : shown) cells.push_back(to_image(frame->x0_pred, k));
  }
  return make_grid(cells, grid);
}

std::vector<double> filmstrip_times(const Plan& plan, std::int64_t frames) {
  std::vector<double> times;
  for (const std::int64_t step : steps_shown(plan, frames))
    times.push_back(plan.steps[static_cast<std::size_t>(step)].t);
  times.push_back(-1.0);
  return times;
}

Filmstrip filmstrip(const Model& model, const FilmstripOptions& options) {
  const Plan plan = make_plan(model, options.sample.plan);
  const std::vector<std::int64_t> steps = steps_shown(plan, options.frames);
  Filmstrip film;
  for (const double t : filmstrip_times(plan, options.frames)) film.frames.push_back({.t = t});
  SampleOptions sample_options = options.sample;
  sample_options.preview = [&](const StepPreview& preview) {
    if (const auto step = std::ranges::find(steps, preview.step); step != steps.end()) {
      FilmFrame& frame = film.frames[static_cast<std::size_t>(step - steps.begin())];
      const std::int64_t first = preview.first_image - options.sample.first_image;
      put(preview.x_t, first, options.sample.count, frame.x_t);
      put(preview.x0_pred, first, options.sample.count, frame.x0_pred);
    }
    if (options.sample.preview) options.sample.preview(preview);
  };
  film.samples = sample(model, plan, sample_options);
  film.frames.back().x_t = film.frames.back().x0_pred = film.samples.x_0;
  return film;
}

}  // namespace ddim
