#include <cmath>

#include "model/model_files.h"
#include "model/official_names.h"
#include "tensor/kernels.h"
#include "tests/golden/golden_case.h"

namespace ddim::engine {
namespace {

constexpr double kMaxGradNorm = 1.0;
constexpr double kLearningRate = 2e-4;
constexpr double kFloatEpsilon = 0x1p-23;

bool is_zero_in_exact_arithmetic(const std::string& golden_name) {
  return golden_name.ends_with(".k.bias");
}

struct Distance {
  double mean = 0, largest = 0;
};

Distance distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  Distance result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - b[i]);
    result.mean += difference / static_cast<double>(a.size());
    result.largest = std::max(result.largest, difference);
  }
  return result;
}

double largest(const std::vector<float>& values) {
  return distance(values, std::vector<float>(values.size())).largest;
}

class GoldenTraining : public GoldenTest, public testing::WithParamInterface<GoldenCase> {
  void SetUp() override { load(GetParam()); }

 protected:
  struct StepResult {
    double loss = 0, grad_norm = 0;
  };

  /// Step k of training.safetensors: leaves its gradients in `gradients`.
  StepResult backward(const io::SafetensorsFile& file, int k, Gradients& gradients) {
    Kernels& kernels = device().kernels();
    const std::string step = std::to_string(k) + ".";
    const std::vector<std::int64_t> t = read_i64(file, step + "t");
    const Tensor eps = images(file, step + "eps");
    const Tensor x_t = noised(images(file, step + "x0"), eps, t);

    gradients.clear();
    Tape tape(gradients, {.seed = 1, .purpose = Purpose::dropout}, 0);
    const Var eps_pred = unet()(tape, x_t, std::vector<double>(t.begin(), t.end()));
    std::vector<double> squared_errors(t.size());
    kernels.squared_error(eps_pred.value(), eps, squared_errors);
    const auto num_images = static_cast<double>(t.size());
    Tensor d_eps = empty_like(eps);
    kernels.squared_error_backward(eps_pred.value(), eps, 1.0 / num_images,
                                   {d_eps, Write::overwrite});
    tape.backward(eps_pred, d_eps);
    gradients.finish();

    StepResult result{};
    for (const double error : squared_errors) result.loss += error / num_images;
    for (std::size_t i = 0; i < gradients.size(); ++i)
      result.grad_norm += kernels.sum_of_squares(gradients[i]);
    result.grad_norm = std::sqrt(result.grad_norm);
    return result;
  }

  struct OptimizerState {
    Tensor m, v, ema;
  };
  OptimizerState fresh_state(const Tensor& parameter) {
    OptimizerState state{
        .m = empty_like(parameter), .v = empty_like(parameter), .ema = empty_like(parameter)};
    device().kernels().fill(0.0, state.m);
    device().kernels().fill(0.0, state.v);
    device().kernels().copy(parameter, state.ema);
    return state;
  }

  /// Three steps with the batches of training.safetensors; `num_updates` were made before. Adam's
  /// first step goes by the signs of gradients, so only the very first gradient is exact.
  void train_three_steps(std::int64_t num_updates, std::vector<OptimizerState>& states) {
    const io::SafetensorsFile file = open("training.safetensors");
    const std::vector<Parameter*>& parameters = golden_model().unet.mutable_parameters();
    Gradients gradients(device(), unet().parameters());
    for (int k = 0; k < 3; ++k) {
      SCOPED_TRACE(k);
      const StepResult step = backward(file, k, gradients);
      if (num_updates == 0) compare_with_step(file, k, step);
      const AdamUpdate update{.learning_rate = kLearningRate,
                              .step = num_updates + k + 1,
                              .grad_scale = std::min(1.0, kMaxGradNorm / (step.grad_norm + 1e-6)),
                              .ema_decay = 0.9999};
      for (std::size_t i = 0; i < parameters.size(); ++i)
        device().kernels().adam(update, gradients[i], parameters[i]->value, states[i].m,
                                states[i].v, states[i].ema);
    }
  }

  static void compare_with_step(const io::SafetensorsFile& file, int k, const StepResult& step) {
    const std::string prefix = std::to_string(k) + ".";
    const double golden_loss = file.read(prefix + "loss")[0];
    const double golden_norm = file.read(prefix + "grad_norm")[0];
    EXPECT_NEAR(step.loss, golden_loss, kForwardTolerance * golden_loss);
    const double norm_tolerance = k == 0 ? kGradientTolerance : kLaterGradNormTolerance;
    EXPECT_NEAR(step.grad_norm, golden_norm, norm_tolerance * golden_norm);
  }

