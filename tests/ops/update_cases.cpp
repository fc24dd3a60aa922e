#include <cmath>
#include <limits>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {
namespace {

/// all_finite of `x` (1 or 0), and of `x` with one bad element: the first, the middle, the last.
std::vector<float> finite_with_poison(const Tensor& x) {
  Kernels& k = x.device().kernels();
  Tensor poisoned(x.device(), x.shape());
  std::vector<float> results{k.all_finite(x) ? 1.0F : 0.0F};
  const std::vector<float> values = to_host(x);
  for (const std::size_t i : {std::size_t{0}, values.size() / 2, values.size() - 1}) {
    std::vector<float> bad = values;
    bad[i] =
        i == 0 ? std::numeric_limits<float>::quiet_NaN() : -std::numeric_limits<float>::infinity();
    k.upload(bad, poisoned);
    results.push_back(k.all_finite(poisoned) ? 1.0F : 0.0F);
  }
  return results;
}

void add_loss_cases(std::vector<KernelCase>& cases) {
  for (const Shape& x : and_odd_images({{5, 1}, {5, 7, 5, 3}, {2, 20011}})) {
    const std::string on = concat("_", shape_name(x));
    cases.push_back({.name = concat("squared_error", on),
                     .inputs = {{.shape = x}, {.shape = x}},
                     .outputs = {{.shape = {x[0], 2}, .kind = Output::Kind::doubles}},
                     .tolerance = 1e-7,
                     .element_tolerance = 1e-12,
                     .run = [](Call& c) {
                       std::vector<double> sums(static_cast<std::size_t>(c.in[0].dim(0)));
                       c.kernels.squared_error(c.in[0], c.in[1], sums);
                       c.kernels.upload(as_floats(sums), c.y());
                     }});
    cases.push_back({.name = concat("sum_of_squares", on),
                     .inputs = {parameter(x)},
                     .outputs = {{.shape = {2},
                                  .kind = Output::Kind::doubles,
                                  .first_axis = Input::Axis::none}},
                     .tolerance = 1e-7,
                     .element_tolerance = 1e-12,
                     .run = [](Call& c) {
                       const double sum = c.kernels.sum_of_squares(c.in[0]);
                       c.kernels.upload(as_floats(std::vector<double>{sum}), c.y());
                     }});
    cases.push_back({.name = concat("sums_of_squares", on),
                     .inputs = {parameter(x), parameter({3})},
                     .outputs = {{.shape = {2 * 3},
                                  .kind = Output::Kind::doubles,
                                  .first_axis = Input::Axis::none}},
                     .tolerance = 1e-7,
                     .element_tolerance = 1e-12,
                     .run = [](Call& c) {
                       const std::vector<Tensor> all{c.in[0], c.scratch({0}), c.in[1]};
                       std::vector<double> sums(all.size());
                       c.kernels.sums_of_squares(all, sums);
                       c.kernels.upload(as_floats(sums), c.y());
                     }});
    cases.push_back({.name = concat("all_finite", on),
                     .inputs = {parameter(x, 1e38)},
                     .outputs = {{.shape = {4}, .first_axis = Input::Axis::none}},
                     .run = [](Call& c) { c.kernels.upload(finite_with_poison(c.in[0]), c.y()); }});
    cases.push_back({.name = concat("squared_error_backward", on),
                     .inputs = {{.shape = x}, {.shape = x}},
                     .outputs = {grad(x)},
                     .tolerance = 5e-7,
                     .element_tolerance = 4e-7,
                     .run = [](Call& c) {
                       c.kernels.squared_error_backward(c.in[0], c.in[1], 0.3, c.out[0]);
                     }});
  }
}

void add_sampler_cases(std::vector<KernelCase>& cases) {
  // Coefficients of a step from alpha_bar 0.3 to 0.5 with sigma 0.2.
  const SamplerUpdate ddim{.x0_from_x = 1.825741858350554,
                           .x0_from_output = -1.527525231651947,
                           .prev_from_x0 = 0.7071067811865476,
                           .prev_from_eps = 0.6782329983125268};
  SamplerUpdate noisy = ddim;
  noisy.prev_from_noise = 0.2;
  SamplerUpdate clipped = noisy;
  clipped.clip = 1.0;
  SamplerUpdate rederived = clipped;
  rederived.eps_from_output = 0.0;
  rederived.eps_from_x = 1.1952286093343936;
  rederived.eps_from_x0 = -0.6546536707079772;
  SamplerUpdate velocity = rederived;  // x0 from v, every factor in use
  velocity.x0_from_x = 0.5477225575051661;
  velocity.x0_from_output = -0.8366600265340756;
  velocity.eps_from_output = 0.5;
  velocity.x0_scale = 0.8;
  const SamplerUpdate plain{
      .x0_from_x = 1.7, .x0_from_output = -1.2, .prev_from_x0 = 0.8, .prev_from_eps = 0.5};
  const SamplerUpdate full{.x0_from_x = 1.7,
                           .x0_from_output = -1.2,
                           .clip = 1.0,
                           .x0_scale = 0.9,
                           .eps_from_x = 1.3,
                           .eps_from_output = -0.2,
                           .eps_from_x0 = -0.6,
                           .prev_from_x0 = 0.8,
                           .prev_from_eps = 0.5,
                           .prev_from_noise = 0.3};
  struct Named {
    std::string name;
    SamplerUpdate update;
  };
  for (const Shape& x : and_odd_images({{5, 1}, {5, 7, 5, 3}, {2, 20011}})) {
    for (const auto& [name, update] : std::vector<Named>{{"ddim", ddim},
                                                         {"noisy", noisy},
                                                         {"clipped", clipped},
                                                         {"rederived", rederived},
                                                         {"velocity", velocity},
                                                         {"plain", plain},
                                                         {"full", full}}) {
      const std::vector<Input> x_eps_z{{.shape = x}, {.shape = x}, {.shape = x}};
      const std::string full_name = concat("sampler_update_", name, "_", shape_name(x));
      const SamplerUpdate u = update;
      const auto noise = [u](const Call& c) {
        return u.prev_from_noise == 0.0 ? Tensor() : c.in[2];
      };
      cases.push_back({.name = full_name,
                       .inputs = x_eps_z,
                       .outputs = {{.shape = x}, {.shape = x}},
                       .tolerance = 1e-6,
                       .element_tolerance = 1e-6,
                       .run = [=](Call& c) {
                         c.kernels.sampler_update(u, c.in[0], c.in[1], noise(c), c.y(0), c.y(1));
                       }});
      cases.push_back({.name = concat(full_name, "_in_place"),
                       .inputs = x_eps_z,
                       .outputs = {{.shape = x}},
                       .tolerance = 1e-6,
                       .element_tolerance = 1e-6,
                       .run = [=](Call& c) {
                         Tensor no_x0_pred;
                         c.kernels.copy(c.in[0], c.y());
                         c.kernels.sampler_update(u, c.y(), c.in[1], noise(c), c.y(), no_x0_pred);
                       }});
    }
  }
}

void add_combination_cases(std::vector<KernelCase>& cases) {
  for (const Shape& x : and_odd_images({{5, 1}, {5, 7, 5, 3}, {2, 20011}})) {
    const std::string on = concat("_", shape_name(x));
    const std::vector<Input> three{{.shape = x}, {.shape = x}, {.shape = x}};
    cases.push_back({.name = concat("linear_combination", on),
                     .inputs = three,
                     .outputs = {{.shape = x}},
                     .tolerance = 1e-6,
                     .element_tolerance = 1e-6,
                     .run = [](Call& c) {
                       const std::vector<double> factors{0.7, -1.3, 2.1};
                       c.kernels.linear_combination(factors, c.in, c.y());
                     }});
    cases.push_back(
        {.name = concat("linear_combination_in_place", on),
         .inputs = {{.shape = x}, {.shape = x}},
         .outputs = {{.shape = x}},
         .tolerance = 1e-6,
         .element_tolerance = 1e-6,
         .run = [](Call& c) {
           c.kernels.copy(c.in[0], c.y());
           const std::vector<double> factors{-0.4, 1.6};
           c.kernels.linear_combination(factors, std::vector<Tensor>{c.in[1], c.y()}, c.y());
         }});
    cases.push_back({.name = concat("scale_by_learned_deviation", on),
                     .inputs = {{.shape = x}, {.shape = x}},
                     .outputs = {{.shape = x}},
                     .tolerance = 1e-6,
                     .element_tolerance = 1e-6,
                     .run = [](Call& c) {
                       c.kernels.copy(c.in[0], c.y());
                       c.kernels.scale_by_learned_deviation({.largest = 0.02, .smallest = 1e-4},
                                                            c.in[1], c.y());
                     }});
    for (const double ratio : {0.0, 0.37, 0.995, 1.0}) {
      cases.push_back({.name = concat("absolute_quantile_", std::lround(1000 * ratio), on),
                       .inputs = {{.shape = x}},
                       .outputs = {{.shape = {x[0], 2}}},
                       .tolerance = 0.0,
                       .run = [ratio](Call& c) {
                         std::vector<double> quantiles(static_cast<std::size_t>(c.in[0].dim(0)));
                         c.kernels.absolute_quantile(c.in[0], ratio, quantiles);
                         c.kernels.upload(as_floats(quantiles), c.y());
                       }});
    }
  }
}

void add_adam_cases(std::vector<KernelCase>& cases) {
  struct Named {
    std::string name;
    AdamUpdate update;
  };
  for (const Shape& shape : and_odd_images({{1}, {64, 48, 3, 3}, {1003}})) {
    for (const auto& [name, update] : std::vector<Named>{
             {"first_step", {.step = 1}},
             {"weight_decay", {.learning_rate = 1e-2, .weight_decay = 0.1, .step = 7}},
             {"later", {.learning_rate = 1e-2, .beta1 = 0.8, .step = 1000, .grad_scale = 0.03}}}) {
      const AdamUpdate u = update;
      // parameter, m, v (positive: 5 sigma from 0), ema, gradient
      const std::vector<Input> inputs{parameter(shape), parameter(shape, 0.1),
                                      parameter(shape, 0.01, 0.1), parameter(shape),
                                      parameter(shape, 0.5)};
      const Output output{.shape = shape, .first_axis = Input::Axis::none};
      const auto start = [](Call& c) {
        for (std::size_t i = 0; i < c.out.size(); ++i) c.kernels.copy(c.in[i], c.y(i));
      };
      cases.push_back({.name = concat("adam_", name, "_", shape_name(shape)),
                       .inputs = inputs,
                       .outputs = {output, output, output, output},
                       .tolerance = 1e-6,
                       .element_tolerance = 1e-6,
                       .run = [=](Call& c) {
                         start(c);
                         c.kernels.adam(u, c.in[4], c.y(0), c.y(1), c.y(2), c.y(3));
                       }});
      cases.push_back({.name = concat("adam_", name, "_no_ema_", shape_name(shape)),
                       .inputs = inputs,
                       .outputs = {output, output, output},
                       .tolerance = 1e-6,
                       .element_tolerance = 1e-6,
                       .run = [=](Call& c) {
                         Tensor no_ema;
                         start(c);
                         c.kernels.adam(u, c.in[4], c.y(0), c.y(1), c.y(2), no_ema);
                       }});
    }
  }
}

/// Three steps from moments of zero.
void add_adam_steps_cases(std::vector<KernelCase>& cases) {
  for (const Shape& shape : and_odd_images({})) {
    const std::vector<Input> inputs{parameter(shape), parameter(shape), parameter(shape),
                                    parameter(shape), parameter(shape)};
    const Output output{.shape = shape, .first_axis = Input::Axis::none};
    const auto run = [](Call& c, Tensor ema) {
      c.kernels.copy(c.in[0], c.y(0));
      for (const std::size_t moment : {1, 2}) c.kernels.fill(0.0, c.y(moment));
      for (std::int64_t step = 1; step <= 3; ++step) {
        c.kernels.adam({.learning_rate = 0.01, .step = step, .grad_scale = 0.5, .ema_decay = 0.99},
                       c.in[static_cast<std::size_t>(step) + 1], c.y(0), c.y(1), c.y(2), ema);
      }
    };
    cases.push_back({.name = concat("adam_three_steps_", shape_name(shape)),
                     .inputs = inputs,
                     .outputs = {output, output, output, output},
                     .tolerance = 1e-6,
                     .element_tolerance = 1e-6,
                     .run = [run](Call& c) {
                       c.kernels.copy(c.in[1], c.y(3));
                       run(c, c.y(3));
                     }});
    cases.push_back({.name = concat("adam_three_steps_no_ema_", shape_name(shape)),
                     .inputs = inputs,
                     .outputs = {output, output, output},
                     .tolerance = 1e-6,
                     .element_tolerance = 1e-6,
                     .run = [run](Call& c) { run(c, Tensor()); }});
  }
}

}  // namespace

std::vector<KernelCase> update_cases() {
  std::vector<KernelCase> cases;
  add_loss_cases(cases);
  add_sampler_cases(cases);
  add_combination_cases(cases);
  add_adam_cases(cases);
  add_adam_steps_cases(cases);
  return cases;
}

}  // namespace ddim::test
