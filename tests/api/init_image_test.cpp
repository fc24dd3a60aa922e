#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"
#include "tests/support/text_files.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

class InitImages : public MicroModel {
 protected:
  /// Whether element i of [N,H,W,C] is in the left half.
  static bool is_left(std::size_t i) { return i / 3 % 8 < 4; }
  /// White in the right half, or all of one shade.
  static FloatImages mask(float left, float right) {
    FloatImages images{.count = 1, .shape = {.channels = 3, .height = 8, .width = 8}};
    for (int i = 0; i < 3 * 64; ++i)
      images.values.push_back(is_left(static_cast<std::size_t>(i)) ? left : right);
    return images;
  }
  SampleOptions options() const {
    return {.plan = {.steps = 4, .strength = 0.8},
            .count = 3,
            .seed = 6,
            .init = InitImage{.images = pictures(3)}};
  }
};

TEST_F(InitImages, AreThoseOfThePicturesThatArePicked) {
  SampleOptions all{.plan = {.steps = 4, .strength = 0.5},
                    .count = 3,
                    .seed = 5,
                    .first_image = 2,
                    .init = InitImage{.images = pictures(3), .mask = mask(-1.0F, 1.0F)}};
  all.init->origin = {
      .images = {"a.png", "b.png", "c.png"}, .mask = "m.png", .fit = Fit::crop_resize};
  all.class_choice.guidance = 2.0;
  all.run.batch = 7;
  all.preview = [](const StepPreview&) {};
  const SampleOptions two = only_pictures(all, 1, 2);
  EXPECT_EQ(two.plan.strength, 0.5);
  EXPECT_EQ(two.count, 2);
  EXPECT_EQ(two.seed, 5U);
  EXPECT_EQ(two.first_image, 3);
  EXPECT_EQ(two.class_choice.guidance, 2.0);
  EXPECT_EQ(two.run.batch, 7);
  EXPECT_TRUE(two.preview);
  ASSERT_TRUE(two.init && two.init->mask);
  const std::span<const float> from_second =
      std::span(all.init->images.values).subspan(all.init->images.shape.size());
  EXPECT_EQ(two.init->images.count, 2);
  EXPECT_TRUE(std::ranges::equal(two.init->images.values, from_second));
  EXPECT_EQ(two.init->mask->values, all.init->mask->values);
  EXPECT_EQ(two.init->origin.images, (std::vector<std::string>{"b.png", "c.png"}));
  EXPECT_EQ(two.init->origin.mask, "m.png");
  EXPECT_EQ(two.init->origin.fit, Fit::crop_resize);

  all.init->images = pictures(1);
  all.init->origin.images = {"a.png"};
  const SampleOptions last = only_pictures(all, 2);
  EXPECT_EQ(last.init->images.values, all.init->images.values);
  EXPECT_EQ(last.init->origin.images, all.init->origin.images);
}

TEST_F(InitImages, StrengthSaysHowManyStepsAreTaken) {
  SampleOptions half = options();
  for (const auto& [strength, nfe] : {std::pair{1.0, 4}, {0.8, 3}, {0.5, 2}, {0.125, 1}}) {
    half.plan.strength = strength;
    EXPECT_EQ(sample(model_, half).nfe, nfe) << strength;
  }
  half.plan.strength = 0.5;
  EXPECT_EQ(sample(model_, half).recipe.at("strength"), "0.5");
}

