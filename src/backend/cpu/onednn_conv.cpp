#include "backend/cpu/onednn_conv.h"

namespace ddim::engine::cpu {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;

constexpr auto kF32 = memory::data_type::f32;

/// The tensors and the window of a convolution, in oneDNN's terms.
struct Terms {
  explicit Terms(const ConvShape& s)
      : x({s.images, s.in_channels, s.in_rows, s.in_cols}, kF32, memory::format_tag::nhwc),
        weight({s.out_channels, s.in_channels, s.kernel, s.kernel_across}, kF32,
               memory::format_tag::any),
        y({s.images, s.out_channels, s.out_rows, s.out_cols}, kF32, memory::format_tag::nhwc),
        strides{s.stride, s.stride},
        padding_begin{s.pad_top, s.pad_left},
        padding_end{s.pad_bottom, s.pad_right} {}

  memory::desc x, weight, y;
  memory::dims strides, padding_begin, padding_end;
};

dnnl::primitive_attr attributes(Destination destination) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (destination == Destination::added_to) {
    dnnl::post_ops after;
    after.append_sum();
    attr.set_post_ops(after);
  }
  return attr;
}

memory::desc bias_of(const ConvShape& shape, Bias bias) {
  if (bias == Bias::absent) return {};
  return {{shape.out_channels}, kF32, memory::format_tag::x};
}

}  // namespace

memory::desc plain_weight(const ConvShape& shape) {
  return {{shape.out_channels, shape.in_channels, shape.kernel, shape.kernel_across},
          kF32,
          memory::format_tag::oihw};
}

#if DNNL_VERSION_MAJOR >= 3

dnnl::convolution_forward::primitive_desc describe_conv_forward(const dnnl::engine& engine,
                                                                const ConvShape& shape, Bias bias,
                                                                Destination destination) {
  const Terms t(shape);
  return {engine,
          prop_kind::forward_inference,
          algorithm::convolution_direct,
          t.x,
          t.weight,
          bias_of(shape, bias),
          t.y,
          t.strides,
          t.padding_begin,
          t.padding_end,
          attributes(destination)};
}

dnnl::convolution_backward_data::primitive_desc describe_conv_backward_input(
    const dnnl::engine& engine, const ConvShape& shape) {
  const Terms t(shape);
  const dnnl::primitive_attr attr = attributes(Destination::overwritten);
  const dnnl::convolution_forward::primitive_desc forward(
      engine, prop_kind::forward_training, algorithm::convolution_direct, t.x, t.weight, t.y,
      t.strides, t.padding_begin, t.padding_end, attr);
  return {engine,
          algorithm::convolution_direct,
          t.x,
          t.weight,
          t.y,
          t.strides,
          t.padding_begin,
          t.padding_end,
          forward,
          attr};
}

dnnl::convolution_backward_weights::primitive_desc describe_conv_backward_weight(
    const dnnl::engine& engine, const ConvShape& shape) {
  const Terms t(shape);
  const dnnl::primitive_attr attr = attributes(Destination::overwritten);
  const dnnl::convolution_forward::primitive_desc forward(
      engine, prop_kind::forward_training, algorithm::convolution_direct, t.x, t.weight, t.y,
      t.strides, t.padding_begin, t.padding_end, attr);
  return {engine,
          algorithm::convolution_direct,
          t.x,
          t.weight,
          t.y,
          t.strides,
          t.padding_begin,
          t.padding_end,
          forward,
          attr};
}

#else

namespace {

dnnl::convolution_forward::primitive_desc forward_of_training(const dnnl::engine& engine,
                                                              const Terms& t) {
  return {{prop_kind::forward_training, algorithm::convolution_direct, t.x, t.weight, t.y,
           t.strides, t.padding_begin, t.padding_end},
          attributes(Destination::overwritten),
          engine};
}

}  // namespace

dnnl::convolution_forward::primitive_desc describe_conv_forward(const dnnl::engine& engine,
                                                                const ConvShape& shape, Bias bias,
                                                                Destination destination) {
  const Terms t(shape);
  return {{prop_kind::forward_inference, algorithm::convolution_direct, t.x, t.weight,
           bias_of(shape, bias), t.y, t.strides, t.padding_begin, t.padding_end},
          attributes(destination),
          engine};
}

dnnl::convolution_backward_data::primitive_desc describe_conv_backward_input(
    const dnnl::engine& engine, const ConvShape& shape) {
  const Terms t(shape);
  return {{algorithm::convolution_direct, t.x, t.weight, t.y, t.strides, t.padding_begin,
           t.padding_end},
          attributes(Destination::overwritten),
          engine,
          forward_of_training(engine, t)};
}

dnnl::convolution_backward_weights::primitive_desc describe_conv_backward_weight(
    const dnnl::engine& engine, const ConvShape& shape) {
  const Terms t(shape);
  return {{algorithm::convolution_direct, t.x, t.weight, t.y, t.strides, t.padding_begin,
           t.padding_end},
          attributes(Destination::overwritten),
          engine,
          forward_of_training(engine, t)};
}

#endif

}  // namespace ddim::engine::cpu
