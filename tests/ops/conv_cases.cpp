#include <cmath>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {
namespace {

struct ConvShape {
  std::int64_t n, h, w, c_in, c_out;
};

constexpr ConvGeometry k3x3{.kernel = 3, .stride = 1, .pad_begin = 1, .pad_end = 1};
constexpr ConvGeometry k3x3Stride2Asymmetric{
    .kernel = 3, .stride = 2, .pad_begin = 0, .pad_end = 1};
constexpr ConvGeometry k3x3Stride2{.kernel = 3, .stride = 2, .pad_begin = 1, .pad_end = 1};
constexpr ConvGeometry k3x3Upsampling{
    .kernel = 3, .stride = 1, .pad_begin = 1, .pad_end = 1, .upsample = 2};
// Windows of networks that classify.
constexpr ConvGeometry k1x7{.kernel = 1,
                            .pad_begin = 0,
                            .pad_end = 0,
                            .across = WindowAxis{.kernel = 7, .pad_begin = 3, .pad_end = 3}};
constexpr ConvGeometry k7x1{.kernel = 7,
                            .pad_begin = 3,
                            .pad_end = 3,
                            .across = WindowAxis{.kernel = 1, .pad_begin = 0, .pad_end = 0}};
constexpr ConvGeometry k3x2Stride2{.kernel = 3,
                                   .stride = 2,
                                   .pad_begin = 0,
                                   .pad_end = 1,
                                   .across = WindowAxis{.kernel = 2, .pad_begin = 1, .pad_end = 0}};
constexpr ConvGeometry k5x5{.kernel = 5, .pad_begin = 2, .pad_end = 2};
constexpr ConvGeometry k3x3Valid{.kernel = 3, .pad_begin = 0, .pad_end = 0};
constexpr ConvGeometry k3x3ValidStride2{.kernel = 3, .stride = 2, .pad_begin = 0, .pad_end = 0};
constexpr ConvGeometry k1x1{.kernel = 1, .stride = 1, .pad_begin = 0, .pad_end = 0};

/// 128 channels and 81 pixels: of an emulated GPU, one image gets small tiles, and two get large
/// ones.
std::vector<std::pair<ConvGeometry, std::vector<ConvShape>>> conv_shapes() {
  return {
      {k3x3, {{5, 1, 1, 16, 16},    {5, 2, 2, 64, 64},   {5, 6, 6, 1, 3},      {5, 7, 5, 3, 32},
              {1, 8, 8, 32, 48},    {5, 8, 8, 48, 96},   {5, 4, 4, 96, 64},    {5, 5, 3, 17, 19},
              {5, 8, 8, 96, 3},     {1, 13, 33, 32, 32}, {2, 16, 16, 64, 64},  {1, 8, 8, 64, 32},
              {3, 9, 11, 32, 96},   {5, 10, 7, 96, 160}, {3, 9, 10, 128, 160}, {2, 9, 10, 256, 96},
              {5, 1, 1, 32, 1},     {2, 9, 9, 3, 128},   {2, 9, 9, 131, 2},    {2, 19, 9, 64, 3},
              {1, 40, 33, 64, 32},  {5, 16, 16, 32, 32}, {2, 67, 17, 32, 40},  {3, 8, 5, 33, 2},
              {5, 1, 1, 32, 32},    {2, 1, 9, 64, 32},   {2, 9, 1, 32, 64},    {1, 40, 33, 32, 64},
              {1, 2, 1100, 32, 16}, {2, 6, 5, 32, 19},   {1, 5, 4, 64, 57}}},
      {k3x3Stride2Asymmetric,
       {{5, 2, 2, 16, 16},
        {1, 5, 9, 3, 1},
        {5, 7, 7, 48, 48},
        {5, 8, 8, 32, 32},
        {2, 23, 26, 48, 40}}},
      {k3x3Stride2, {{5, 1, 1, 16, 16}, {5, 8, 8, 32, 32}, {5, 7, 5, 96, 48}, {1, 9, 3, 1, 3}}},
      {k3x3Upsampling,
       {{5, 1, 1, 32, 32},
        {5, 2, 3, 64, 96},
        {1, 4, 4, 128, 160},
        {3, 5, 7, 96, 64},
        {2, 16, 9, 32, 32},
        {5, 4, 4, 48, 32},
        {1, 3, 5, 3, 17},
        {5, 1, 2, 16, 3},
        {1, 12, 40, 64, 16}}},
      {k1x7, {{5, 1, 1, 16, 16}, {5, 17, 17, 32, 48}, {1, 3, 20, 3, 1}, {2, 9, 5, 17, 19}}},
      {k7x1, {{5, 1, 1, 16, 16}, {5, 17, 17, 32, 48}, {1, 20, 3, 3, 1}, {2, 5, 9, 17, 19}}},
      {k3x2Stride2, {{5, 2, 2, 16, 16}, {1, 7, 9, 3, 2}, {3, 8, 6, 32, 32}, {2, 15, 20, 48, 96}}},
      {k5x5, {{5, 1, 1, 16, 16}, {5, 9, 11, 48, 64}, {1, 7, 3, 3, 1}}},
      {k3x3Valid, {{5, 3, 3, 16, 16}, {5, 9, 11, 32, 32}, {1, 7, 4, 3, 1}, {2, 20, 17, 80, 96}}},
      {k3x3ValidStride2, {{5, 3, 3, 16, 16}, {5, 9, 11, 3, 32}, {2, 17, 17, 96, 96}}},
      {k1x1, {{5, 1, 1, 32, 64}, {5, 8, 8, 3, 1}, {5, 7, 5, 48, 96}, {1, 16, 16, 128, 64}}},
  };
}

KernelCase forward(const ConvShape& s, const ConvGeometry& geometry, const std::string& name) {
  const Shape out{s.n, geometry.output_rows(s.h), geometry.output_columns(s.w), s.c_out};
  const double fan_in =
      static_cast<double>(s.c_in * geometry.kernel * geometry.across_axis().kernel);
  return {.name = name,
          .inputs = {{.shape = {s.n, s.h, s.w, s.c_in}},
                     parameter({s.c_out, s.c_in, geometry.kernel, geometry.across_axis().kernel},
                               1.0 / std::sqrt(fan_in)),
                     parameter({s.c_out}),
                     {.shape = {s.n, s.c_out}},
                     {.shape = out}},
          .outputs = {{.shape = out}},
          .tolerance = 1e-5,
          .flop = 2.0 * static_cast<double>(out.size()) * fan_in,
          .run = [geometry](Call& c) {
            c.kernels.conv2d(c.in[0], c.in[1],
                             {.bias = c.in[2], .per_image_bias = c.in[3], .residual = c.in[4]},
                             geometry, c.y());
          }};
}

KernelCase with_run(KernelCase kernel_case, const std::string& suffix,
                    std::function<void(Call&)> run) {
  kernel_case.name += suffix;
  kernel_case.run = std::move(run);
  return kernel_case;
}

/// Pointwise convolutions of two parts.
void add_cases_of_two_parts(std::vector<KernelCase>& cases) {
  struct PartsShape {
    std::int64_t n, h, w, c_first, c_second, c_out;
  };
  for (const auto& [n, h, w, c_first, c_second, c_out] : std::vector<PartsShape>{
           {5, 1, 1, 3, 5, 7},
           {1, 3, 5, 1, 2, 1},
           {5, 4, 4, 16, 16, 32},
           {5, 7, 5, 17, 6, 19},
           {3, 9, 11, 48, 31, 40},
           {2, 16, 16, 128, 64, 65},
           {1, 8, 8, 256, 256, 128},
       }) {
    const Shape first{n, h, w, c_first};
    const Shape second{n, h, w, c_second};
    const Shape out{n, h, w, c_out};
    const Shape weight{c_out, c_first + c_second, 1, 1};
    const double scale = 1.0 / std::sqrt(static_cast<double>(c_first + c_second));
    const double flop =
        2.0 * static_cast<double>(out.size()) * static_cast<double>(c_first + c_second);
    const std::string name =
        concat("conv2d_of_parts_", shape_name(first), "_and_", c_second, "_to_", c_out);
    const KernelCase all_addends{.name = name,
                                 .inputs = {{.shape = first},
                                            {.shape = second},
                                            parameter(weight, scale),
                                            parameter({c_out}),
                                            {.shape = out}},
                                 .outputs = {{.shape = out}},
                                 .tolerance = 1e-5,
                                 .flop = flop,
                                 .run = [](Call& c) {
                                   c.kernels.conv2d({c.in[0], c.in[1]}, c.in[2],
                                                    {.bias = c.in[3], .residual = c.in[4]}, k1x1,
                                                    c.y());
                                 }};
    cases.push_back(all_addends);
    cases.push_back(with_run(all_addends, "_no_addends", [](Call& c) {
      c.kernels.conv2d({c.in[0], c.in[1]}, c.in[2], {}, k1x1, c.y());
    }));
    cases.push_back(with_run(all_addends, "_residual_in_place", [](Call& c) {
      c.kernels.copy(c.in[4], c.y());
      c.kernels.conv2d({c.in[0], c.in[1]}, c.in[2], {.bias = c.in[3], .residual = c.y()}, k1x1,
                       c.y());
    }));
    cases.push_back(
        {.name = concat(name, "_backward_input"),
         .inputs = {{.shape = out}, parameter(weight, 1.0 / std::sqrt(static_cast<double>(c_out)))},
         .outputs = {grad(first), grad(second)},
         .tolerance = 1e-5,
         .flop = flop,
         .run = [](Call& c) {
           c.kernels.conv2d_backward_input(c.in[0], c.in[1], k1x1, {c.out[0], c.out[1]});
         }});
    cases.push_back(
        {.name = concat(name, "_backward_weight"),
         .inputs = {{.shape = first}, {.shape = second}, {.shape = out}},
         .outputs = {parameter_grad(weight), parameter_grad({c_out})},
         .tolerance = 1e-5,
         .flop = flop,
         .run = [](Call& c) {
           c.kernels.conv2d_backward_weight({c.in[0], c.in[1]}, c.in[2], k1x1, c.out[0], c.out[1]);
         }});
  }
}

}  // namespace