TEST_F(InitImages, StartFromThePictureWithTheNoiseOfThatStep) {
  // 2 of 4 steps: from t = 499, where eq. 4 puts the picture.
  SampleOptions half = options();
  half.plan.strength = 0.5;
  const Plan plan = make_plan(model_, {.steps = 4});
  const double alpha_bar = plan.steps[2].alpha_bar;
  FloatImages x_t = draw_noise(model_, 6, 3);
  const FloatImages x_0 = pictures(3);
  for (std::size_t i = 0; i < x_t.values.size(); ++i)
    x_t.values[i] = static_cast<float>(std::sqrt(alpha_bar) * x_0.values[i] +
                                       std::sqrt(1.0 - alpha_bar) * x_t.values[i]);
  const Samples expected = sample(
      model_, {.plan = {.tau = std::vector<double>{249, 499}}, .count = 3, .seed = 6, .x_T = x_t});
  const Samples found = sample(model_, half);
  for (std::size_t i = 0; i < found.x_0.values.size(); ++i)
    ASSERT_NEAR(found.x_0.values[i], expected.x_0.values[i],
                1e-4 * (1.0 + std::abs(expected.x_0.values[i])));
}

TEST_F(InitImages, OnePictureServesForAll) {
  SampleOptions one = options();
  one.init->images = pictures(1);
  SampleOptions three = options();
  three.init->images = join(join(pictures(1), pictures(1)), pictures(1));
  EXPECT_EQ(sample(model_, one).x_0.values, sample(model_, three).x_0.values);
  // Each has noise of its own.
  const FloatImages drawn = sample(model_, one).x_0;
  EXPECT_NE(to_image(drawn, 0).pixels, to_image(drawn, 1).pixels);
}

TEST_F(InitImages, AnEncodingIsNotRandom) {
  SampleOptions encoded = options();
  encoded.init->by = InitBy::encoding;
  encoded.plan.strength = 0.5;
  const Samples found = sample(model_, encoded);
  encoded.seed = 7;
  EXPECT_EQ(sample(model_, encoded).x_0.values, found.x_0.values);
  const Codes codes = encode(model_, pictures(3), {.plan = {.tau = std::vector<double>{249, 499}}});
  EXPECT_EQ(sample(model_, {.plan = {.tau = codes.tau}, .count = 3, .x_T = codes.x_T}).x_0.values,
            found.x_0.values);
}

TEST_F(InitImages, AMaskKeepsWhatIsBlackToTheBit) {
  SampleOptions half = options();
  half.init->mask = mask(-1.0F, 1.0F);
  half.plan.strength = 1.0;
  const Samples found = sample(model_, half);
  const FloatImages x_0 = pictures(3);
  for (std::size_t i = 0; i < x_0.values.size(); ++i) {
    if (is_left(i)) {
      ASSERT_EQ(found.x_0.values[i], x_0.values[i]) << i;
    } else {
      ASSERT_NE(found.x_0.values[i], x_0.values[i]) << i;
    }
  }
  for (const std::int64_t batch : {1, 2}) {
    half.run.batch = batch;
    EXPECT_EQ(sample(model_, half).x_0.values, found.x_0.values) << batch;
  }
  // What is drawn looks at what is kept.
  half.init->images.values[0] += 0.5F;
  EXPECT_NE(sample(model_, half).x_0.values[12], found.x_0.values[12]);
}

TEST_F(InitImages, AreRefusedWithAMaskThatCannotBeMeant) {
  SampleOptions masked = options();
  const auto refused = [&](const std::string& part, float left, float right) {
    masked.init->mask = mask(left, right);
    expect_error(ErrorCode::user, part, [&] { sample(model_, masked); });
    expect_error(ErrorCode::user, part,
                 [&] { check_sample(model_, make_plan(model_, masked.plan), masked); });
  };
  refused("mask selects nothing: all its values are 0, which is black", -1.0F, -1.0F);
  refused("which is black (0 stands for -1, 255 for 1)", -0.88F, -1.0F);
  refused("mask selects everything: all its values are 255", 1.0F, 1.0F);
  refused("mask selects everything: all its values are 255", 5.0F, 300.0F);
}