  /// `initial[i]` are the elements of parameter i three steps ago.
  void compare_with(const char* golden_file, const std::vector<std::vector<float>>& initial,
                    const std::vector<OptimizerState>& states) {
    const io::SafetensorsFile golden = open(golden_file);
    ASSERT_EQ(golden.entries().size(), 2 * states.size());
    for (const Parameter* parameter : unet().parameters()) {
      const std::string name = golden_name(*parameter);
      SCOPED_TRACE(name);
      const std::vector<float> expected = golden.read(name);
      const std::vector<float> expected_ema = golden.read("ema." + name);
      const auto kept = [&](const std::vector<float>& values) {
        return thinned(values, expected.size(), golden);
      };
      const std::vector<float> start = kept(initial[parameter->index]);
      const std::vector<float> found = kept(to_host(parameter->value));
      if (is_zero_in_exact_arithmetic(name)) {
        // Adam makes steps of full length of the noise, each in a direction that means nothing.
        EXPECT_LE(distance(found, expected).largest, 2 * 3 * kLearningRate);
        continue;
      }
      // Where a gradient is almost 0, its relative error is not small, and neither is that of
      // Adam's step; so single elements may differ, but not the tensor as a whole.
      EXPECT_LE(distance(found, expected).mean, 0.005 * distance(start, expected).mean);
      // The average moves by a ten-thousandth of that, little more than the last digit.
      const std::vector<float> found_ema = kept(to_host(states[parameter->index].ema));
      EXPECT_LE(distance(found_ema, expected_ema).mean,
                0.1 * distance(start, expected_ema).mean + kFloatEpsilon * largest(expected_ema));
    }
  }

  std::string golden_name(const Parameter& parameter) const {
    return model::official_name(parameter.name, unet().config().num_levels());
  }

 private:
  /// eq. 4
  Tensor noised(const Tensor& x0, const Tensor& eps, const std::vector<std::int64_t>& t) {
    std::vector<double> signal;
    std::vector<double> noise;
    for (const std::int64_t t_n : t) {
      const double alpha_bar = golden_model().schedule.alpha_bar(t_n);
      signal.push_back(std::sqrt(alpha_bar));
      noise.push_back(std::sqrt(1.0 - alpha_bar));
    }
    Tensor x_t = empty_like(x0);
    device().kernels().mix_per_image(signal, x0, noise, eps, x_t);
    return x_t;
  }
};

TEST_P(GoldenTraining, EveryGradient) {
  const io::SafetensorsFile file = open("training.safetensors");
  const io::SafetensorsFile golden = open("grads.safetensors");
  Gradients gradients(device(), unet().parameters());
  backward(file, 0, gradients);

  ASSERT_EQ(golden.entries().size(), gradients.size());
  double worst = 0;
  for (const Parameter* parameter : unet().parameters()) {
    const std::string name = golden_name(*parameter);
    SCOPED_TRACE(name);
    const std::vector<float> expected = golden.read(name);
    const std::vector<float> found =
        thinned(to_host(gradients[parameter->index]), expected.size(), golden);
    if (is_zero_in_exact_arithmetic(name)) {
      for (const float value : found) EXPECT_LE(std::fabs(value), kNoiseOfZeroGradients);
      continue;
    }
    const double error = relative_error(found, expected);
    worst = std::max(worst, error);
    EXPECT_LE(error, kGradientTolerance);
  }
  RecordProperty("relative_error", std::to_string(worst));
}

