#include <ddim/c.h>
#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <limits>
#include <thread>

#include "tests/api/small_models.h"
#include "tests/support/text_files.h"

namespace ddim::api_test {
namespace {

using ::testing::HasSubstr;

template <class Object, void (*free_object)(Object*)>
struct Freeing {
  void operator()(Object* object) const { free_object(object); }
};
using OwnedImages = std::unique_ptr<ddim_images, Freeing<ddim_images, ddim_images_free>>;
using OwnedCodes = std::unique_ptr<ddim_codes, Freeing<ddim_codes, ddim_codes_free>>;
using OwnedOptions = std::unique_ptr<ddim_options, Freeing<ddim_options, ddim_options_free>>;
using OwnedModel = std::unique_ptr<ddim_model, Freeing<ddim_model, ddim_model_free>>;

std::vector<float> values_of(const ddim_images* images) {
  std::int64_t count = 0, width = 0, height = 0, channels = 0;
  EXPECT_EQ(ddim_images_size(images, &count, &width, &height, &channels), DDIM_OK);
  const float* const values = ddim_images_values(images);
  return {values, values + count * width * height * channels};
}

class CInterface : public MicroModel {
 protected:
  CInterface() {
    ddim_model* model = nullptr;
    EXPECT_EQ(ddim_model_load((folder_ / "micro").c_str(), &model), DDIM_OK) << ddim_last_error();
    c_model_.reset(model);
  }
  static OwnedOptions options(std::initializer_list<std::pair<const char*, const char*>> settings) {
    OwnedOptions options(ddim_options_new());
    for (const auto& [name, value] : settings)
      EXPECT_EQ(ddim_options_set(options.get(), name, value), DDIM_OK) << ddim_last_error();
    return options;
  }
  OwnedImages draw(const ddim_options* options) {
    ddim_images* images = nullptr;
    EXPECT_EQ(ddim_sample(c_model_.get(), options, &images), DDIM_OK) << ddim_last_error();
    return OwnedImages(images);
  }

