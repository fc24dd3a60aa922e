#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

class Encoding : public MicroModel {};

/// The file of one number that another program might write.
void write_foreign_codes(const std::filesystem::path& path, const std::string& tau, float value) {
  std::string header = R"({"__metadata__":{"tau":")" + tau +
                       R"("},"x_T":{"dtype":"F32","shape":[1,1,1,1],"data_offsets":[0,4]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::ofstream out(path, std::ios::binary);
  out << static_cast<char>(header.size()) << std::string(7, '\0') << header;
  out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST_F(Encoding, CodesDoNotDependOnTheirNeighboursBatchesAndThreads) {
  for (const EncodeMethod method : {EncodeMethod::euler, EncodeMethod::exact}) {
    const auto codes_of = [&](std::int64_t batch, int threads) {
      return encode(model_, pictures(3),
                    {.plan = {.steps = 1},
                     .method = method,
                     .dequantise = Dequantise::gaussian,
                     .run = {.batch = batch, .threads = threads}})
          .x_T.values;
    };
    const std::vector<float> expected = codes_of(3, 1);
    EXPECT_EQ(codes_of(1, 1), expected);
    EXPECT_EQ(codes_of(2, 2), expected);
    EXPECT_EQ(codes_of(16, 4), expected);
  }
}

TEST_F(Encoding, CodesKnowTheStepsThatLeadBack) {
  EXPECT_EQ(encode(model_, pictures(1), {.plan = {.steps = 4}}).tau,
            (std::vector<double>{249, 499, 749, 999}));
  EXPECT_EQ(encode(model_, pictures(1), {.plan = {.tau = std::vector<double>{0, 10.5, 700}}}).tau,
            (std::vector<double>{10.5, 700}));
  EXPECT_EQ(encode(model_, pictures(1), {.plan = {.steps = 4}}).nfe, 4.0);
}

TEST_F(Encoding, StepsOfAFileRise) {
  Codes codes = encode(model_, pictures(1), {.plan = {.steps = 2}});
  for (const std::vector<double>& tau :
       {std::vector<double>{5, 3}, {5, 5}, {-1, 5}, {5, std::nan("")}, {5, INFINITY}}) {
    codes.tau = tau;
    expect_error(ErrorCode::user, "codes: their tau does not rise from 0 on",
                 [&] { write_codes(folder_ / "falling.safetensors", codes); });
  }
  for (const char* tau : {"5,3", "5,5", "-1,5", "5,nan", "5,inf"}) {
    const auto path = folder_ / "falling.safetensors";
    write_foreign_codes(path, tau, 0.0F);
    expect_error(ErrorCode::corrupt, "its tau does not rise from 0 on", [&] { read_codes(path); });
  }
  codes.tau = {5};
  codes.model_hash = "custom";
  expect_error(ErrorCode::user, "codes: their model_hash is not 64 hexadecimal digits",
               [&] { codes_bytes(codes); });
}

TEST_F(Encoding, CodesComeBackFromAFile) {
  Codes codes = encode(model_, pictures(2), {.plan = {.tau = std::vector<double>{10.5, 700}}});
  write_codes(folder_ / "a.safetensors", codes);
  const Codes back = read_codes(folder_ / "a.safetensors");
  EXPECT_EQ(back.x_T.values, codes.x_T.values);
  EXPECT_EQ(back.x_T.shape.width, 8);
  EXPECT_EQ(back.tau, codes.tau);
  EXPECT_EQ(back.model_hash, model_.weights_hash());
  EXPECT_EQ(decode(model_, back).x_0.values, decode(model_, codes).x_0.values);

  expect_error(ErrorCode::user, "exists", [&] { write_codes(folder_ / "a.safetensors", codes); });
  codes.x_T.values[3] = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorCode::user, "NaN", [&] { write_codes(folder_ / "b.safetensors", codes); });
  write_foreign_codes(folder_ / "nan.safetensors", "1,2", std::nanf(""));
  expect_error(ErrorCode::user, "NaN", [&] { read_codes(folder_ / "nan.safetensors"); });
}

