#include <cmath>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {
namespace {

void add_group_norm_cases(std::vector<KernelCase>& cases) {
  struct NormShape {
    std::int64_t n, h, w, c, num_groups;
    double mean;  // far from zero: a variance from sums of squares would cancel
  };
  for (const auto& s : std::vector<NormShape>{{5, 1, 1, 32, 32, 0.0},
                                              {3, 1, 1, 128, 32, 0.0},
                                              {5, 4, 4, 32, 32, 0.0},
                                              {5, 2, 2, 12, 1, 0.0},
                                              {5, 3, 3, 6, 2, 0.0},
                                              {5, 7, 5, 48, 16, 0.0},
                                              {1, 8, 8, 96, 32, 0.0},
                                              {5, 8, 8, 64, 32, 30.0},
                                              {5, 5, 3, 1, 1, 0.0},
                                              {2, 32, 32, 32, 8, 0.0},
                                              {2, 8, 8, 512, 32, 0.0}}) {
    for (const Activation activation : {Activation::none, Activation::silu}) {
      const Shape x{s.n, s.h, s.w, s.c};
      const Shape statistics{s.n, s.num_groups};
      const GroupNormOptions options{.num_groups = s.num_groups, .activation = activation};
      const std::string name =
          concat("group_norm_", shape_name(x), "_groups", s.num_groups,
                 activation == Activation::silu ? "_silu" : "", s.mean != 0.0 ? "_offset" : "");
      const double tolerance = s.mean == 0.0 ? 3e-6 : 2e-5;
      // Such a group has variance 0: its gradient is a difference of equal terms that are as large
      // as rstd.
      const bool of_one_element = s.h == 1 && s.w == 1 && s.c == s.num_groups;
      const Input in{.shape = x, .offset = s.mean};
      const Input gamma = parameter({s.c}, 0.5, 1.0);
      const Input beta = parameter({s.c});
      cases.push_back({.name = name,
                       .inputs = {in, gamma, beta},
                       .outputs = {{.shape = statistics}, {.shape = statistics}, {.shape = x}},
                       .tolerance = tolerance,
                       .run = [=](Call& c) {
                         c.kernels.group_norm(c.in[0], c.in[1], c.in[2], options, c.y(0), c.y(1),
                                              c.y(2));
                       }});
      cases.push_back({.name = concat(name, "_backward"),
                       .inputs = {in, gamma, beta, {.shape = x}},
                       .outputs = {grad(x), parameter_grad({s.c}), parameter_grad({s.c})},
                       .tolerance = 2 * tolerance,
                       .magnitude = of_one_element ? 1.0 / std::sqrt(options.epsilon) : 0.0,
                       .run = [=](Call& c) {
                         Tensor mean = c.statistics(statistics);
                         Tensor rstd = c.statistics(statistics);
                         Tensor y = c.scratch(x);
                         c.kernels.group_norm(c.in[0], c.in[1], c.in[2], options, mean, rstd, y);
                         c.kernels.group_norm_backward(c.in[0], c.in[1], c.in[2], mean, rstd,
                                                       options, c.in[3], c.out[0], c.out[1],
                                                       c.out[2]);
                       }});
    }
  }
}

/// Each element against `ref` in double, on groups whose variance is not far below epsilon.
void add_group_norm_element_cases(std::vector<KernelCase>& cases) {
  const std::vector<Shape> shapes = and_odd_images({});
  const std::vector<std::int64_t> num_groups{1, 3, 1, 16, 11, 32, 2, 1, 16};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Shape x = shapes[i];
    for (const Activation activation : {Activation::none, Activation::silu}) {
      const Shape statistics{x[0], num_groups[i]};
      const GroupNormOptions options{
          .num_groups = num_groups[i], .epsilon = 1e-3, .activation = activation};
      const std::string name = concat("group_norm_elements_", shape_name(x), "_groups",
                                      num_groups[i], activation == Activation::silu ? "_silu" : "");
      const Input gamma = parameter({x[3]});
      const Input beta = parameter({x[3]});
      cases.push_back({.name = name,
                       .inputs = {{.shape = x, .scale = 2.0, .offset = 3.0}, gamma, beta},
                       .outputs = {{.shape = statistics}, {.shape = statistics}, {.shape = x}},
                       .tolerance = 3e-6,
                       .element_tolerance = 2e-6,
                       .run = [=](Call& c) {
                         c.kernels.group_norm(c.in[0], c.in[1], c.in[2], options, c.y(0), c.y(1),
                                              c.y(2));
                       }});
      cases.push_back(
          {.name = concat(name, "_backward"),
           .inputs = {{.shape = x, .scale = 2.0, .offset = 1.0}, gamma, beta, {.shape = x}},
           .outputs = {grad(x), parameter_grad({x[3]}), parameter_grad({x[3]})},
           .tolerance = 6e-6,
           .magnitude = 1.0,
           .element_tolerance = 1e-5,
           .run = [=](Call& c) {
             Tensor mean = c.statistics(statistics);
             Tensor rstd = c.statistics(statistics);
             Tensor y = c.scratch(x);
             c.kernels.group_norm(c.in[0], c.in[1], c.in[2], options, mean, rstd, y);
             c.kernels.group_norm_backward(c.in[0], c.in[1], c.in[2], mean, rstd, options, c.in[3],
                                           c.out[0], c.out[1], c.out[2]);
           }});
    }
  }
}