TEST_F(InitImages, RefusesWhatCannotBe) {
  const auto refused = [&](const std::string& part, auto change) {
    SampleOptions wrong = options();
    change(wrong);
    expect_error(ErrorCode::user, part, [&] { sample(model_, wrong); });
  };
  refused("strength: 0", [](SampleOptions& o) { o.plan.strength = 0.0; });
  refused("strength: 1.5", [](SampleOptions& o) { o.plan.strength = 1.5; });
  refused("strength: 0.12 of 4 steps is less than half a step; the smallest that works is 0.125",
          [](SampleOptions& o) { o.plan.strength = 0.12; });
  refused("smallest that works is 0.0005", [](SampleOptions& o) {
    o.plan.steps = 1000;
    o.plan.strength = 0.0004;
  });
  refused("smallest that works is 0.1", [](SampleOptions& o) {
    o.plan.steps = 5;
    o.plan.strength = 0.01;
  });
  refused("smallest that works is 0.083334", [](SampleOptions& o) {
    o.plan.steps = 6;
    o.plan.strength = 0.083333;
  });
  refused("strength: 0.8 is of the way from a picture to noise; give pictures",
          [](SampleOptions& o) { o.init.reset(); });
  refused("strength: nan", [](SampleOptions& o) { o.plan.strength = std::nan(""); });
  refused("2 pictures for 3", [](SampleOptions& o) { o.init->images = pictures(2); });
  refused("not both", [](SampleOptions& o) { o.x_T = pictures(3); });
  refused("adaptive", [](SampleOptions& o) { o.plan.sampler = Sampler::adaptive; });
  refused("3 pictures of 8x8; expected one of 8x8",
          [](SampleOptions& o) { o.init->mask = pictures(3); });
  refused("mask: its pixels have no numbers", [](SampleOptions& o) {
    o.init->mask = FloatImages{.count = 1, .shape = {.channels = 0, .height = 8, .width = 8}};
  });
  refused("3 pictures of 8x24x1; expected 3 of 8x8x3", [](SampleOptions& o) {
    o.init->images.shape.channels = 1;
    o.init->images.shape.height = 24;
  });
  refused("NaN", [](SampleOptions& o) { o.init->images.values[0] = std::nanf(""); });
}

class Previews : public MicroModel {};

TEST_F(Previews, ShowEveryStepOfEveryPictureAndEndWithThePicture) {
  std::map<std::int64_t, std::vector<double>> visited;  // picture -> t
  FloatImages last;
  const Samples samples =
      sample(model_, {.plan = {.steps = 4},
                      .count = 3,
                      .first_image = 10,
                      .run = {.batch = 1},
                      .preview = [&](const StepPreview& step) {
                        ASSERT_EQ(step.x0_pred.count, 1);
                        EXPECT_EQ(step.step, std::ssize(visited[step.first_image]));
                        visited[step.first_image].push_back(step.t);
                        if (step.first_image == 12) last = step.x0_pred;
                      }});
  EXPECT_EQ(visited.size(), 3U);
  EXPECT_EQ(visited[11], (std::vector<double>{999, 749, 499, 249}));
  // The last step lands on its own prediction (alpha_bar_prev is 1).
  EXPECT_EQ(to_image(last, 0).pixels, to_image(samples.x_0, 2).pixels);
}

TEST_F(Previews, StatesBeginWithTheNoiseOfEachPicture) {
  for (const Sampler sampler : {Sampler::ddim, Sampler::adaptive}) {
    std::map<std::int64_t, std::vector<float>> first;  // picture -> x_t
    sample(model_, {.plan = {.steps = 3, .sampler = sampler},
                    .count = 3,
                    .seed = 6,
                    .run = {.batch = 3, .threads = 1},
                    .preview = [&](const StepPreview& step) {
                      if (step.step > 0) return;
                      for (std::int64_t k = 0; k < step.x_t.count; ++k)
                        first[step.first_image + k].assign(step.x_t[k].begin(), step.x_t[k].end());
                    }});
    const FloatImages noise = draw_noise(model_, 6, 3);
    ASSERT_EQ(first.size(), 3U);
    for (std::int64_t k = 0; k < 3; ++k)
      EXPECT_EQ(first[k], std::vector<float>(noise[k].begin(), noise[k].end())) << k;
  }
}

