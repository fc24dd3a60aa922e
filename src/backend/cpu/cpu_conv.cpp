#include "backend/cpu/column_sums.h"
#include "backend/cpu/conv_choice.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"

namespace ddim::engine::cpu {

void CpuKernels::conv2d(const ChannelParts& x, const Tensor& weight,
                        const ConvAddends<Tensor>& addends, const ConvGeometry& geometry,
                        Tensor& y) {
  chosen(conv_forward_implementations(), conv_problem(x, addends, geometry, y), *engine_)
      .run(*engine_, {x, weight, addends, geometry, y});
}

void CpuKernels::conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                       const ConvGeometry& geometry, const ChannelGrads& dx) {
  if (!dx) return;
  chosen(conv_backward_input_implementations(),
         conv_backward_input_problem(dy, weight, geometry, dx), *engine_)
      .run(*engine_, {dy, weight, geometry, dx});
}

void CpuKernels::conv2d_backward_weight(const ChannelParts& x, const Tensor& dy,
                                        const ConvGeometry& geometry, Grad dweight, Grad dbias) {
  const std::int64_t C_out = dy.dim(3);
  if (dbias) column_sums(team(), dy.data<float>(), dy.size() / C_out, C_out, dbias);
  if (!dweight) return;
  chosen(conv_backward_weight_implementations(), conv_backward_weight_problem(x, dy, geometry),
         *engine_)
      .run(*engine_, {x, dy, geometry, dweight});
}

}  // namespace ddim::engine::cpu
