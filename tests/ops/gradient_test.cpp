// The gradients that the ops record, on `ref` in double, against central finite differences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <ostream>

#include "backend/make_device.h"
#include "ops/activate.h"
#include "ops/add.h"
#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/downsample.h"
#include "ops/dropout.h"
#include "ops/gather_rows.h"
#include "ops/group_norm.h"
#include "ops/linear.h"
#include "ops/matmul.h"
#include "ops/reshape.h"
#include "ops/scale.h"
#include "ops/scale_shift.h"
#include "ops/upsample.h"

namespace ddim::engine {
namespace {

constexpr double kTolerance = 1e-6;  // of the largest element of a gradient
constexpr double kStep = 1e-5;

using Vars = std::vector<Var>;

struct GradientCase {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Var(Tape&, const Vars&)> op;
};

std::ostream& operator<<(std::ostream& out, const GradientCase& test) { return out << test.name; }

Tensor normal_f64(const Device& device, const Shape& shape, std::uint32_t stream) {
  std::vector<float> values(static_cast<std::size_t>(shape.size()));
  fill_normal({.seed = 7, .purpose = Purpose::evaluation}, stream, values);
  Tensor x(device, shape, DType::f64);
  device.kernels().upload(values, x);
  return x;
}

/// Everything that one differentiation needs. The loss is sum(y * dy) for a fixed random dy.
class Differentiation {
 public:
  explicit Differentiation(const GradientCase& test) : test_(test) {
    for (std::size_t i = 0; i < test.inputs.size(); ++i)
      inputs_.push_back(normal_f64(device_, test.inputs[i], static_cast<std::uint32_t>(i)));
    dy_ = normal_f64(device_, forward().shape(), 1000);
  }

  /// The gradients of the inputs for which wanted(i); the others are constants, and empty here.
  template <class Wanted>
  std::vector<std::vector<double>> recorded(Wanted wanted) {
    Gradients no_parameters(device_, {});
    Tape tape(no_parameters, kDropoutNoise, kFirstImage);
    Vars vars;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      vars.push_back(wanted(i) ? tape.variable(inputs_[i]) : tape.constant(inputs_[i]));
    const Var y = test_.op(tape, vars);
    tape.backward(y, dy_);
    std::vector<std::vector<double>> gradients(vars.size());
    for (std::size_t i = 0; i < vars.size(); ++i) {
      if (!wanted(i)) continue;
      const Grad arrived = vars[i].grad();
      EXPECT_EQ(arrived.write, Write::accumulate) << "input " << i << " got no gradient";
      const auto values = std::as_const(arrived.tensor).values<double>();
      gradients[i].assign(values.begin(), values.end());
    }
    return gradients;
  }

  std::vector<double> finite_differences(std::size_t input) {
    std::vector<double> gradient;
    for (double& element : inputs_[input].values<double>()) {
      const double original = element;
      element = original + kStep;
      const double above = loss();
      element = original - kStep;
      const double below = loss();
      element = original;
      gradient.push_back((above - below) / (2.0 * kStep));
    }
    return gradient;
  }

 private:
  static constexpr NoiseKey kDropoutNoise{.seed = 5, .purpose = Purpose::dropout, .step = 3};
  static constexpr std::uint32_t kFirstImage = 17;

  Tensor forward() {
    // Dropout drops only on a recording tape.
    Gradients no_parameters(device_, {});
    Tape tape(no_parameters, kDropoutNoise, kFirstImage);
    Vars vars;
    for (const Tensor& input : inputs_) vars.push_back(tape.constant(input));
    return test_.op(tape, vars).value();
  }
  double loss() {
    const Tensor y = forward();
    const auto a = y.values<double>();
    const auto b = dy_.values<double>();
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }

  const GradientCase& test_;
  Device device_ = make_device(DeviceKind::reference);
  std::vector<Tensor> inputs_;
  Tensor dy_;
};

void expect_close(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 0.0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(actual[i] - expected[i]);
    ASSERT_TRUE(difference <= kTolerance * std::max(largest, 1e-3))
        << "element " << i << ": " << actual[i] << ", expected " << expected[i];
  }
}

class OpGradients : public testing::TestWithParam<GradientCase> {};

TEST_P(OpGradients, EqualFiniteDifferences) {
  Differentiation differentiation(GetParam());
  const auto recorded = differentiation.recorded([](std::size_t) { return true; });
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "input " << i);
    expect_close(recorded[i], differentiation.finite_differences(i));
  }
}

