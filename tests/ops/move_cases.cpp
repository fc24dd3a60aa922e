#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "tests/ops/kernel_case.h"

namespace ddim::test {
namespace {

/// What only copies or adds two numbers must be right to the last bit.
constexpr double kExact = 0.0;

void add_elementwise_cases(std::vector<KernelCase>& cases) {
  for (const Shape& shape :
       and_odd_images({{1}, {5, 7}, {5, 3, 7, 5}, {2, 1003}, {3, 20011}, {131, 3}})) {
    const std::string on = concat("_", shape_name(shape));
    cases.push_back({.name = concat("copy", on),
                     .inputs = {{.shape = shape}},
                     .outputs = {{.shape = shape}},
                     .tolerance = kExact,
                     .run = [](Call& c) { c.kernels.copy(c.in[0], c.y()); }});
    cases.push_back({.name = concat("fill", on),
                     .inputs = {{.shape = shape}},
                     .outputs = {{.shape = shape}},
                     .tolerance = kExact,
                     .run = [](Call& c) { c.kernels.fill(-0.37, c.y()); }});
    cases.push_back({.name = concat("download_upload", on),
                     .inputs = {{.shape = shape}},
                     .outputs = {{.shape = shape}},
                     .tolerance = kExact,
                     .run = [](Call& c) {
                       std::vector<float> values(static_cast<std::size_t>(c.in[0].size()));
                       c.kernels.download(c.in[0], values);
                       for (float& value : values) value *= 2.0F;
                       c.kernels.upload(values, c.y());
                     }});
    cases.push_back({.name = concat("add", on),
                     .inputs = {{.shape = shape}, {.shape = shape}},
                     .outputs = {{.shape = shape}},
                     .tolerance = kExact,
                     .run = [](Call& c) { c.kernels.add(c.in[0], c.in[1], c.y()); }});
    cases.push_back({.name = concat("accumulate", on),
                     .inputs = {{.shape = shape}},
                     .outputs = {grad(shape)},
                     .tolerance = kExact,
                     .run = [](Call& c) { c.kernels.accumulate(c.in[0], c.out[0]); }});
    cases.push_back({.name = concat("scale_per_image", on),
                     .inputs = {{.shape = shape}},
                     .outputs = {grad(shape)},
                     .tolerance = 2e-7,
                     .run = [](Call& c) {
                       std::vector<double> factors;
                       for (std::int64_t n = 0; n < c.in[0].dim(0); ++n)
                         factors.push_back(0.37 - 0.11 * static_cast<double>(c.first_image + n));
                       c.kernels.scale_per_image(c.in[0], factors, c.out[0]);
                     }});
  }
}

void add_row_cases(std::vector<KernelCase>& cases) {
  for (const auto& [num_rows, channels] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{5, 1}, {5, 16}, {5, 37}, {150, 3}}) {
    std::vector<std::int64_t> rows{2, 0, 2, 6, 2};
    for (std::int64_t n = std::ssize(rows); n < num_rows; ++n) rows.push_back(n * n % 7);
    const Shape table{7, channels};
    const Shape y{num_rows, channels};
    const std::string on = concat("_", num_rows, "_", channels);
    cases.push_back({.name = concat("gather_rows", on),
                     .inputs = {parameter(table)},
                     .outputs = {{.shape = y, .first_axis = Input::Axis::none}},
                     .tolerance = kExact,
                     .run = [rows](Call& c) { c.kernels.gather_rows(c.in[0], rows, c.y()); }});
    cases.push_back(
        {.name = concat("gather_rows", on, "_backward"),
         .inputs = {{.shape = y}},
         .outputs = {parameter_grad(table)},
         .tolerance = num_rows == 5 ? 2e-7 : 5e-7,
         .run = [rows](Call& c) { c.kernels.gather_rows_backward(c.in[0], rows, c.out[0]); }});
  }
}

void add_pixel_cases(std::vector<KernelCase>& cases) {
  for (const Shape& x : and_odd_images({{5, 1, 1, 16},
                                        {1, 3, 5, 3},
                                        {5, 4, 4, 48},
                                        {2, 7, 5, 160},
                                        {2, 16, 16, 48},
                                        {5, 16, 16, 1}})) {
    const auto if_odd = [&](double tolerance) {
      const std::vector<Shape> odd = and_odd_images({});
      return std::ranges::find(odd, x) != odd.end() ? std::optional(tolerance) : std::nullopt;
    };
    const Shape doubled{x[0], 2 * x[1], 2 * x[2], x[3]};
    const std::string on = concat("_", shape_name(x));
    cases.push_back({.name = concat("upsample", on),
                     .inputs = {{.shape = x}},
                     .outputs = {{.shape = doubled}},
                     .tolerance = kExact,
                     .run = [](Call& c) { c.kernels.upsample_nearest_2x(c.in[0], c.y()); }});
    cases.push_back(
        {.name = concat("upsample", on, "_backward"),
         .inputs = {{.shape = doubled}},
         .outputs = {grad(x)},
         .tolerance = 1e-6,
         .element_tolerance = if_odd(3e-7),
         .run = [](Call& c) { c.kernels.upsample_nearest_2x_backward(c.in[0], c.out[0]); }});
    cases.push_back({.name = concat("downsample_mean", on),
                     .inputs = {{.shape = doubled}},
                     .outputs = {{.shape = x}},
                     .tolerance = 1e-6,
                     .run = [](Call& c) { c.kernels.downsample_mean_2x(c.in[0], c.y()); }});
    cases.push_back(
        {.name = concat("downsample_mean", on, "_backward"),
         .inputs = {{.shape = x}},
         .outputs = {grad(doubled)},
         .tolerance = kExact,
         .run = [](Call& c) { c.kernels.downsample_mean_2x_backward(c.in[0], c.out[0]); }});
    cases.push_back({.name = concat("sum_pixels", on),
                     .inputs = {{.shape = x}},
                     .outputs = {grad({x[0], x[3]})},
                     .tolerance = 2e-6,
                     .element_tolerance = if_odd(2e-7),
                     .run = [](Call& c) { c.kernels.sum_pixels(c.in[0], c.out[0]); }});
  }
}

void add_pool_cases(std::vector<KernelCase>& cases) {
  for (const Shape& x :
       {Shape{5, 3, 3, 16}, Shape{1, 5, 7, 1}, Shape{2, 9, 4, 37}, Shape{3, 35, 17, 192}}) {
    for (const Pooling pooling : {Pooling::max, Pooling::mean}) {
      for (const auto& [kernel, stride, padding] :
           {std::array<std::int64_t, 3>{3, 2, 0}, {3, 1, 1}, {2, 1, 0}, {3, 2, 1}}) {
        const PoolGeometry geometry{
            .pooling = pooling, .kernel = kernel, .stride = stride, .padding = padding};
        cases.push_back({.name = concat(pooling == Pooling::max ? "max_pool" : "mean_pool", kernel,
                                        "_stride", stride, "_pad", padding, "_", shape_name(x)),
                         .inputs = {{.shape = x}},
                         .outputs = {{.shape = {x[0], geometry.output_size(x[1]),
                                                geometry.output_size(x[2]), x[3]}}},
                         .tolerance = pooling == Pooling::max ? kExact : 3e-7,
                         .run = [geometry](Call& c) { c.kernels.pool(c.in[0], geometry, c.y()); }});
      }
    }
    cases.push_back({.name = concat("join_channels_", shape_name(x)),
                     .inputs = {{.shape = x}, {.shape = x.with(3, 3)}, {.shape = x.with(3, 1)}},
                     .outputs = {{.shape = x.with(3, x[3] + 4)}},
                     .tolerance = kExact,
                     .run = [](Call& c) { c.kernels.join_channels(c.in, c.y()); }});
  }
}

}  // namespace

std::vector<KernelCase> move_cases() {
  std::vector<KernelCase> cases;
  add_elementwise_cases(cases);
  add_pixel_cases(cases);
  add_pool_cases(cases);
  add_row_cases(cases);
  return cases;
}

}  // namespace ddim::test
