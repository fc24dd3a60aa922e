#include <ddim/encode.h>
#include <ddim/model.h>
#include <ddim/pictures.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Every command with a model whose pictures have this shape.
class Shapes : public testing::TestWithParam<PictureShape> {
 protected:
  Shapes() {
    FloatImages set{.count = 4, .shape = shape_};
    for (std::size_t i = 0; i < 4 * shape_.size(); ++i)
      set.values.push_back(static_cast<float>(i * 31 % 256) / 127.5F - 1.0F);
    write_npz(data_, set);
    write_file(folder_ / "small.toml", config());
    const Outcome run = run_ddim("train " + (folder_ / "small.toml") + " --data " + data_ +
                                 " --quiet --out " + (folder_ / "run"));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    model_ = folder_ / "run/checkpoints/step-00000002";
  }

  std::string config() const {
    std::string text = small_training_config();
    const auto change = [&](const std::string& from, const std::string& to) {
      text.replace(text.find(from), from.size(), to);
    };
    change("channels = 3", "channels = " + std::to_string(shape_.channels));
    change("resolution = 8", "resolution = [" + std::to_string(shape_.height) + ", " +
                                 std::to_string(shape_.width) + "]");
    change("steps = 6", "steps = 2");
    return text + "sample_every_steps = 1\nsample_count = 4\nsample_steps = 2\n";
  }
  bool fits_png() const { return shape_.channels <= 4; }

  /// Runs `arguments` with the model, and fails when that fails.
  void run(const std::string& arguments) const {
    const Outcome outcome = run_ddim(arguments + " --quiet --model " + model_);
    EXPECT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.err;
  }
  /// Expects that `arguments`, which ask for a PNG, draw one of `width` x `height`, or are refused
  /// when a PNG cannot hold such pictures.
  void expect_png(const std::string& arguments, std::int64_t width, std::int64_t height) const {
    const std::string file = folder_ / "picture.png";
    const std::string command = arguments + " --overwrite --out " + file;
    if (fits_png()) {
      run(command);
      EXPECT_EQ(read_png(file).width, width) << arguments;
      EXPECT_EQ(read_png(file).height, height) << arguments;
    } else {
      expect_refused(command);
    }
  }
  /// Expects that `arguments` are refused before anything is computed or written.
  void expect_refused(const std::string& arguments) const {
    const std::vector<std::string> before = folder_.list();
    const Outcome outcome = run_ddim(arguments + " --model " + model_);
    EXPECT_EQ(outcome.exit_code, 1) << arguments;
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(".safetensors"), std::string::npos) << outcome.err;
    EXPECT_EQ(folder_.list(), before);
  }
  /// The pictures in NAME.safetensors, which have to be `count` of the right shape.
  FloatImages pictures(const std::string& name, std::int64_t count,
                       const std::string& tensor = "x_0") const {
    FloatImages images = read_tensor(folder_ / (name + ".safetensors"), tensor);
    EXPECT_EQ(images.count, count) << name;
    EXPECT_EQ(images.shape, shape_) << name;
    return images;
  }
  std::string out(const std::string& name) const {
    return " --out " + (folder_ / (name + ".safetensors")) + " ";
  }

  const PictureShape shape_ = GetParam();
  TemporaryFolder folder_;
  const std::string data_ = folder_ / "set.npz";
  std::string model_;
};

TEST_P(Shapes, TrainInfoPlanAndEvaluate) {
  EXPECT_TRUE(fs::exists(folder_ / (std::string("run/samples/step-00000001") +
                                    (fits_png() ? ".png" : ".safetensors"))));
  const Json info = Json::parse(run_ddim("info --json " + model_).out);
  EXPECT_EQ(info.at("height"), shape_.height);
  EXPECT_EQ(info.at("width"), shape_.width);
  EXPECT_EQ(info.at("channels"), shape_.channels);
  EXPECT_EQ(Json::parse(run_ddim("plan --json --steps 3 --model " + model_).out).at("nfe"), 3);
  const Outcome evaluation =
      run_ddim("evaluate --eps-error --json --t 10,900 --data " + data_ + " --model " + model_);
  ASSERT_EQ(evaluation.exit_code, 0) << evaluation.err;
  const Json result = Json::parse(evaluation.out);
  EXPECT_EQ(result.at("images"), 4);
  EXPECT_GT(result.at("eps_error").at(1).at("mean_squared_error"), 0.0);
}

TEST_P(Shapes, SampleWritesThemInEveryFormat) {
  const std::string sample = "sample --steps 2 --count 2 ";
  run(sample + out("a"));
  const FloatImages drawn = pictures("a", 2);
  run(sample + "--out " + (folder_ / "a.npz"));
  const FloatImages bytes = load_pictures(Model::load(model_), {folder_ / "a.npz"});
  ASSERT_EQ(bytes.count, 2);
  EXPECT_EQ(to_image(bytes, 1), to_image(drawn, 1));
  expect_png(sample, 2 * (shape_.width + 2) + 2, shape_.height + 4);
  if (!fits_png()) return expect_refused(sample + "--out " + (folder_ / "folder"));

  run(sample + "--out " + (folder_ / "folder"));
  const Image expected = to_image(drawn, 1);
  const Image picture = read_png(folder_ / "folder/000001.png");  // without alpha
  EXPECT_EQ(picture.width, shape_.width);
  EXPECT_EQ(picture.height, shape_.height);
  EXPECT_EQ(picture.channels, shape_.channels < 3 ? 1 : 3);
  ASSERT_EQ(picture.num_samples(), picture.pixels.size());
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    const auto channels = static_cast<std::size_t>(picture.channels);
    const std::size_t same =
        i / channels * static_cast<std::size_t>(shape_.channels) + i % channels;
    ASSERT_EQ(picture.pixels[i], expected.pixels[same]) << i;
  }
}