  OwnedModel c_model_;
};

TEST_F(CInterface, DrawsEncodesAndInterpolatesAsCppDoes) {
  std::int64_t width = 0, channels = 0;
  EXPECT_EQ(ddim_model_shape(c_model_.get(), &width, nullptr, &channels), DDIM_OK);
  EXPECT_EQ(width, 8);
  EXPECT_EQ(channels, 3);
  EXPECT_EQ(ddim_model_num_classes(c_model_.get()), 0);
  EXPECT_EQ(ddim_model_hash(c_model_.get()), model_.weights_hash());
  EXPECT_STREQ(ddim_version(), version());

  const OwnedOptions said = options({{"steps", "3"},
                                     {"eta", "0.5"},
                                     {"count", "2"},
                                     {"seed", "7"},
                                     {"tau", "quadratic"},
                                     {"clip", "keep-eps"},
                                     {"threads", "1"},
                                     {"batch", "1"}});
  const OwnedImages drawn = draw(said.get());
  const SampleOptions same{.plan = {.steps = 3,
                                    .tau = TauKind::quadratic,
                                    .eta = 0.5,
                                    .clip = {.bound = Clip::Bound::range}},
                           .count = 2,
                           .seed = 7};
  EXPECT_EQ(values_of(drawn.get()), sample(model_, same).x_0.values);

  ddim_images* made = nullptr;
  ASSERT_EQ(ddim_draw_noise(c_model_.get(), 7, 2, &made), DDIM_OK);
  const OwnedImages noise(made);
  EXPECT_EQ(values_of(noise.get()), draw_noise(model_, 7, 2).values);
  ASSERT_EQ(ddim_interpolate(noise.get(), 5, &made), DDIM_OK);
  const OwnedImages line(made);
  EXPECT_EQ(values_of(line.get()), interpolate(draw_noise(model_, 7, 2), 5).values);
  const OwnedOptions from_line = options({{"steps", "2"}});
  ASSERT_EQ(ddim_options_set_noise(from_line.get(), line.get()), DDIM_OK);
  EXPECT_EQ(
      values_of(draw(from_line.get()).get()),
      sample(model_,
             {.plan = {.steps = 2}, .count = 5, .x_T = interpolate(draw_noise(model_, 7, 2), 5)})
          .x_0.values);

  ddim_codes* codes = nullptr;
  const OwnedOptions exact = options({{"steps", "2"}, {"exact", "yes"}});
  ASSERT_EQ(ddim_encode(c_model_.get(), drawn.get(), exact.get(), &codes), DDIM_OK)
      << ddim_last_error();
  const OwnedCodes owned(codes);
  const std::string file = folder_ / "codes.safetensors";
  EXPECT_EQ(ddim_codes_write(codes, file.c_str()), DDIM_OK);
  EXPECT_EQ(ddim_codes_write(codes, file.c_str()), DDIM_USER);  // is there already
  ddim_codes* read = nullptr;
  ASSERT_EQ(ddim_codes_read(file.c_str(), &read), DDIM_OK);
  const OwnedCodes again(read);
  ASSERT_EQ(ddim_decode(c_model_.get(), read, nullptr, &made), DDIM_OK) << ddim_last_error();
  const OwnedImages decoded(made);
  const Codes as_cpp =
      encode(model_, sample(model_, same).x_0,
             {.plan = {.steps = 2, .tau = TauKind::quadratic}, .method = EncodeMethod::exact});
  EXPECT_GT(as_cpp.residual, 0.0);
  EXPECT_EQ(ddim_codes_residual(codes), as_cpp.residual);
  EXPECT_EQ(ddim_codes_residual(read), 0.0);
  EXPECT_EQ(ddim_codes_residual(nullptr), 0.0);
  EXPECT_EQ(values_of(decoded.get()), decode(model_, as_cpp).x_0.values);
  Codes of_other = as_cpp;
  of_other.model_hash = std::string(64, 'a');
  const std::string others = folder_ / "others.safetensors";
  write_codes(others, of_other);
  ASSERT_EQ(ddim_codes_read(others.c_str(), &read), DDIM_OK);
  const OwnedCodes foreign(read);
  EXPECT_EQ(ddim_decode(c_model_.get(), read, nullptr, &made), DDIM_USER);
  EXPECT_THAT(ddim_last_error(), HasSubstr("aaaaaaaaaaaa"));
  const OwnedOptions anyway = options({{"other_weights", "yes"}});
  ASSERT_EQ(ddim_decode(c_model_.get(), read, anyway.get(), &made), DDIM_OK);
  EXPECT_EQ(values_of(OwnedImages(made).get()), decode(model_, as_cpp).x_0.values);
  ASSERT_EQ(ddim_codes_states(codes, &made), DDIM_OK);
  EXPECT_EQ(values_of(OwnedImages(made).get()), as_cpp.x_T.values);
}

TEST_F(CInterface, WhatACallHasNoUseForIsNotLookedAt) {
  const OwnedImages drawn = draw(options({{"steps", "1"}}).get());
  const auto states_of = [&](const ddim_options* options) {
    ddim_codes* codes = nullptr;
    EXPECT_EQ(ddim_encode(c_model_.get(), drawn.get(), options, &codes), DDIM_OK)
        << ddim_last_error();
    const OwnedCodes owned(codes);
    ddim_images* states = nullptr;
    EXPECT_EQ(ddim_codes_states(codes, &states), DDIM_OK);
    return values_of(OwnedImages(states).get());
  };
  const std::vector<float> plain = states_of(options({{"steps", "3"}}).get());
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"sampler", "unipc"},
                                                                  {"sampler", "adaptive"},
                                                                  {"eta", "0.5"},
                                                                  {"sigma_hat", "true"},
                                                                  {"clip", "threshold-keep-eps"},
                                                                  {"threshold", "0.9"},
                                                                  {"tolerance", "0.1"},
                                                                  {"strength", "0.5"},
                                                                  {"final_alpha", "first"}})
    EXPECT_EQ(states_of(options({{"steps", "3"}, {name, value}}).get()), plain) << name << value;

  ddim_codes* codes = nullptr;
  ASSERT_EQ(ddim_encode(c_model_.get(), drawn.get(), options({{"steps", "3"}}).get(), &codes),
            DDIM_OK);
  const OwnedCodes owned(codes);
  const auto decoded = [&](std::initializer_list<std::pair<const char*, const char*>> settings) {
    ddim_images* made = nullptr;
    EXPECT_EQ(ddim_decode(c_model_.get(), codes, options(settings).get(), &made), DDIM_OK)
        << ddim_last_error();
    return values_of(OwnedImages(made).get());
  };
  EXPECT_EQ(decoded({{"sampler", "heun"}, {"clip", "keep-eps"}, {"steps", "2000"}}),
            decoded({{"clip", "keep-eps"}}));
  EXPECT_NE(decoded({{"clip", "threshold-keep-eps"}, {"threshold", "0.1"}}),
            decoded({{"clip", "threshold-keep-eps"}}));
}