TEST_F(Previews, CanStopTheRun) {
  std::stop_source stop;
  int num_previews = 0;
  const auto run = [&] {
    sample(model_, {.plan = {.steps = 100},
                    .run = {.stop = stop.get_token()},
                    .preview = [&](const StepPreview&) {
                      if (++num_previews == 2) stop.request_stop();
                    }});
  };
  expect_error(ErrorCode::interrupted, "stopped", run);
  EXPECT_EQ(num_previews, 2);
}

class Pictures : public MicroModel {
 protected:
  std::filesystem::path picture(std::int64_t width, std::int64_t height, std::int64_t channels) {
    Image image{.width = width, .height = height, .channels = channels};
    image.pixels.assign(static_cast<std::size_t>(width * height * channels), 255);
    const std::filesystem::path file = folder_ / (std::to_string(width) + ".png");
    write_png(file, image, {.overwrite = Overwrite::allow});
    return file;
  }
};

TEST_F(Pictures, HaveTheModelsSizeAndChannels) {
  const FloatImages grey = load_pictures(model_, {picture(8, 8, 1), picture(8, 8, 3)});
  EXPECT_EQ(grey.count, 2);
  EXPECT_EQ(grey.values, std::vector<float>(2 * 3 * 64, 1.0F));
}

TEST_F(Pictures, OfAnotherSizeAreRefusedOrMadeToFit) {
  expect_error(ErrorCode::user, "choose crop-resize or pad",
               [&] { load_pictures(model_, {picture(6, 6, 3)}); });
  const FloatImages padded = load_pictures(model_, {picture(6, 6, 3)}, Fit::pad);
  EXPECT_EQ(padded.values[0], -1.0F);
  EXPECT_EQ(padded.values[9 * 3], 1.0F);
  EXPECT_EQ(load_pictures(model_, {picture(20, 16, 3)}, Fit::crop_resize).values,
            std::vector<float>(3 * 64, 1.0F));
  expect_error(ErrorCode::user, "20x",
               [&] { load_pictures(model_, {picture(20, 20, 3)}, Fit::pad); });
}

TEST_F(Pictures, SayWhatIsWrongWithAFile) {
  expect_error(ErrorCode::user, "no file", [&] { load_pictures(model_, {}); });
  expect_error(ErrorCode::io, "nowhere.png",
               [&] { load_pictures(model_, {folder_ / "nowhere.png"}); });
  ddim::test::write_text(folder_ / "a.gif", "only text");
  expect_error(ErrorCode::corrupt, "expected PNG, JPEG",
               [&] { load_pictures(model_, {folder_ / "a.gif"}); });
}

TEST_F(Pictures, AreLaidOverTheBackground) {
  write_png(folder_ / "clear.png", {8, 8, 4, std::vector<std::uint8_t>(256, 0)});
  EXPECT_EQ(load_pictures(model_, {folder_ / "clear.png"}).values, std::vector<float>(192, 1.0F));
  const FloatImages red =
      load_pictures(model_, {folder_ / "clear.png"}, Fit::none, {.background = Colour{255, 0, 0}});
  EXPECT_EQ(red.values[0], 1.0F);
  EXPECT_EQ(red.values[1], -1.0F);
}

class Masks : public Pictures {
 protected:
  /// A mask of 8 x 8 whose samples repeat.
  std::filesystem::path mask(std::int64_t channels, const std::vector<std::uint8_t>& samples) {
    Image image{.width = 8, .height = 8, .channels = channels};
    for (std::size_t i = 0; i < image.num_samples(); ++i)
      image.pixels.push_back(samples[i % samples.size()]);
    write_png(folder_ / "mask.png", image, {.overwrite = Overwrite::allow});
    return folder_ / "mask.png";
  }
  void refused(const std::string& part, const std::filesystem::path& file) {
    expect_error(ErrorCode::user, part, [&] { load_mask(model_, file); });
  }
};