std::vector<KernelCase> conv_cases() {
  std::vector<KernelCase> cases;
  add_cases_of_two_parts(cases);
  for (const auto& [geometry, shapes] : conv_shapes()) {
    for (const ConvShape& s : shapes) {
      const std::string name = concat(
          "conv2d_", shape_name({geometry.kernel, geometry.across_axis().kernel}), "_stride",
          geometry.stride, geometry.upsample == 1 ? "" : "_upsampling", "_pad", geometry.pad_begin,
          geometry.pad_end, "_", shape_name({s.n, s.h, s.w, s.c_in}), "_to_", s.c_out);
      const KernelCase all_addends = forward(s, geometry, name);
      cases.push_back(all_addends);
      const Shape out = all_addends.outputs[0].shape;
      const ConvGeometry g = geometry;
      if (s.c_in == 48 || s.c_in == 3 || s.c_out <= 3) {
        cases.push_back(with_run(all_addends, "_no_addends", [g](Call& c) {
          c.kernels.conv2d(c.in[0], c.in[1], {}, g, c.y());
        }));
        cases.push_back(with_run(all_addends, "_bias", [g](Call& c) {
          c.kernels.conv2d(c.in[0], c.in[1], {.bias = c.in[2]}, g, c.y());
        }));
        cases.push_back(with_run(all_addends, "_image_bias", [g](Call& c) {
          c.kernels.conv2d(c.in[0], c.in[1], {.per_image_bias = c.in[3]}, g, c.y());
        }));
        cases.push_back(with_run(all_addends, "_residual_in_place", [g](Call& c) {
          c.kernels.copy(c.in[4], c.y());
          c.kernels.conv2d(c.in[0], c.in[1], {.bias = c.in[2], .residual = c.y()}, g, c.y());
        }));
      }
      const Shape in{s.n, s.h, s.w, s.c_in};
      const Shape weight{s.c_out, s.c_in, g.kernel, g.across_axis().kernel};
      const double fan_out = static_cast<double>(s.c_out * g.kernel * g.across_axis().kernel);
      cases.push_back({.name = concat(name, "_backward_input"),
                       .inputs = {{.shape = out}, parameter(weight, 1.0 / std::sqrt(fan_out))},
                       .outputs = {grad(in)},
                       .tolerance = 1e-5,
                       .flop = all_addends.flop,
                       .run = [g](Call& c) {
                         c.kernels.conv2d_backward_input(c.in[0], c.in[1], g, c.out[0]);
                       }});
      cases.push_back({.name = concat(name, "_backward_weight"),
                       .inputs = {{.shape = in}, {.shape = out}},
                       .outputs = {parameter_grad(weight), parameter_grad({s.c_out})},
                       .tolerance = 1e-5,
                       .flop = all_addends.flop,
                       .run = [g](Call& c) {
                         c.kernels.conv2d_backward_weight(c.in[0], c.in[1], g, c.out[0], c.out[1]);
                       }});
    }
  }
  return cases;
}

}  // namespace ddim::test