TEST_F(CInterface, WhatHasNoEffectBesideOthersIsRefused) {
  ddim_images* made = nullptr;
  const auto refuses = [&](const ddim_options* said, const char* message) {
    EXPECT_EQ(ddim_sample(c_model_.get(), said, &made), DDIM_USER);
    EXPECT_NE(std::string(ddim_last_error()).find(message), std::string::npos) << ddim_last_error();
    EXPECT_EQ(made, nullptr);
  };
  refuses(options({{"tau", "0,500"}, {"steps", "7"}}).get(),
          "steps has no effect beside a list of steps (tau)");
  draw(options({{"tau", "0,500"}}).get());
  // Noise sets the count; another that is said later is not theirs.
  ddim_images* states = nullptr;
  ASSERT_EQ(ddim_draw_noise(c_model_.get(), 3, 2, &states), DDIM_OK);
  const OwnedImages owned(states);
  const OwnedOptions said = options({{"steps", "1"}, {"count", "5"}});
  ASSERT_EQ(ddim_options_set_noise(said.get(), states), DDIM_OK);
  EXPECT_EQ(values_of(draw(said.get()).get()).size(), values_of(states).size());
  ASSERT_EQ(ddim_options_set(said.get(), "count", "3"), DDIM_OK);
  refuses(said.get(), "x_T");
}

TEST_F(CInterface, OfEtaAndSigmaHatTheLastOneCounts) {
  const OwnedOptions said = options({{"steps", "3"}, {"eta", "0.5"}, {"sigma_hat", "true"}});
  const auto drawn = [&](PlanOptions plan) {
    plan.steps = 3;
    return sample(model_, {.plan = plan}).x_0.values;
  };
  EXPECT_EQ(values_of(draw(said.get()).get()), drawn({.eta = SigmaHat{}}));
  ASSERT_EQ(ddim_options_set(said.get(), "sigma_hat", "false"), DDIM_OK) << ddim_last_error();
  EXPECT_EQ(values_of(draw(said.get()).get()), drawn({}));
  ASSERT_EQ(ddim_options_set(said.get(), "sigma_hat", "true"), DDIM_OK);
  ASSERT_EQ(ddim_options_set(said.get(), "eta", "0.5"), DDIM_OK);
  ASSERT_EQ(ddim_options_set(said.get(), "sigma_hat", "false"), DDIM_OK);
  EXPECT_EQ(values_of(draw(said.get()).get()), drawn({.eta = 0.5}));
}