TEST_P(Shapes, SampleStartsFromNoiseAndFromPictures) {
  run("sample --steps 2 --count 1" + out("a"));
  const FloatImages a = pictures("a", 1);
  run("encode --steps 2 " + (folder_ / "a.safetensors") + out("codes"));
  run("sample --steps 2 --count 1 --final-alpha first --noise " + (folder_ / "codes.safetensors") +
      out("noise"));
  run("decode " + (folder_ / "codes.safetensors") + out("decoded"));
  EXPECT_EQ(pictures("noise", 1).values, pictures("decoded", 1).values);

  const std::string init =
      "sample --steps 4 --count 1 --init-image " + (folder_ / "a.safetensors") + " ";
  run(init + "--strength 0.5" + out("strength"));
  EXPECT_NE(pictures("strength", 1).values, a.values);
  run(init + "--init-by encoding" + out("encoding"));
  EXPECT_NE(pictures("encoding", 1).values, pictures("strength", 1).values);

  // White in the right half.
  const auto is_kept = [this](std::size_t i) {
    const std::int64_t x = static_cast<std::int64_t>(i) / shape_.channels % shape_.width;
    return x < shape_.width / 2;
  };
  FloatImages mask{.count = 1, .shape = shape_};
  for (std::size_t i = 0; i < shape_.size(); ++i) mask.values.push_back(is_kept(i) ? -1.0F : 1.0F);
  write_npz(folder_ / "mask.npz", mask);
  run(init + "--mask " + (folder_ / "mask.npz") + out("masked"));
  const FloatImages masked = pictures("masked", 1);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    if (is_kept(i))
      ASSERT_EQ(masked.values[i], a.values[i]) << i;
    else
      changed += masked.values[i] != a.values[i] ? 1 : 0;
  }
  EXPECT_GT(changed, shape_.size() / 4);
}

TEST_P(Shapes, EncodeDecodeAndReconstruct) {
  run("encode --steps 2 --data " + data_ + out("set"));
  run("encode --steps 2 " + data_ + out("file"));
  EXPECT_EQ(pictures("set", 4, "x_T").values, pictures("file", 4, "x_T").values);
  run("decode " + (folder_ / "set.safetensors") + out("decoded"));
  pictures("decoded", 4);
  expect_png("decode --columns 4 " + (folder_ / "set.safetensors"), 4 * (shape_.width + 2) + 2,
             shape_.height + 4);

  const std::string reconstruct = "reconstruct --steps 2,3 --data " + data_;
  run(reconstruct + out("rows"));  // the pictures, 2 steps, 3 steps
  const FloatImages rows = pictures("rows", 3 * 4);
  const FloatImages set = load_pictures(Model::load(model_), {data_});
  EXPECT_TRUE(std::equal(set.values.begin(), set.values.end(), rows.values.begin()));
  const std::int64_t labels = 8 * 6 + 16;  // "pictures"
  expect_png(reconstruct, labels + 4 * (shape_.width + 2) + 2, 3 * (shape_.height + 2) + 2);
}

TEST_P(Shapes, InterpolateAndConsistency) {
  run("interpolate 1 2 --steps 2 --frames 3" + out("seeds"));
  const FloatImages seeds = pictures("seeds", 3);
  run("encode --steps 2 --max-images 1 --data " + data_ + out("code"));
  run("interpolate 1 " + (folder_ / "code.safetensors") + " --steps 2 --frames 3" +
      out("code-line"));
  const FloatImages line = pictures("code-line", 3);
  // Both start at seed 1.
  EXPECT_TRUE(std::ranges::equal(line[0], seeds[0]));
  EXPECT_FALSE(std::ranges::equal(line[2], seeds[2]));
  expect_png("interpolate 1 2 --steps 2 --frames 3", 3 * (shape_.width + 2) + 2, shape_.height + 4);

  const std::string consistency = "consistency --steps 2,3 --reference 4 --count 2";
  run(consistency + out("consistency"));
  pictures("consistency", 3 * 2);
  const std::int64_t labels = 5 * 6 + 16;  // "S = 2"
  expect_png(consistency, labels + 2 * (shape_.width + 2) + 2, 3 * (shape_.height + 2) + 2);
}

TEST_P(Shapes, AConvertedModelDrawsTheSame) {
  run("sample --steps 2 --count 2" + out("before"));
  const std::string converted = folder_ / "converted";
  const Outcome conversion = run_ddim("convert " + model_ + " " + converted);
  ASSERT_EQ(conversion.exit_code, 0) << conversion.err;
  const Outcome after =
      run_ddim("sample --steps 2 --count 2 --quiet --model " + converted + out("after"));
  ASSERT_EQ(after.exit_code, 0) << after.err;
  EXPECT_EQ(pictures("after", 2).values, pictures("before", 2).values);
}

INSTANTIATE_TEST_SUITE_P(All, Shapes,
                         testing::Values(PictureShape{.channels = 3, .height = 16, .width = 32},
                                         PictureShape{.channels = 2, .height = 8, .width = 8},
                                         PictureShape{.channels = 4, .height = 8, .width = 8},
                                         PictureShape{.channels = 5, .height = 8, .width = 8},
                                         PictureShape{.channels = 5, .height = 8, .width = 16}),
                         [](const auto& shape) { return "Size" + to_string(shape.param); });

}  // namespace
}  // namespace ddim::cli_test
