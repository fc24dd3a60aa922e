#include <cmath>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {

std::vector<KernelCase> linear_cases() {
  struct LinearShape {
    std::int64_t m, k, c_out;
  };
  std::vector<KernelCase> cases;
  for (const auto& [m, k, c_out] : std::vector<LinearShape>{{1, 1, 1},
                                                            {5, 1, 3},
                                                            {5, 3, 16},
                                                            {5, 17, 33},
                                                            {1, 128, 512},
                                                            {16, 512, 512},
                                                            {7, 512, 96},
                                                            {64, 96, 96},
                                                            {320, 48, 48}}) {
    const std::string name = concat("linear_", shape_name({m, k}), "_to_", c_out);
    const Input x{.shape = {m, k}, .is_activation = true};
    const Input dy{.shape = {m, c_out}, .is_activation = true};
    const Output y{.shape = {m, c_out}, .is_activation = true};
    const Output dx{.shape = {m, k}, .kind = Output::Kind::grad, .is_activation = true};
    const Input weight = parameter({c_out, k}, 1.0 / std::sqrt(static_cast<double>(k)));
    const Input bias = parameter({c_out});
    const double flop = 2.0 * static_cast<double>(m * k * c_out);
    cases.push_back({.name = name,
                     .inputs = {x, weight, bias},
                     .outputs = {y},
                     .tolerance = 3e-6,
                     .flop = flop,
                     .run = [](Call& c) { c.kernels.linear(c.in[0], c.in[1], c.in[2], c.y()); }});
    cases.push_back({.name = concat(name, "_no_bias"),
                     .inputs = {x, weight},
                     .outputs = {y},
                     .tolerance = 3e-6,
                     .flop = flop,
                     .run = [](Call& c) { c.kernels.linear(c.in[0], c.in[1], {}, c.y()); }});
    cases.push_back({.name = concat(name, "_backward"),
                     .inputs = {x, weight, dy},
                     .outputs = {dx, parameter_grad({c_out, k}), parameter_grad({c_out})},
                     .tolerance = 3e-6,
                     .flop = 2 * flop,
                     .run = [](Call& c) {
                       c.kernels.linear_backward(c.in[0], c.in[1], c.in[2], c.out[0], c.out[1],
                                                 c.out[2]);
                     }});
  }
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const auto& [m, k, n] : std::vector<LinearShape>{
               {1, 1, 1}, {1, 256, 256}, {5, 17, 33}, {13, 3, 65}, {256, 256, 256}}) {
        cases.push_back(
            {.name = concat("matmul_", shape_name({m, k, n}), a_transposed ? "_t" : "_n",
                            b_transposed ? "t" : "n"),
             .inputs = {a_transposed ? parameter({k, m}) : parameter({m, k}),
                        b_transposed ? parameter({n, k}) : parameter({k, n})},
             .outputs = {parameter_grad({m, n})},
             .tolerance = 3e-6,
             .flop = 2.0 * static_cast<double>(m * k * n),
             .run = [=](Call& c) {
               c.kernels.matmul({c.in[0], a_transposed}, {c.in[1], b_transposed}, c.out[0]);
             }});
      }
    }
  }
  return cases;
}

}  // namespace ddim::test
