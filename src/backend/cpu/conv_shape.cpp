#include "backend/cpu/conv_shape.h"

#include <cassert>

#include "tensor/derived_parameters.h"

namespace ddim::engine::cpu {

ConvShape conv_shape(std::int64_t images, const Shape& x, const Shape& y,
                     const ConvGeometry& geometry) {
  const WindowAxis down = geometry.down_axis(), across = geometry.across_axis();
  assert(down.pad_begin < down.kernel && down.pad_end < down.kernel);
  assert(across.pad_begin < across.kernel && across.pad_end < across.kernel);
  return {.images = images,
          .in_rows = x[1],
          .in_cols = x[2],
          .in_channels = x[3],
          .out_rows = y[1],
          .out_cols = y[2],
          .out_channels = y[3],
          .kernel = down.kernel,
          .kernel_across = across.kernel,
          .stride = geometry.stride,
          .pad_top = down.pad_begin,
          .pad_bottom = down.pad_end,
          .pad_left = across.pad_begin,
          .pad_right = across.pad_end};
}

std::shared_ptr<const dnnl::memory> packed_conv_weight(Engine& engine, Pass pass,
                                                       const Tensor& weight, const ConvShape& shape,
                                                       const dnnl::memory::desc& format) {
  return weight.device().derived_parameters().get<dnnl::memory>(
      weight, {.purpose = "onednn", .pass = pass, .layout = engine.format_numbers().of(format)},
      [&] { return std::make_shared<dnnl::memory>(format, engine.onednn()); },
      [&](dnnl::memory& packed) {
        dnnl::memory plain(plain_weight(shape), engine.onednn(),
                           const_cast<float*>(weight.data<float>()));
        dnnl::reorder(plain, packed).execute(engine.stream(0), plain, packed);
      });
}

void unpack_conv_weight(Engine& engine, const ConvShape& shape, const dnnl::memory::desc& format,
                        std::byte* packed, Grad& dweight) {
  dnnl::memory from(format, engine.onednn(), packed);
  dnnl::memory to(plain_weight(shape), engine.onednn(), dweight.tensor.data<float>());
  dnnl::primitive_attr attr;
  if (dweight.write == Write::accumulate) {
    dnnl::post_ops after;
    after.append_sum();
    attr.set_post_ops(after);
  }
  dnnl::reorder(from, to, attr).execute(engine.stream(0), from, to);
}

}  // namespace ddim::engine::cpu
