#pragma once

#include <memory>

#include "backend/cpu/engine.h"
#include "base/shape.h"
#include "tensor/kernels.h"

namespace ddim::engine::cpu {

/// `images` images of a convolution from x [N,H,W,C_in] to y [N,H_out,W_out,C_out].
ConvShape conv_shape(std::int64_t images, const Shape& x, const Shape& y,
                     const ConvGeometry& geometry);

/// `weight` in `format`, packed now if that has not been done for its present version.
std::shared_ptr<const dnnl::memory> packed_conv_weight(Engine& engine, Pass pass,
                                                       const Tensor& weight, const ConvShape& shape,
                                                       const dnnl::memory::desc& format);

/// A weight gradient in `format` into its slot, in the checkpoint's format.
void unpack_conv_weight(Engine& engine, const ConvShape& shape, const dnnl::memory::desc& format,
                        std::byte* packed, Grad& dweight);

}  // namespace ddim::engine::cpu
