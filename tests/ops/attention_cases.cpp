#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {

std::vector<KernelCase> attention_cases() {
  struct AttentionShape {
    std::int64_t n, l, c, num_heads;
    double score_scale;  // of the scores' standard deviation: large ones saturate the softmax
  };
  std::vector<KernelCase> cases;
  for (const auto& s : std::vector<AttentionShape>{{5, 1, 16, 1, 1.0},
                                                   {5, 9, 12, 4, 1.0},
                                                   {5, 16, 32, 1, 1.0},
                                                   {5, 16, 32, 2, 60.0},
                                                   {1, 64, 48, 3, 1.0},
                                                   {5, 49, 96, 2, 1.0},
                                                   {2, 256, 64, 1, 3.0},
                                                   {2, 100, 32, 2, 1.0},
                                                   {5, 3, 1, 1, 1.0}}) {
    const Shape shape{s.n, s.l, s.c};
    const Shape lse_shape{s.n, s.num_heads, s.l};
    const double head_channels = static_cast<double>(s.c / s.num_heads);
    const double scale = s.score_scale / std::sqrt(head_channels);
    const std::string name = concat("attention_", shape_name(shape), "_heads", s.num_heads,
                                    s.score_scale > 1 ? "_peaked" : "");
    const std::int64_t num_heads = s.num_heads;
    const double flop = 4.0 * static_cast<double>(s.n * s.l * s.l * s.c);
    // A score of size S has a float's rounding error of S * 6e-8, and the softmax passes it on.
    const double tolerance = 4e-6 * std::max(1.0, s.score_scale);
    // One of bf16 factors is off by S * 2^-9; 3e-3 S was seen.
    const double bf16_tolerance = std::max(1e-2, 5e-3 * s.score_scale);
    cases.push_back({.name = name,
                     .inputs = {{.shape = shape}, {.shape = shape}, {.shape = shape}},
                     .outputs = {{.shape = lse_shape, .is_activation = false}, {.shape = shape}},
                     .tolerance = tolerance,
                     .flop = flop,
                     .bf16_tolerance = bf16_tolerance,
                     .run = [=](Call& c) {
                       c.kernels.attention(c.in[0], c.in[1], c.in[2], num_heads, scale, c.y(0),
                                           c.y(1));
                     }});
    cases.push_back(
        {.name = concat(name, "_backward"),
         .inputs = {{.shape = shape}, {.shape = shape}, {.shape = shape}, {.shape = shape}},
         .outputs = {grad(shape), grad(shape), grad(shape)},
         .tolerance = 3 * tolerance,
         .magnitude = s.l == 1 ? 1.0 : 0.0,  // one key: the gradients of q and k cancel to zero
         .flop = 2.5 * flop,
         .bf16_tolerance = bf16_tolerance,
         .run = [=](Call& c) {
           Tensor lse = c.statistics(lse_shape);
           Tensor y = c.scratch(shape);
           c.kernels.attention(c.in[0], c.in[1], c.in[2], num_heads, scale, lse, y);
           c.kernels.attention_backward(c.in[0], c.in[1], c.in[2], y, lse, num_heads, scale,
                                        c.in[3], c.out[0], c.out[1], c.out[2]);
         }});
  }
  return cases;
}

}  // namespace ddim::test