TEST_F(Encoding, SaysWhatIsWrongWithATau) {
  write_foreign_codes(folder_ / "tau.safetensors", "1,2,x", 0.0F);
  expect_error(ErrorCode::corrupt, "tau", [&] { read_codes(folder_ / "tau.safetensors"); });
  write_foreign_codes(folder_ / "hash.safetensors", R"(1,2","model_hash":"custom)", 0.0F);
  expect_error(ErrorCode::corrupt, "model_hash", [&] { read_codes(folder_ / "hash.safetensors"); });
}

TEST_F(Encoding, CodesAreOfTheModelThatMadeThem) {
  Codes codes = encode(model_, pictures(1), {.plan = {.steps = 2}});
  EXPECT_EQ(codes.model_hash, model_.weights_hash());
  const FloatImages own = decode(model_, codes).x_0;
  codes.model_hash = std::string(64, 'a');
  const std::string hashes = "were made by the weights aaaaaaaaaaaa; those of micro are " +
                             model_.weights_hash().substr(0, 12);
  expect_error(ErrorCode::user, hashes, [&] { decode(model_, codes); });
  expect_error(ErrorCode::user, hashes, [&] { check_decode(model_, codes); });
  expect_error(ErrorCode::user, "mine: " + hashes, [&] { check_codes(model_, codes, "mine"); });
  check_decode(Model::without_weights(folder_ / "micro"), codes);  // which nobody can know
  // A denoiser of somebody's own may be any model, and older files do not say whose they are.
  const Model custom = Model::from(
      {.shape = codes.x_T.shape, .predict = [](const Denoiser::Call& call, std::span<float> eps) {
         std::ranges::copy(call.x_t, eps.begin());
       }});
  decode(custom, codes);
  EXPECT_EQ(encode(custom, pictures(1), {.plan = {.steps = 2}}).model_hash, "");
  codes.model_hash.clear();
  EXPECT_EQ(decode(model_, codes).x_0.values, own.values);
}

TEST_F(Encoding, CodesNameTheStepsThatTheModelDoesNotHave) {
  const Codes codes{.x_T = pictures(1), .tau = {10, 1000}};
  const char* const message = "codes: were made with the step 1000, but the model has T = 1000";
  expect_error(ErrorCode::user, message, [&] { decode(model_, codes); });
  expect_error(ErrorCode::user, message, [&] { check_decode(model_, codes); });
}

TEST_F(Encoding, RefusesPicturesThatAreNotTheModels) {
  FloatImages odd = pictures(1);
  odd.shape.channels = 1;
  odd.values.resize(64);
  expect_error(ErrorCode::user, "1 picture of 8x8x1; expected 1 of 8x8x3",
               [&] { encode(model_, odd); });
  FloatImages broken = pictures(1);
  broken.values[5] = std::numeric_limits<float>::infinity();
  expect_error(ErrorCode::user, "NaN or infinity", [&] { encode(model_, broken); });
  expect_error(ErrorCode::user, "steps",
               [&] { encode(model_, pictures(1), {.plan = {.steps = 1001}}); });
}

TEST_F(Encoding, CanBeStopped) {
  std::stop_source stop;
  std::int64_t done = 0;
  const auto stopped = [&] {
    encode(model_, pictures(1),
           {.plan = {.steps = 500},
            .run = {.progress =
                        [&](const RunProgress& now) {
                          done = now.evaluations_done;
                          if (done == 3) stop.request_stop();
                        },
                    .stop = stop.get_token()}});
  };
  expect_error(ErrorCode::interrupted, "stopped", stopped);
  EXPECT_EQ(done, 3);
}

class ShippedModel : public testing::Test {
 protected:
  const Model model_ = Model::load("models/fashion-mnist");
  const FloatImages picture_ = load_pictures(model_, {"docs/pictures/shirt.png"}, Fit::pad);
};

TEST_F(ShippedModel, AnExactEncodingComesBackToFloatAccuracy) {
  const Codes codes = encode(model_, picture_,
                             {.plan = {.tau = TauKind::quadratic}, .method = EncodeMethod::exact});
  EXPECT_LT(codes.residual, 2e-6);
  EXPECT_LT(largest_difference(decode(model_, codes).x_0, picture_), 1e-5);
}