void add_group_norm_of_parts_cases(std::vector<KernelCase>& cases) {
  struct PartsShape {
    std::int64_t n, h, w, c_first, c_second, num_groups;
  };
  for (const auto& [n, h, w, c_first, c_second, num_groups] : std::vector<PartsShape>{
           {5, 1, 1, 3, 5, 2},         // a group in both parts, one pixel
           {1, 1, 1, 7, 2, 1},         // one group of all
           {3, 4, 5, 16, 16, 32},      // one channel a group
           {5, 7, 5, 17, 31, 4},       // no part in whole vectors
           {2, 8, 8, 256, 128, 32},    // groups of 12, one of them in both parts
           {1, 16, 16, 64, 192, 2},    // groups of 128, more than a block of one part
           {2, 5, 3, 130, 130, 1}}) {  // a group of more channels than a block
    for (const Activation activation : {Activation::none, Activation::silu}) {
      const Shape first{n, h, w, c_first};
      const Shape second{n, h, w, c_second};
      const Shape y{n, h, w, c_first + c_second};
      const Shape channels{c_first + c_second};
      const Shape statistics{n, num_groups};
      const GroupNormOptions options{.num_groups = num_groups, .activation = activation};
      const std::string name =
          concat("group_norm_of_parts_", shape_name(first), "_and_", c_second, "_groups",
                 num_groups, activation == Activation::silu ? "_silu" : "");
      const Input gamma = parameter(channels, 0.5, 1.0);
      const Input beta = parameter(channels);
      cases.push_back({.name = name,
                       .inputs = {{.shape = first}, {.shape = second, .offset = 1.0}, gamma, beta},
                       .outputs = {{.shape = statistics}, {.shape = statistics}, {.shape = y}},
                       .tolerance = 3e-6,
                       .run = [=](Call& c) {
                         c.kernels.group_norm({c.in[0], c.in[1]}, c.in[2], c.in[3], options, c.y(0),
                                              c.y(1), c.y(2));
                       }});
      cases.push_back(
          {.name = concat(name, "_backward"),
           .inputs =
               {{.shape = first}, {.shape = second, .offset = 1.0}, gamma, beta, {.shape = y}},
           .outputs = {grad(first), grad(second), parameter_grad(channels),
                       parameter_grad(channels)},
           .tolerance = 6e-6,
           .run = [=](Call& c) {
             const ChannelParts x{c.in[0], c.in[1]};
             Tensor mean = c.statistics(statistics);
             Tensor rstd = c.statistics(statistics);
             Tensor norm = c.scratch(y);
             c.kernels.group_norm(x, c.in[2], c.in[3], options, mean, rstd, norm);
             c.kernels.group_norm_backward(x, c.in[2], c.in[3], mean, rstd, options, c.in[4],
                                           {c.out[0], c.out[1]}, c.out[2], c.out[3]);
           }});
    }
  }
}

