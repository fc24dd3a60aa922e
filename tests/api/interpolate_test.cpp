#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

class Interpolation : public MicroModel {
 protected:
  static std::vector<float> state(const FloatImages& states, std::int64_t index) {
    const std::int64_t size = static_cast<std::int64_t>(states.shape.size());
    return {states.values.begin() + index * size, states.values.begin() + (index + 1) * size};
  }
  FloatImages noise(std::int64_t count) const { return draw_noise(model_, 5, count); }
};

TEST_F(Interpolation, NoiseOfASeedIsWhatSamplingStartsFrom) {
  const SampleOptions options{.plan = {.steps = 2}, .count = 2, .seed = 9, .first_image = 3};
  SampleOptions given{.plan = {.steps = 2}, .count = 2};
  given.x_T = draw_noise(model_, 9, 2, 3);
  EXPECT_EQ(sample(model_, given).x_0.values, sample(model_, options).x_0.values);
}

TEST_F(Interpolation, ALineRunsFromEndToEnd) {
  const FloatImages ends = noise(2);
  const FloatImages line = interpolate(ends, 5);
  EXPECT_EQ(line.count, 5);
  EXPECT_EQ(state(line, 0), state(ends, 0));
  EXPECT_EQ(state(line, 4), state(ends, 1));
  EXPECT_NE(state(line, 2), state(line, 1));
}

TEST_F(Interpolation, AGridHasItsEndsInItsCorners) {
  const FloatImages ends = noise(4);
  const FloatImages grid = interpolate(ends, 3);
  EXPECT_EQ(grid.count, 9);
  EXPECT_EQ(state(grid, 0), state(ends, 0));
  EXPECT_EQ(state(grid, 2), state(ends, 1));
  EXPECT_EQ(state(grid, 6), state(ends, 2));
  EXPECT_EQ(state(grid, 8), state(ends, 3));
  // Its first row is the line between its first two ends.
  FloatImages first_two = noise(2);
  EXPECT_EQ(state(grid, 1), state(interpolate(first_two, 3), 1));
}