// By roots of mean squares. These networks' gradients are sensitive: of all together, 0.22 was
// seen on `cpu`, which rounds factors alone, and 0.21 on `cuda`, which keeps activations as bf16;
// of one, 0.33 and 0.29; of the larger network 0.35 and 0.52.
TEST_P(GoldenTraining, EveryGradientInBf16) {
  if (GetParam().backend == DeviceKind::reference) GTEST_SKIP() << "the reference has no bf16";
  load(GetParam(), Precision::bf16);
  const io::SafetensorsFile file = open("training.safetensors");
  const io::SafetensorsFile golden = open("grads.safetensors");
  Gradients gradients(device(), unet().parameters());
  const StepResult step = backward(file, 0, gradients);
  EXPECT_NEAR(step.loss, file.read("0.loss")[0], 0.02 * step.loss);

  double worst = 0;
  std::vector<float> all_found, all_expected;
  for (const Parameter* parameter : unet().parameters()) {
    const std::string name = golden_name(*parameter);
    if (is_zero_in_exact_arithmetic(name)) continue;
    SCOPED_TRACE(name);
    const std::vector<float> expected = golden.read(name);
    const std::vector<float> found =
        thinned(to_host(gradients[parameter->index]), expected.size(), golden);
    const double error = rms_error(found, expected);
    worst = std::max(worst, error);
    EXPECT_LE(error, 0.7);
    all_found.insert(all_found.end(), found.begin(), found.end());
    all_expected.insert(all_expected.end(), expected.begin(), expected.end());
  }
  const double error = rms_error(all_found, all_expected);
  RecordProperty("relative_error", std::to_string(error));
  RecordProperty("worst_relative_error", std::to_string(worst));
  EXPECT_LE(error, 0.45);
  EXPECT_GE(error, 1e-4) << "these are no products of bf16";
}

TEST_P(GoldenTraining, ThreeSteps) {
  std::vector<OptimizerState> states;
  std::vector<std::vector<float>> initial;
  for (const Parameter* parameter : unet().parameters()) {
    states.push_back(fresh_state(parameter->value));
    initial.push_back(to_host(parameter->value));
  }
  train_three_steps(0, states);
  if (has("after3.safetensors")) compare_with("after3.safetensors", initial, states);
}

/// The official code's ckpt.pth of this network, which is too large for this repository.
class GoldenCheckpoint : public GoldenTraining {
  void SetUp() override {
    load(GetParam());
    const std::filesystem::path path = shared_folder() / GetParam().folder / "ckpt.pth";
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << path.string() << " is not there (DDIM_SHARED can say where to look)";
    files_ = model::open_model(path);
  }

 protected:
  static std::vector<float> values_of(const io::TensorEntry& entry) {
    std::vector<float> values(static_cast<std::size_t>(entry.num_elements()));
    io::read_f32(entry, values);
    return values;
  }
  std::optional<model::ModelFiles> files_;
};

TEST_P(GoldenCheckpoint, IsReadExactly) {
  EXPECT_EQ(files_->config, unet().config());
  EXPECT_EQ(files_->step, 3);
  EXPECT_EQ(files_->epoch, 0);
  ASSERT_TRUE(files_->trained && files_->adam);
  EXPECT_EQ(files_->adam->num_updates, 3);
  EXPECT_EQ(files_->adam->settings.learning_rate, kLearningRate);
  EXPECT_EQ(files_->adam->settings.beta1, 0.9);
  EXPECT_EQ(files_->adam->settings.beta2, 0.999);
  EXPECT_EQ(files_->adam->settings.epsilon, 1e-8);
  const io::SafetensorsFile golden = open("after3.safetensors");
  for (const Parameter* parameter : unet().parameters()) {
    const std::string name = golden_name(*parameter);
    SCOPED_TRACE(name);
    for (const auto& [stored, golden_tensor] :
         {std::pair(&*files_->trained, name), std::pair(&files_->weights, "ema." + name)}) {
      const std::vector<float> expected = golden.read(golden_tensor);
      EXPECT_EQ(thinned(values_of((*stored)[parameter->index]), expected.size(), golden), expected);
    }
  }
}

TEST_P(GoldenCheckpoint, ThreeMoreSteps) {
  std::vector<OptimizerState> states;
  std::vector<std::vector<float>> initial;
  model::read_weights(*files_->trained, golden_model().unet);
  for (const Parameter* parameter : unet().parameters()) {
    states.push_back(fresh_state(parameter->value));
    const auto fill = [&](const model::StoredWeights& from, Tensor& to) {
      device().kernels().upload(values_of(from[parameter->index]), to);
    };
    fill(files_->adam->m, states.back().m);
    fill(files_->adam->v, states.back().v);
    fill(files_->weights, states.back().ema);
    initial.push_back(to_host(parameter->value));
  }
  train_three_steps(files_->adam->num_updates, states);
  compare_with("further3.safetensors", initial, states);
}

INSTANTIATE_TEST_SUITE_P(Micro, GoldenCheckpoint,
                         testing::Values(GoldenCase{"micro", DeviceKind::cpu}),
                         [](const auto& golden) { return name_of(golden.param); });

INSTANTIATE_TEST_SUITE_P(All, GoldenTraining, testing::ValuesIn(golden_cases()),
                         [](const auto& golden) { return name_of(golden.param); });

}  // namespace
}  // namespace ddim::engine
