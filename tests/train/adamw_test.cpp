// Steps of PyTorch's AdamW, in double; tools/make_adamw_values.py computed them.
#include <gtest/gtest.h>

#include <vector>

#include "backend/make_device.h"
#include "tensor/kernels.h"
#include "tensor/tensor.h"

namespace ddim::engine::train {
namespace {

struct Values {
  double learning_rate, weight_decay;
  std::vector<double> expected;  // after three steps
};

const std::vector<Values> kValues{{.learning_rate = 0.01,
                                   .weight_decay = 0.1,
                                   .expected = {0.4952126668096792, -1.233430648348044,
                                                1.9679790094822507, -0.0042902575967230655}},
                                  {.learning_rate = 0.001,
                                   .weight_decay = 0.01,
                                   .expected = {0.4996546917895055, -1.2486777465613443,
                                                1.9973343327482225, -0.00042976235098394117}},
                                  {.learning_rate = 0.01,
                                   .weight_decay = 0.0,
                                   .expected = {0.49669677234642673, -1.2371522149176535,
                                                1.9739430214832505, -0.004297697913002203}}};

class AdamW : public ::testing::TestWithParam<DeviceKind> {};

TEST_P(AdamW, StepsAsPyTorchDoes) {
  const Device device = make_device(GetParam());
  Kernels& k = device.kernels();
  const auto tensor = [&](std::vector<float> values) {
    Tensor result(device, {4});
    k.upload(values, result);
    return result;
  };
  const std::vector<std::vector<float>> gradients{
      {0.1F, -0.2F, 0.3F, 0.0F}, {-0.4F, 0.05F, 0.3F, 1e-4F}, {0.2F, 0.2F, -0.1F, -2e-4F}};
  for (const Values& values : kValues) {
    Tensor p = tensor({0.5F, -1.25F, 2.0F, 0.0F});
    Tensor m = tensor({0, 0, 0, 0}), v = tensor({0, 0, 0, 0}), no_average;
    for (std::size_t step = 0; step < gradients.size(); ++step) {
      k.adam({.learning_rate = values.learning_rate,
              .weight_decay = values.weight_decay,
              .step = static_cast<std::int64_t>(step) + 1},
             tensor(gradients[step]), p, m, v, no_average);
    }
    const std::vector<float> result = to_host(p);
    for (std::size_t i = 0; i < result.size(); ++i)
      EXPECT_NEAR(result[i], values.expected[i], 3e-7) << i << ", " << values.weight_decay;
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, AdamW, ::testing::Values(DeviceKind::reference, DeviceKind::cpu),
                         [](const auto& backend) {
                           return backend.param == DeviceKind::reference ? "ref" : "cpu";
                         });

}  // namespace
}  // namespace ddim::engine::train