struct NamedActivation {
  const char* name;
  Activation activation;
};
constexpr NamedActivation kActivations[] = {{"silu", Activation::silu},
                                            {"mish", Activation::mish},
                                            {"gelu", Activation::gelu},
                                            {"relu", Activation::relu}};

void add_activation_cases(std::vector<KernelCase>& cases) {
  struct ActivationShape {
    Shape shape;
    double scale;  // 60: far into both tails, where exp overflows or vanishes
  };
  const std::vector<ActivationShape> shapes{{{1}, 1.0},       {{5, 7}, 1.0},   {{5, 3, 7, 5}, 4.0},
                                            {{2, 1003}, 1.0}, {{5, 64}, 60.0}, {{2, 20011}, 1.0}};
  for (const auto& [kind, activation] : kActivations) {
    const auto if_silu = [of = activation](double tolerance) {
      return of == Activation::silu ? std::optional(tolerance) : std::nullopt;
    };
    std::vector<ActivationShape> of_this = shapes;
    if (activation == Activation::silu) {
      for (const Shape& x : and_odd_images({})) of_this.push_back({x, 4.0});
    }
    for (const auto& [shape, scale] : of_this) {
      const std::string name = concat(kind, "_", shape_name(shape), scale > 4.0 ? "_tails" : "");
      const Activation a = activation;
      cases.push_back({.name = name,
                       .inputs = {{.shape = shape, .scale = scale}},
                       .outputs = {{.shape = shape}},
                       .tolerance = 1e-6,
                       .element_tolerance = if_silu(5e-7),
                       .run = [a](Call& c) { c.kernels.activate(a, c.in[0], c.y()); }});
      cases.push_back(
          {.name = concat(name, "_backward"),
           .inputs = {{.shape = shape, .scale = scale}, {.shape = shape}},
           .outputs = {grad(shape)},
           .tolerance = 1e-6,
           .magnitude = 1.0,  // where a slope crosses zero, its terms cancel
           .element_tolerance = if_silu(1e-6),
           .run = [a](Call& c) { c.kernels.activate_backward(a, c.in[0], c.in[1], c.out[0]); }});
    }
  }
}

void add_scale_shift_cases(std::vector<KernelCase>& cases) {
  for (const Shape& x : std::vector<Shape>{
           {5, 1, 1, 1}, {1, 3, 5, 3}, {5, 4, 4, 48}, {2, 7, 5, 160}, {2, 16, 16, 300}}) {
    for (const auto& [kind, activation] :
         {NamedActivation{"plain", Activation::none}, kActivations[0], kActivations[1]}) {
      const Activation a = activation;
      const Shape modulation{x[0], 2 * x[3]};
      const std::string name = concat("scale_shift_", kind, "_", shape_name(x));
      cases.push_back({.name = name,
                       .inputs = {{.shape = x}, {.shape = modulation}},
                       .outputs = {{.shape = x}},
                       .tolerance = 1e-6,
                       .run = [a](Call& c) { c.kernels.scale_shift(c.in[0], c.in[1], a, c.y()); }});
      cases.push_back({.name = concat(name, "_backward"),
                       .inputs = {{.shape = x}, {.shape = modulation}, {.shape = x}},
                       .outputs = {grad(x), grad(modulation)},
                       .tolerance = 2e-6,
                       .run = [a](Call& c) {
                         c.kernels.scale_shift_backward(c.in[0], c.in[1], a, c.in[2], c.out[0],
                                                        c.out[1]);
                       }});
    }
  }
}

}  // namespace

std::vector<KernelCase> norm_cases() {
  std::vector<KernelCase> cases;
  add_group_norm_cases(cases);
  add_group_norm_element_cases(cases);
  add_group_norm_of_parts_cases(cases);
  add_activation_cases(cases);
  add_scale_shift_cases(cases);
  return cases;
}

}  // namespace ddim::test
