#include <cmath>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {

std::vector<KernelCase> noise_cases() {
  std::vector<KernelCase> cases;
  for (const Shape& x :
       and_odd_images({{5, 1}, {5, 7, 5, 3}, {1, 8, 8, 48}, {3, 41, 128}, {131, 3}})) {
    const std::string on = concat("_", shape_name(x));
    for (const double probability : {0.1, 0.3, 0.5}) {
      cases.push_back(
          {.name = concat("dropout", on, "_", std::lround(100 * probability), "_percent"),
           .inputs = {{.shape = x}},
           .outputs = {grad(x)},
           .tolerance = 2e-7,
           .element_tolerance = probability == 0.3 ? std::optional(2e-7) : std::nullopt,
           .run = [probability](Call& c) {
             const DropoutKey key{.noise = {.seed = 0x123456789ABCDEF0,
                                            .purpose = Purpose::dropout,
                                            .step = 7,
                                            .lane = 11},
                                  .first_image = 3 + c.first_image,
                                  .probability = probability};
             c.kernels.dropout(c.in[0], key, c.out[0]);
           }});
    }
    // The same noise everywhere is a promise, not an approximation.
    cases.push_back(
        {.name = concat("normal_noise", on),
         .inputs = {{.shape = x, .is_activation = false}},  // a sampler's
         .outputs = {{.shape = x, .is_activation = false}},
         .tolerance = 0.0,
         .run = [](Call& c) {
           const NoiseKey key{
               .seed = 0xFEDCBA9876543210, .purpose = Purpose::step_noise, .step = 19, .lane = 2};
           c.kernels.normal_noise(key, 1000 + c.first_image, c.y());
         }});
    const auto mix = [](Call& c, const Tensor& from) {
      std::vector<double> a;
      std::vector<double> b;
      for (std::int64_t n = 0; n < c.in[0].dim(0); ++n) {
        a.push_back(1.0 / (1.5 + static_cast<double>(c.first_image + n)));
        b.push_back(-0.3 * static_cast<double>(1 + c.first_image + n));
      }
      c.kernels.mix_per_image(a, from, b, c.in[1], c.y());
    };
    cases.push_back({.name = concat("mix_per_image", on),
                     .inputs = {{.shape = x}, {.shape = x}},
                     .outputs = {{.shape = x}},
                     .tolerance = 5e-7,
                     .element_tolerance = 2e-7,
                     .run = [mix](Call& c) { mix(c, c.in[0]); }});
    cases.push_back({.name = concat("mix_per_image_in_place", on),
                     .inputs = {{.shape = x}, {.shape = x}},
                     .outputs = {{.shape = x}},
                     .tolerance = 5e-7,
                     .element_tolerance = 2e-7,
                     .run = [mix](Call& c) {
                       c.kernels.copy(c.in[0], c.y());
                       mix(c, c.y());
                     }});
  }
  // Element 53 of image 1029668 lies where a unit in the last place of double decides which float
  // it is, and an emulated GPU's log, cos and sin are off by some.
  cases.push_back({.name = "normal_noise_between_two_floats",
                   .inputs = {{.shape = {2, 64}}},
                   .outputs = {{.shape = {2, 64}}},
                   .tolerance = 0.0,
                   .run = [](Call& c) {
                     const NoiseKey key{.seed = 7, .purpose = Purpose::step_noise, .step = 3};
                     c.kernels.normal_noise(key, 1029667 + c.first_image, c.y());
                   }});
  return cases;
}

}  // namespace ddim::test