// A Var that goes into two ops gets the sum of both gradients.
TEST_P(OpGradients, AccumulateOverTwoUses) {
  const GradientCase& test = GetParam();
  const GradientCase twice{
      .name = test.name, .inputs = test.inputs, .op = [&](Tape& tape, const Vars& v) {
        const Var first = test.op(tape, v);
        return add(tape, first, activate(tape, test.op(tape, v), Activation::silu));
      }};
  Differentiation differentiation(twice);
  const auto recorded = differentiation.recorded([](std::size_t) { return true; });
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "input " << i);
    expect_close(recorded[i], differentiation.finite_differences(i));
  }
}

TEST_P(OpGradients, DoNotDependOnWhoElseWantsOne) {
  Differentiation differentiation(GetParam());
  const auto all = differentiation.recorded([](std::size_t) { return true; });
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto alone = differentiation.recorded([i](std::size_t j) { return j == i; });
    EXPECT_EQ(alone[i], all[i]) << "input " << i;
  }
}

GradientCase conv_case(const std::string& name, const Shape& x, std::int64_t c_out,
                       const ConvGeometry& geometry) {
  const Shape y{x[0], geometry.output_rows(x[1]), geometry.output_columns(x[2]), c_out};
  return {.name = "conv2d_" + name,
          .inputs = {x, {c_out, x[3], geometry.kernel, geometry.kernel}, {c_out}, {x[0], c_out}, y},
          .op = [geometry](Tape& tape, const Vars& v) {
            return conv2d(tape, v[0], v[1],
                          {.bias = v[2], .per_image_bias = v[3], .residual = v[4]}, geometry);
          }};
}

GradientCase norm_case(const std::string& name, const Shape& x, const GroupNormOptions& options) {
  return {.name = "group_norm_" + name,
          .inputs = {x, {x[3]}, {x[3]}},
          .op = [options](Tape& tape, const Vars& v) {
            return group_norm(tape, v[0], v[1], v[2], options);
          }};
}

GradientCase conv_of_parts_case(const std::string& name, const Shape& first, const Shape& second,
                                std::int64_t c_out) {
  const ConvGeometry pointwise{.kernel = 1, .pad_begin = 0, .pad_end = 0};
  return {
      .name = "conv2d_" + name,
      .inputs = {first, second, {c_out, first[3] + second[3], 1, 1}, {c_out}, first.with(3, c_out)},
      .op = [pointwise](Tape& tape, const Vars& v) {
        return conv2d(tape, {v[0], v[1]}, v[2], {.bias = v[3], .residual = v[4]}, pointwise);
      }};
}

GradientCase norm_of_parts_case(const std::string& name, const Shape& first, const Shape& second,
                                const GroupNormOptions& options) {
  const Shape channels{first[3] + second[3]};
  return {.name = "group_norm_" + name,
          .inputs = {first, second, channels, channels},
          .op = [options](Tape& tape, const Vars& v) {
            return group_norm(tape, {v[0], v[1]}, v[2], v[3], options);
          }};
}

GradientCase activation_case(const std::string& name, Activation activation) {
  return {.name = name, .inputs = {{3, 5}}, .op = [activation](Tape& tape, const Vars& v) {
            return activate(tape, v[0], activation);
          }};
}

GradientCase scale_shift_case(const std::string& name, const Shape& x, Activation activation) {
  return {.name = "scale_shift_" + name,
          .inputs = {x, {x[0], 2 * x[3]}},
          .op = [activation](Tape& tape, const Vars& v) {
            return scale_shift(tape, v[0], v[1], activation);
          }};
}

GradientCase attention_case(const std::string& name, const Shape& shape, std::int64_t num_heads) {
  return {.name = "attention_" + name,
          .inputs = {shape, shape, shape},
          .op = [num_heads](Tape& tape, const Vars& v) {
            return attention(tape, v[0], v[1], v[2], num_heads, 0.7);
          }};
}

