#include "backend/cpu/adam_simd.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/parallel.h"

namespace ddim::engine::cpu {

void CpuKernels::adam(const AdamUpdate& update, const Tensor& grad, Tensor& parameter, Tensor& m,
                      Tensor& v, Tensor& ema) {
  const float* grad_in = grad.data<float>();
  float* parameter_data = parameter.data<float>();
  float* m_data = m.data<float>();
  float* v_data = v.data<float>();
  float* ema_data = ema.defined() ? ema.data<float>() : nullptr;
  parallel_blocks(team(), grad.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::adam(update, grad_in + i, parameter_data + i, m_data + i, v_data + i,
               ema_data == nullptr ? nullptr : ema_data + i, n);
  });
  parameter.mark_modified();
  if (ema.defined()) ema.mark_modified();
}

}  // namespace ddim::engine::cpu