/// What noise an exact encoding began with: decoding comes back to the picture with it.
std::vector<double> noise_of(const Model& model, const FloatImages& picture,
                             Dequantise dequantise) {
  const FloatImages back = decode(model, encode(model, picture,
                                                {.plan = {.tau = TauKind::quadratic},
                                                 .method = EncodeMethod::exact,
                                                 .dequantise = dequantise}))
                               .x_0;
  std::vector<double> noise;
  for (std::size_t i = 0; i < back.values.size(); ++i)
    noise.push_back(static_cast<double>(back.values[i]) - picture.values[i]);
  return noise;
}

TEST_F(ShippedModel, DequantisingAddsNoiseBelowAGreyLevel) {
  const std::vector<double> uniform = noise_of(model_, picture_, Dequantise::uniform);
  double mean = 0.0;
  for (std::size_t i = 0; i < uniform.size(); ++i) {
    // From 256 x / 256 to 255/256 x + u/256, for x from 0 to 1.
    const double x = (picture_.values[i] + 1.0) / 2.0;
    const double u = 256.0 * uniform[i] / 2.0 + x;
    EXPECT_GT(u, -2e-3);
    EXPECT_LT(u, 1.0 + 2e-3);
    mean += u / static_cast<double>(uniform.size());
  }
  EXPECT_NEAR(mean, 0.5, 0.04);  // 4 standard errors

  const std::vector<double> gaussian = noise_of(model_, picture_, Dequantise::gaussian);
  double squares = 0.0;
  for (const double z : gaussian) squares += z * z / static_cast<double>(gaussian.size());
  EXPECT_NEAR(std::sqrt(squares), 0.02, 0.002);
}

TEST_F(ShippedModel, DequantisingMakesCodesGaussianAndReconstructionsBetter) {
  const auto at_20 = [&](Dequantise dequantise) {
    return reconstruct(model_, picture_, {.steps = {20}, .encode = {.dequantise = dequantise}})
        .front();
  };
  const ReconstructedAt plain = at_20(Dequantise::none);
  const ReconstructedAt dequantised = at_20(Dequantise::gaussian);
  EXPECT_LT(dequantised.mean_squared_error, plain.mean_squared_error);
  EXPECT_LT(std::abs(dequantised.codes.kurtosis.value - 3.0),
            std::abs(plain.codes.kurtosis.value - 3.0));
}

TEST_F(ShippedModel, AReconstructionIsTheBetterTheMoreSteps) {
  const auto table = reconstruct(model_, picture_, {.steps = {5, 10, 20}});
  ASSERT_EQ(table.size(), 3U);
  EXPECT_GT(table[0].mean_squared_error, table[1].mean_squared_error);
  EXPECT_GT(table[1].mean_squared_error, table[2].mean_squared_error);
  EXPECT_EQ(table[2].paper, 0.0065);
  EXPECT_FALSE(table[0].paper);
  EXPECT_EQ(table[2].nfe, 40.0);
  EXPECT_EQ(table[2].mean_squared_error, mean_squared_differences(picture_, table[2].x_0).front());
}

TEST_F(ShippedModel, ReconstructsAtLeastAsWellAsThePapersNetwork) {
  const std::string folder = "docs/pictures/";
  const FloatImages pictures = load_pictures(
      model_,
      {folder + "boot.png", folder + "pullover.png", folder + "trousers.png", folder + "shirt.png"},
      Fit::pad);
  const auto table = reconstruct(
      model_, pictures, {.steps = {10, 20}, .encode = {.dequantise = Dequantise::gaussian}});
  ASSERT_EQ(table.size(), 2U);
  for (const ReconstructedAt& row : table) {
    ASSERT_TRUE(row.paper);
    EXPECT_LT(row.mean_squared_error, *row.paper);
  }
  EXPECT_LT(table[1].mean_squared_error, table[0].mean_squared_error);
  EXPECT_NEAR(table[1].codes.variance.value, 1.0, 0.2);
}

}  // namespace
}  // namespace ddim::api_test