std::vector<GradientCase> gradient_cases() {
  const ConvGeometry k3x3{};
  return {
      conv_case("3x3", {2, 4, 3, 3}, 2, k3x3),
      conv_case("3x3_one_pixel", {2, 1, 1, 2}, 3, k3x3),
      conv_case("3x3_stride2_pad01", {1, 5, 4, 2}, 3, {.stride = 2, .pad_begin = 0, .pad_end = 1}),
      conv_case("3x3_stride2_pad11", {1, 5, 4, 2}, 3, {.stride = 2, .pad_begin = 1, .pad_end = 1}),
      conv_case("3x3_upsampling", {2, 3, 2, 3}, 2, {.upsample = 2}),
      conv_case("1x1", {2, 3, 2, 3}, 4, {.kernel = 1, .pad_begin = 0, .pad_end = 0}),
      conv_of_parts_case("of_two_parts", {2, 3, 2, 3}, {2, 3, 2, 2}, 4),
      conv_of_parts_case("of_two_parts_one_pixel", {1, 1, 1, 1}, {1, 1, 1, 4}, 2),
      {.name = "conv2d_of_one_var_twice",
       .inputs = {{1, 2, 3, 2}, {3, 4, 1, 1}},
       .op =
           [](Tape& tape, const Vars& v) {
             return conv2d(tape, {v[0], v[0]}, v[1], {},
                           {.kernel = 1, .pad_begin = 0, .pad_end = 0});
           }},
      {.name = "conv2d_without_addends",
       .inputs = {{1, 3, 3, 2}, {2, 2, 3, 3}},
       .op = [=](Tape& tape, const Vars& v) { return conv2d(tape, v[0], v[1], {}, k3x3); }},
      {.name = "conv2d_residual_is_its_input",
       .inputs = {{1, 3, 3, 2}, {2, 2, 3, 3}},
       .op = [=](Tape& tape,
                 const Vars& v) { return conv2d(tape, v[0], v[1], {.residual = v[0]}, k3x3); }},
      {.name = "linear",
       .inputs = {{4, 3}, {2, 3}, {2}},
       .op = [](Tape& tape, const Vars& v) { return linear(tape, v[0], v[1], v[2]); }},
      {.name = "linear_of_rank_3",
       .inputs = {{2, 3, 4}, {5, 4}},
       .op = [](Tape& tape, const Vars& v) { return linear(tape, v[0], v[1], {}); }},
      {.name = "linear_of_a_vector",
       .inputs = {{4}, {5, 4}, {5}},
       .op = [](Tape& tape, const Vars& v) { return linear(tape, v[0], v[1], v[2]); }},
      {.name = "linear_with_itself",
       .inputs = {{3, 3}},
       .op = [](Tape& tape, const Vars& v) { return linear(tape, v[0], v[0], {}); }},
      {.name = "matmul",
       .inputs = {{4, 3}, {3, 2}},
       .op = [](Tape& tape,
                const Vars& v) { return matmul(tape, v[0].value().device(), {v[0]}, {v[1]}); }},
      {.name = "matmul_left_transposed",
       .inputs = {{3, 4}, {3, 2}},
       .op =
           [](Tape& tape, const Vars& v) {
             return matmul(tape, v[0].value().device(), transposed(v[0]), {v[1]});
           }},
      {.name = "matmul_right_transposed",
       .inputs = {{4, 3}, {2, 3}},
       .op =
           [](Tape& tape, const Vars& v) {
             return matmul(tape, v[0].value().device(), {v[0]}, transposed(v[1]));
           }},
      {.name = "matmul_both_transposed",
       .inputs = {{3, 4}, {2, 3}},
       .op =
           [](Tape& tape, const Vars& v) {
             return matmul(tape, v[0].value().device(), transposed(v[0]), transposed(v[1]));
           }},
      {.name = "matmul_with_itself",
       .inputs = {{3, 4}},
       .op =
           [](Tape& tape, const Vars& v) {
             return matmul(tape, v[0].value().device(), transposed(v[0]), {v[0]});
           }},
      norm_case("plain", {2, 3, 2, 6}, {.num_groups = 3}),
      norm_case("silu", {2, 3, 2, 6}, {.num_groups = 3, .activation = Activation::silu}),
      norm_of_parts_case("of_two_parts", {2, 3, 2, 4}, {2, 3, 2, 2}, {.num_groups = 3}),
      norm_of_parts_case("of_two_parts_with_a_group_in_both", {2, 2, 2, 5}, {2, 2, 2, 3},
                         {.num_groups = 2, .activation = Activation::silu}),
      {.name = "group_norm_of_one_var_twice",
       .inputs = {{1, 2, 2, 3}, {6}, {6}},
       .op =
           [](Tape& tape, const Vars& v) {
             return group_norm(tape, {v[0], v[0]}, v[1], v[2],
                               {.num_groups = 2, .activation = Activation::silu});
           }},
      norm_case("one_channel_per_group", {2, 3, 3, 4}, {.num_groups = 4}),
      norm_case("one_group_one_pixel", {3, 1, 1, 5}, {.num_groups = 1}),
      norm_case("mish", {2, 3, 2, 6}, {.num_groups = 2, .activation = Activation::mish}),
      activation_case("silu", Activation::silu),
      activation_case("mish", Activation::mish),
      activation_case("gelu", Activation::gelu),
      activation_case("relu", Activation::relu),
      scale_shift_case("plain", {2, 3, 2, 3}, Activation::none),
      scale_shift_case("silu", {2, 2, 3, 5}, Activation::silu),
      scale_shift_case("gelu_one_pixel", {3, 1, 1, 2}, Activation::gelu),
      {.name = "scale",
       .inputs = {{3, 5}},
       .op = [](Tape& tape, const Vars& v) { return scale(tape, v[0], -0.7); }},
      {.name = "scale_per_image",
       .inputs = {{3, 2, 2}},
       .op =
           [](Tape& tape, const Vars& v) {
             return scale_per_image(tape, v[0], {0.5, -2.0, 3.0});
           }},
      {.name = "gather_rows",
       .inputs = {{4, 3}},
       .op =
           [](Tape& tape, const Vars& v) {
             return gather_rows(tape, v[0].value().device(), v[0], {2, 0, 2, 3, 2});
           }},
      {.name = "downsample_mean",
       .inputs = {{2, 4, 2, 3}},
       .op = [](Tape& tape, const Vars& v) { return downsample_mean_2x(tape, v[0]); }},
      {.name = "dropout",
       .inputs = {{3, 2, 2, 5}},
       .op = [](Tape& tape, const Vars& v) { return dropout(tape, v[0], 4, 0.3); }},
      attention_case("one_head", {2, 4, 3}, 1),
      attention_case("two_heads", {1, 5, 4}, 2),
      attention_case("one_token", {2, 1, 2}, 1),
      {.name = "attention_of_one_var",
       .inputs = {{2, 3, 4}},
       .op = [](Tape& tape, const Vars& v) { return attention(tape, v[0], v[0], v[0], 2, 0.5); }},
      {.name = "attention_with_shared_keys_and_values",
       .inputs = {{2, 3, 4}, {2, 3, 4}},
       .op = [](Tape& tape, const Vars& v) { return attention(tape, v[0], v[1], v[1], 1, 0.5); }},
      {.name = "upsample",
       .inputs = {{2, 3, 2, 2}},
       .op = [](Tape& tape, const Vars& v) { return upsample_nearest_2x(tape, v[0]); }},
      {.name = "add",
       .inputs = {{2, 3}, {2, 3}},
       .op = [](Tape& tape, const Vars& v) { return add(tape, v[0], v[1]); }},
      {.name = "add_to_itself",
       .inputs = {{2, 3}},
       .op = [](Tape& tape, const Vars& v) { return add(tape, v[0], v[0]); }},
      {.name = "reshape",
       .inputs = {{2, 3, 4}},
       .op =
           [](Tape& tape, const Vars& v) {
             return reshape(tape, v[0], {6, 4});
           }},
  };
}

INSTANTIATE_TEST_SUITE_P(Ref, OpGradients, testing::ValuesIn(gradient_cases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ddim::engine