TEST_F(Masks, CountTheirAlpha) {
  // White all over, but half of it is transparent.
  const FloatImages loaded = load_mask(model_, mask(4, {255, 255, 255, 255, 255, 255, 255, 0}));
  EXPECT_EQ(loaded.values[0], 1.0F);
  EXPECT_EQ(loaded.values[3], -1.0F);
  const FloatImages grey = load_mask(model_, mask(2, {255, 0, 255, 255}));
  EXPECT_EQ(grey.values[0], -1.0F);
  EXPECT_EQ(grey.values[5], 1.0F);
  EXPECT_EQ(load_mask(model_, mask(1, {0, 255})).values[3], 1.0F);
}

TEST_F(Masks, ThatCannotBeMeantAreRefused) {
  refused("mask.png selects nothing: all its values are 0", mask(1, {0}));
  refused("selects nothing: it has 2 different values, from 0 to 1", mask(1, {0, 1}));
  refused("selects nothing: it has 3 different values, from 0 to 2",
          mask(3, {0, 0, 0, 1, 1, 1, 2, 2, 2}));
  refused("selects nothing: all its values are 0", mask(4, {255, 255, 255, 0}));
  refused("alpha channel: transparent counts as black", mask(4, {0, 0, 0, 255, 0, 0, 0, 0}));
  refused("alpha channel: transparent counts as black", mask(2, {255, 0}));
  refused("which is black; the part to be drawn", mask(3, {0}));
  refused("selects everything: all its values are 255", mask(1, {255}));
  refused("selects everything: all its values are 255", mask(4, {255, 255, 255, 255}));
  refused("selects everything: it has 2 different values, from 250 to 255", mask(1, {250, 255}));
}

TEST_F(Masks, OfOneChannelInArraysCountForAll) {
  FloatImages grey{.count = 1, .shape = {.channels = 1, .height = 8, .width = 8}};
  for (int i = 0; i < 64; ++i) grey.values.push_back(i % 8 < 4 ? -1.0F : 1.0F);
  write_npz(folder_ / "mask.npz", grey);
  const FloatImages loaded = load_mask(model_, folder_ / "mask.npz");
  EXPECT_EQ(loaded.shape, model_.info().shape);
  for (std::size_t i = 0; i < 192; ++i) ASSERT_EQ(loaded.values[i], grey.values[i / 3]) << i;
  EXPECT_EQ(load_pictures(model_, {folder_ / "mask.npz"}).values, loaded.values);
  for (float& value : grey.values) value = value < 0.0F ? -1.0F : -1.0F + 1.0F / 127.5F;
  write_npz(folder_ / "dark.npz", grey);
  refused("dark.npz selects nothing: it has 2 different values, from 0 to 1", folder_ / "dark.npz");
}

TEST_F(Masks, OfGreyMixWhatIsKeptAndDrawn) {
  const auto drawn = [&](std::uint8_t level) {
    FloatImages mask = load_mask(model_, this->mask(1, {level, 255, 0}));
    SampleOptions options{.plan = {.steps = 2}, .count = 1};
    options.init = InitImage{.images = load_pictures(model_, {picture(8, 8, 3)})};
    options.init->mask = std::move(mask);
    return sample(model_, options).x_0.values[0];
  };
  const float kept = drawn(0), free = drawn(255), mixed = drawn(128);
  EXPECT_EQ(kept, 1.0F);
  EXPECT_EQ(drawn(10), kept);
  EXPECT_EQ(drawn(245), free);
  EXPECT_GT(mixed, std::min(kept, free));
  EXPECT_LT(mixed, std::max(kept, free));
}

}  // namespace
}  // namespace ddim::api_test