TEST_F(CInterface, PicturesAsBytesAndFiles) {
  const OwnedImages drawn = draw(options({{"steps", "2"}, {"count", "3"}}).get());
  std::vector<std::uint8_t> bytes(3 * 8 * 8 * 3);
  ASSERT_EQ(ddim_images_bytes(drawn.get(), bytes.data(), bytes.size()), DDIM_OK);
  const FloatImages same = sample(model_, {.plan = {.steps = 2}, .count = 3}).x_0;
  const std::vector<std::uint8_t> last(bytes.end() - 192, bytes.end());
  EXPECT_EQ(last, to_image(same, 2).pixels);
  EXPECT_EQ(ddim_images_bytes(drawn.get(), bytes.data(), 5), DDIM_USER);
  EXPECT_THAT(ddim_last_error(), HasSubstr("size is 5, but there are 576"));
  std::vector<float> values = same.values;
  values.back() = std::numeric_limits<float>::quiet_NaN();
  ddim_images* made = nullptr;
  ASSERT_EQ(ddim_images_new(3, 8, 8, 3, values.data(), &made), DDIM_OK);
  const OwnedImages damaged(made);
  std::vector<std::uint8_t> untouched(bytes.size(), 77);
  EXPECT_EQ(ddim_images_bytes(made, untouched.data(), untouched.size()), DDIM_NUMERIC);
  EXPECT_EQ(untouched, std::vector<std::uint8_t>(bytes.size(), 77));

  write_png(folder_ / "one.png", to_image(same, 0));
  const std::string path = folder_ / "one.png", missing = folder_ / "none.png";
  ddim_images* loaded = nullptr;
  const char* paths[] = {path.c_str(), path.c_str()};
  ASSERT_EQ(ddim_images_load(c_model_.get(), paths, 2, nullptr, &loaded), DDIM_OK)
      << ddim_last_error();
  EXPECT_EQ(values_of(OwnedImages(loaded).get()).size(), 384U);
  paths[1] = missing.c_str();
  EXPECT_EQ(ddim_images_load(c_model_.get(), paths, 2, "pad", &loaded), DDIM_IO);
  EXPECT_EQ(ddim_images_load(c_model_.get(), paths, 1, "squeeze", &loaded), DDIM_USER);
  EXPECT_EQ(ddim_images_write_grid(drawn.get(), (folder_ / "grid.png").c_str()), DDIM_OK);
  EXPECT_EQ(read_png(folder_ / "grid.png").width, 2 * 10 + 2);
}