TEST_F(Interpolation, RefusesWhatHasNothingBetweenIt) {
  expect_error(ErrorCode::user, "two endpoints (a line) or four (a grid); got 3",
               [&] { interpolate(noise(3), 5); });
  expect_error(ErrorCode::user, "at least 2 frames (the endpoints); got 1",
               [&] { interpolate(noise(2), 1); });
  FloatImages zero = noise(2);
  std::fill(zero.values.begin(), zero.values.begin() + 192, 0.0F);
  expect_error(ErrorCode::user, "zero", [&] { interpolate(zero, 5); });
  FloatImages small = noise(1);
  small.shape.channels = 1;
  small.values.resize(64);
  expect_error(ErrorCode::user, "got 8x8x3 and 8x8x1", [&] { join(noise(1), small); });
  for (const std::int64_t frames : {std::int64_t{10'001}, std::int64_t{1} << 32}) {
    expect_error(ErrorCode::user, "at most 10000 frames", [&] { interpolate(noise(2), frames); });
    expect_error(ErrorCode::user, "at most 10000 frames", [&] { numbers_of_ends(4, frames); });
  }
  expect_error(ErrorCode::user,
               "noise: first_image: images 4294967295 to 4294967296 do not all exist",
               [&] { draw_noise(model_, 1, 2, 4294967295); });
  expect_error(ErrorCode::user,
               "noise: first_image: images 1 to 9223372036854775807 do not all exist",
               [&] { draw_noise(model_, 1, std::numeric_limits<std::int64_t>::max(), 1); });
  expect_error(ErrorCode::user, "noise: count must be 1 or greater; got 0",
               [&] { draw_noise(model_, 1, 0); });
}

TEST_F(Interpolation, StatesThatAreNotThereAreRefused) {
  FloatImages five = noise(2);
  five.count = 5;
  expect_error(ErrorCode::user, "slice: 384 numbers; expected 960", [&] { slice(five, 1, 3); });
  expect_error(ErrorCode::user, "join: 384 numbers; expected 960", [&] { join(noise(1), five); });
  five.shape.width = std::numeric_limits<std::int64_t>::max();
  expect_error(ErrorCode::user, "slice: 384 numbers; expected", [&] { slice(five, 1, 3); });
}

TEST_F(Interpolation, TheEndsAreFirstAndLastOrTheCorners) {
  EXPECT_EQ(numbers_of_ends(2, 5), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(numbers_of_ends(4, 3), (std::vector<std::int64_t>{0, 2, 6, 8}));
}

TEST_F(Interpolation, TheLastPictureCanBeDrawn) {
  SampleOptions options{.plan = {.steps = 1}, .count = 1, .first_image = 4294967295};
  SampleOptions given{.plan = {.steps = 1}, .count = 1};
  given.x_T = draw_noise(model_, options.seed, 1, options.first_image);
  EXPECT_EQ(sample(model_, options).x_0.values, sample(model_, given).x_0.values);
  options.count = 2;
  expect_error(ErrorCode::user, "images 4294967295 to 4294967296 do not all exist",
               [&] { sample(model_, options); });
}

TEST_F(Interpolation, StatesAreTakenApartAsTheyWerePutTogether) {
  const FloatImages all = noise(3);
  const FloatImages parts = join(slice(all, 0, 2), slice(all, 2, 1));
  EXPECT_EQ(parts.count, 3);
  EXPECT_EQ(parts.values, all.values);
  EXPECT_EQ(slice(all, 3, 0).values.size(), 0U);
  for (const auto& [first, count] : {std::pair{2, 2}, {4, 0}, {-1, 1}, {0, -1}})
    expect_error(ErrorCode::user, "of 3", [&] { slice(all, first, count); });
}

TEST_F(Interpolation, FramesMakeAFilm) {
  const FloatImages line = interpolate(noise(2), 3);
  const std::vector<Image> frames = {to_image(line, 0), to_image(line, 1), to_image(line, 2)};
  if (!can_write_animations()) {
    expect_error(ErrorCode::user, "libwebp", [&] { write_animation(folder_ / "a.webp", frames); });
    GTEST_SKIP() << "this build has no libwebp";
  }
  write_animation(folder_ / "a.webp", frames);
  EXPECT_GT(std::filesystem::file_size(folder_ / "a.webp"), 100U);
  expect_error(ErrorCode::user, "exists", [&] { write_animation(folder_ / "a.webp", frames); });
  expect_error(ErrorCode::user, "no pictures", [&] { write_animation(folder_ / "b.webp", {}); });
}

TEST_F(Interpolation, ConsistencyMeasuresTheDistanceToTheReference) {
  const ConsistencyOptions options{
      .steps = {2, 4}, .reference_steps = 4, .sample = {.count = 3, .seed = 2}};
  const auto rows = consistency(model_, options);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_GT(rows[0].distance, 0.0);
  EXPECT_GT(rows[0].half_width_95, 0.0);
  EXPECT_EQ(rows[1].distance, 0.0);
  EXPECT_EQ(rows[2].x_0.values,
            sample(model_, {.plan = {.steps = 4}, .count = 3, .seed = 2}).x_0.values);
  const auto differences = mean_squared_differences(rows[0].x_0, rows[2].x_0);
  EXPECT_NEAR(
      rows[0].distance,
      (std::sqrt(differences[0]) + std::sqrt(differences[1]) + std::sqrt(differences[2])) / 3,
      1e-9 * rows[0].distance);
  expect_error(ErrorCode::user, "2000", [&] { consistency(model_, {.steps = {2, 2000}}); });
}

class Filmstrips : public Interpolation {};

TEST_F(Filmstrips, RunFromTheNoiseToThePictureOfEverySampler) {
  for (const Named<Sampler>& entry : Names<Sampler>::all()) {
    if (entry.value == Sampler::adaptive || entry.value == Sampler::ddpm_learned) continue;
    const SampleOptions options{
        .plan = {.steps = 5, .eta = takes_eta(entry.value) ? 0.7 : 0.0, .sampler = entry.value},
        .count = 3,
        .seed = 9,
        .first_image = 2,
        .run = {.batch = 2}};
    const Filmstrip film = filmstrip(model_, {.sample = options});
    const Samples samples = sample(model_, options);
    EXPECT_EQ(film.frames.front().x_t.values, draw_noise(model_, 9, 3, 2).values) << entry.name;
    EXPECT_EQ(film.frames.back().x_t.values, samples.x_0.values) << entry.name;
    EXPECT_EQ(film.frames.back().x0_pred.values, samples.x_0.values) << entry.name;
    EXPECT_EQ(film.samples.recipe, samples.recipe);
    EXPECT_EQ(film.samples.nfe, samples.nfe);
    EXPECT_EQ(film.frames.front().t, 999.0);
    EXPECT_EQ(film.frames.back().t, -1.0);
    for (std::size_t i = 1; i < film.frames.size(); ++i)
      EXPECT_LT(film.frames[i].t, film.frames[i - 1].t) << entry.name;
  }
}

// Eq. 12 with sigma 0: each state follows from the state and the prediction before it.
TEST_F(Filmstrips, AFrameHoldsAStateAndItsOwnPrediction) {
  const Filmstrip film = filmstrip(model_, {.sample = {.plan = {.steps = 6}, .count = 2}});
  const Plan plan = make_plan(model_, {.steps = 6});
  ASSERT_EQ(film.frames.size(), 7U);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& [t, x_t, x0_pred] = film.frames[i];
    EXPECT_EQ(t, plan.steps[i].t);
    ASSERT_EQ(x0_pred.count, 2);
    const double a = plan.steps[i].alpha_bar, a_prev = plan.steps[i].alpha_bar_prev;
    for (std::size_t k = 0; k < x_t.values.size(); ++k) {
      const double x_0 = x0_pred.values[k];
      const double eps = (x_t.values[k] - std::sqrt(a) * x_0) / std::sqrt(1.0 - a);
      const double x_prev = std::sqrt(a_prev) * x_0 + std::sqrt(1.0 - a_prev) * eps;
      ASSERT_NEAR(film.frames[i + 1].x_t.values[k], x_prev, 1e-4 * (1.0 + std::abs(x_0)))
          << "frame " << i << ", value " << k;
    }
  }
}

TEST_F(Filmstrips, DoNotDependOnThreadsBatchAndNumberOfFrames) {
  const auto film = [&](int threads, std::int64_t batch, std::int64_t frames) {
    return filmstrip(model_, {.sample = {.plan = {.steps = 6, .eta = 1.0},
                                         .count = 3,
                                         .run = {.batch = batch, .threads = threads}},
                              .frames = frames})
        .frames;
  };
  const std::vector<FilmFrame> all = film(1, 3, 7), same = film(2, 1, 100), few = film(2, 2, 4);
  ASSERT_EQ(all.size(), 7U);
  ASSERT_EQ(same.size(), 7U);
  ASSERT_EQ(few.size(), 4U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].x_t.values, same[i].x_t.values) << i;
    EXPECT_EQ(all[i].x0_pred.values, same[i].x0_pred.values) << i;
  }
  for (std::size_t i = 0; i < few.size(); ++i) {
    EXPECT_EQ(few[i].t, all[2 * i].t);
    EXPECT_EQ(few[i].x_t.values, all[2 * i].x_t.values) << i;
    EXPECT_EQ(few[i].x0_pred.values, all[2 * i].x0_pred.values) << i;
  }
}