TEST_F(CInterface, WhatIsWrongIsAStatusAndAMessage) {
  const auto refused = [](ddim_status status, ddim_status expected, const char* part) {
    EXPECT_EQ(status, expected);
    EXPECT_THAT(ddim_last_error(), HasSubstr(part));
  };
  ddim_model* model = nullptr;
  ddim_images* images = nullptr;
  ddim_codes* codes = nullptr;
  const OwnedOptions said(ddim_options_new());
  refused(ddim_model_load("/nowhere/at/all", &model), DDIM_USER, "/nowhere/at/all");
  refused(ddim_model_load(nullptr, &model), DDIM_USER, "name is NULL");
  refused(ddim_model_load("x", nullptr), DDIM_USER, "model is NULL");
  EXPECT_EQ(model, nullptr);
  refused(ddim_options_set(said.get(), "stepps", "3"), DDIM_USAGE,
          "there is no option stepps; there are sampler, steps, tau");
  refused(ddim_options_set(said.get(), "model", "3"), DDIM_USAGE, "there is no option model");
  refused(ddim_options_set(said.get(), "steps", "three"), DDIM_USER, "steps: \"three\"");
  refused(ddim_options_set(said.get(), "seed", "1,2"), DDIM_USER, "seed");
  refused(ddim_options_set(said.get(), "sampler", "best"), DDIM_USER,
          "sampler: unknown value \"best\"; choose one of ddim, ddpm-small");
  refused(ddim_options_set(said.get(), "tau", "best"), DDIM_USER,
          "tau: unknown value \"best\"; choose one of linear, quadratic");
  refused(ddim_options_set(said.get(), "precision", "fp16"), DDIM_USER,
          "precision: unknown value \"fp16\"; did you mean fp32? Choose one of fp32, bf16");
  // A name that is too long, and one that the system cannot follow, are no defects of ddim.
  refused(ddim_model_load(std::string(5000, 'x').c_str(), &model), DDIM_USER, "no such file");
  const std::string loop = folder_ / "loop";
  std::filesystem::create_symlink("loop", loop);
  refused(ddim_model_load(loop.c_str(), &model), DDIM_IO, loop.c_str());
  refused(ddim_options_set(said.get(), "threads", "-1"), DDIM_USER, "threads must be");
  refused(ddim_options_set(said.get(), "exact", "true"), DDIM_USER, "exact must be");
  refused(ddim_options_set(nullptr, "steps", "3"), DDIM_USER, "options is NULL");
  ASSERT_EQ(ddim_options_set(said.get(), "steps", "2000"), DDIM_OK);
  refused(ddim_sample(c_model_.get(), said.get(), &images), DDIM_USER, "steps must be");
  const auto refused_to_draw = [&](const char* name, const char* value, const char* part) {
    const OwnedOptions alone = options({{name, value}});
    refused(ddim_sample(c_model_.get(), alone.get(), &images), DDIM_USER, part);
  };
  refused_to_draw("threshold", "0.9", "threshold needs the clip threshold-keep-eps");
  refused_to_draw("clip_range", "0.1", "clip_range needs the clip keep-eps");
  refused_to_draw("tolerance", "0.1", "tolerance works only with the sampler adaptive");
  refused(ddim_sample(nullptr, said.get(), &images), DDIM_USER, "model is NULL");
  const float value = 0.0F;
  refused(ddim_images_new(1, 0, 1, 1, &value, &images), DDIM_USER, "1 or greater");
  refused(ddim_images_new(1 << 20, 1 << 20, 1, 1, &value, &images), DDIM_USER, "2^31");
  refused(ddim_images_new(1, 1, 1, 1, nullptr, &images), DDIM_USER, "values is NULL");
  ASSERT_EQ(ddim_images_new(1, 1, 1, 1, &value, &images), DDIM_OK);
  const OwnedImages other(images);
  refused(ddim_encode(c_model_.get(), other.get(), nullptr, &codes), DDIM_USER, "8x8x3");
  refused(ddim_codes_read("/nowhere/codes", &codes), DDIM_IO, "/nowhere/codes");
  EXPECT_EQ(ddim_model_num_classes(nullptr), 0);
  EXPECT_EQ(ddim_images_values(nullptr), nullptr);
  ddim_model_free(nullptr);
  ddim_images_free(nullptr);
}

TEST_F(CInterface, StartsFromPicturesAndLoadsAsAsked) {
  const FloatImages start = pictures(1);
  ddim_images* made = nullptr;
  ASSERT_EQ(ddim_images_new(1, 8, 8, 3, start.values.data(), &made), DDIM_OK);
  const OwnedImages from(made);
  const OwnedOptions said = options({{"steps", "4"}, {"count", "2"}, {"init-by", "encoding"}});
  ASSERT_EQ(ddim_options_set_init(said.get(), from.get(), nullptr), DDIM_OK);
  SampleOptions same{.plan = {.steps = 4, .strength = usual_strength(false)},
                     .count = 2,
                     .init = InitImage{.images = start, .by = InitBy::encoding}};
  EXPECT_EQ(values_of(draw(said.get()).get()), sample(model_, same).x_0.values);
  FloatImages mask = start;
  for (std::size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = i < 96 ? -1.0F : 1.0F;
  ASSERT_EQ(ddim_images_new(1, 8, 8, 3, mask.values.data(), &made), DDIM_OK);
  const OwnedImages kept(made);
  ASSERT_EQ(ddim_options_set_init(said.get(), from.get(), kept.get()), DDIM_OK);
  same.init->mask = mask;
  same.plan.strength = 1.0;
  EXPECT_EQ(values_of(draw(said.get()).get()), sample(model_, same).x_0.values);
  EXPECT_EQ(ddim_options_set_init(said.get(), nullptr, from.get()), DDIM_USER);

  ddim_codes* codes = nullptr;
  const OwnedOptions noisy = options({{"steps", "2"}, {"dequantise", "gaussian"}});
  ASSERT_EQ(ddim_encode(c_model_.get(), from.get(), noisy.get(), &codes), DDIM_OK);
  const OwnedCodes owned(codes);
  ASSERT_EQ(ddim_codes_states(codes, &made), DDIM_OK);
  EXPECT_EQ(
      values_of(OwnedImages(made).get()),
      encode(model_, start, {.plan = {.steps = 2}, .dequantise = Dequantise::gaussian}).x_T.values);

  const OwnedOptions loading = options({{"precision", "bf16"}, {"memory", "low"}});
  ddim_model* model = nullptr;
  ASSERT_EQ(ddim_model_load_with((folder_ / "micro").c_str(), loading.get(), &model), DDIM_OK);
  const OwnedModel rounded(model);
  const OwnedOptions short_run = options({{"steps", "2"}});
  ASSERT_EQ(ddim_sample(model, short_run.get(), &made), DDIM_OK);
  const Model as_cpp = Model::load(folder_ / "micro", {.precision = Precision::bf16});
  EXPECT_EQ(values_of(OwnedImages(made).get()), sample(as_cpp, {.plan = {.steps = 2}}).x_0.values);
}

TEST_F(CInterface, ClassesHaveNames) {
  const std::filesystem::path folder = folder_ / "classes";
  std::filesystem::copy("tests/diffusers/goldens/classes", folder,
                        std::filesystem::copy_options::recursive);
  const auto add = [&](const char* file, const std::string& entry) {
    std::string text = test::read_text(folder / file);
    text.insert(text.find('{') + 1, entry + ",");
    test::write_text(folder / file, text);
  };
  add("model_index.json", R"("_class_names": ["coat", "ankle boot", "bag", "shirt", "none"])");
  add("unet/config.json", R"("null_class": 4)");
  ddim_model* model = nullptr;
  ASSERT_EQ(ddim_model_load((folder_ / "classes").c_str(), &model), DDIM_OK) << ddim_last_error();
  const OwnedModel owned(model);
  EXPECT_STREQ(ddim_model_class_name(model, 1), "ankle boot");
  EXPECT_EQ(ddim_model_class_name(model, 5), nullptr);
  EXPECT_EQ(ddim_model_class_name(model, -1), nullptr);
  const auto drawn = [&](const char* classes) {
    const OwnedOptions said = options({{"steps", "1"}, {"count", "5"}, {"class", classes}});
    ddim_images* made = nullptr;
    EXPECT_EQ(ddim_sample(model, said.get(), &made), DDIM_OK) << ddim_last_error();
    return values_of(OwnedImages(made).get());
  };
  EXPECT_EQ(drawn("bag,1"), drawn("2,ankle boot"));
  EXPECT_NE(drawn("bag,1"), drawn("1,2"));
  EXPECT_EQ(drawn("all"), drawn("0,1,2,3"));
  const OwnedOptions wrong = options({{"class", "hat"}});
  ddim_images* made = nullptr;
  EXPECT_EQ(ddim_sample(model, wrong.get(), &made), DDIM_USER);
  EXPECT_THAT(ddim_last_error(),
              HasSubstr("no class \"hat\"; did you mean coat? Choose from coat, ankle boot, bag"));
}

TEST_F(CInterface, ProgressCanEndARunAndEachThreadHasItsMessage) {
  const OwnedOptions said = options({{"steps", "50"}, {"count", "4"}, {"batch", "1"}});
  std::atomic<int> calls = 0;
  ddim_options_set_progress(
      said.get(),
      [](void* user, std::int64_t done, std::int64_t total) {
        EXPECT_LE(done, total);
        return ++*static_cast<std::atomic<int>*>(user) < 3 ? 0 : 1;
      },
      &calls);
  ddim_images* images = nullptr;
  EXPECT_EQ(ddim_sample(c_model_.get(), said.get(), &images), DDIM_INTERRUPTED);
  EXPECT_EQ(images, nullptr);
  EXPECT_GE(calls, 3);
  const std::string message = ddim_last_error();
  std::thread([] { EXPECT_STREQ(ddim_last_error(), ""); }).join();
  EXPECT_EQ(ddim_last_error(), message);
}

}  // namespace
}  // namespace ddim::api_test