TEST_F(Filmstrips, FramesAreChosenEvenlyAmongTheSteps) {
  const auto times = [&](PlanOptions options, std::int64_t frames) {
    return filmstrip_times(make_plan(model_, options), frames);
  };
  using Times = std::vector<double>;
  EXPECT_EQ(times({.steps = 10}, 4), (Times{999, 699, 299, -1}));
  EXPECT_EQ(times({.steps = 10}, 2), (Times{999, -1}));
  EXPECT_EQ(times({.steps = 2}, 8), (Times{999, 499, -1}));
  EXPECT_EQ(times({.steps = 1}, 8), (Times{999, -1}));
  // Heun's method asks twice at most t.
  EXPECT_EQ(times({.steps = 3, .sampler = Sampler::heun}, 8), (Times{999, 665, 332, -1}));
  expect_error(ErrorCode::user, "frames must be 2 or greater; got 1",
               [&] { times({.steps = 2}, 1); });
  expect_error(ErrorCode::user, "adaptive takes other steps for each picture",
               [&] { filmstrip(model_, {.sample = {.plan = {.sampler = Sampler::adaptive}}}); });
}

TEST_F(Filmstrips, PassPreviewsOnAndStop) {
  std::stop_source stop;
  std::int64_t num_previews = 0;
  const SampleOptions options{.plan = {.steps = 50},
                              .run = {.stop = stop.get_token()},
                              .preview = [&](const StepPreview& preview) {
                                EXPECT_EQ(preview.step, num_previews);
                                if (++num_previews == 3) stop.request_stop();
                              }};
  expect_error(ErrorCode::interrupted, "stopped", [&] { filmstrip(model_, {.sample = options}); });
  EXPECT_EQ(num_previews, 3);
}

}  // namespace
}  // namespace ddim::api_test
