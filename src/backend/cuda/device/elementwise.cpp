// One thread computes four elements that lie side by side.
#include "backend/cuda/device/elements.h"
#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

__global__ void fill(FillArguments p) {
  const Index i = first_of_four();
  if (i < p.size) put_four(p.y, i, p.size, {{p.value, p.value, p.value, p.value}});
}

__global__ void accumulate(AccumulateArguments p) {
  const Index i = first_of_four();
  if (i < p.size) put_four(p.y, i, p.size, load_four(p.x, i, p.size));
}

__global__ void add(AddArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  Four a = load_four(p.a, i, p.size);
  const Four b = load_four(p.b, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) a.v[e] += b.v[e];
  put_four(p.y, i, p.size, a);
}

__global__ void activate(ActivateArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  Four x = load_four(p.x, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) x.v[e] = curve_value(p.curve, x.v[e]);
  put_four(p.y, i, p.size, x);
}

__global__ void activate_backward(ActivateBackwardArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  const Four x = load_four(p.x, i, p.size);
  Four dy = load_four(p.dy, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) dy.v[e] *= curve_slope(p.curve, x.v[e]);
  put_four(p.dx, i, p.size, dy);
}

__global__ void scale_shift(ScaleShiftArguments p) {
  const Index first = static_cast<Index>(blockIdx.y) * p.image_size, end = first + p.image_size;
  const Index i = first + first_of_four();
  if (i >= end) return;
  const float* m = p.modulation + static_cast<Index>(blockIdx.y) * 2 * p.channels;
  Four x = load_four(p.x, i, end);
  GPU_UNROLL for (int e = 0; e < 4; ++e) {
    const int c = static_cast<int>((i - first + e) % p.channels);
    x.v[e] = curve_value(p.curve, x.v[e] * (1.0F + m[c]) + m[p.channels + c]);
  }
  put_four(p.y, i, end, x);
}

__global__ void scale_shift_backward(ScaleShiftBackwardArguments p) {
  const Index first = static_cast<Index>(blockIdx.y) * p.image_size, end = first + p.image_size;
  const Index i = first + first_of_four();
  if (i >= end) return;
  const float* m = p.modulation + static_cast<Index>(blockIdx.y) * 2 * p.channels;
  const Four x = load_four(p.x, i, end);
  Four dy = load_four(p.dy, i, end);
  GPU_UNROLL for (int e = 0; e < 4; ++e) {
    const int c = static_cast<int>((i - first + e) % p.channels);
    const float factor = 1.0F + m[c];
    dy.v[e] *= curve_slope(p.curve, x.v[e] * factor + m[p.channels + c]) * factor;
  }
  put_four(p.dx, i, end, dy);
}

__global__ void mix(MixArguments p) {
  const Index first = static_cast<Index>(blockIdx.y) * p.image_size, end = first + p.image_size;
  const Index i = first + first_of_four();
  if (i >= end) return;
  const bool few = p.factors == nullptr;
  const float a = few ? p.a[blockIdx.y] : p.factors[2 * blockIdx.y];
  const float b = few ? p.b[blockIdx.y] : p.factors[2 * blockIdx.y + 1];
  Four x = load_four(p.x, i, end);
  if (!is_there(p.z)) {
    GPU_UNROLL for (int e = 0; e < 4; ++e) x.v[e] *= a;
  } else {
    const Four z = load_four(p.z, i, end);
    GPU_UNROLL for (int e = 0; e < 4; ++e) x.v[e] = a * x.v[e] + b * z.v[e];
  }
  put_four(p.y, i, end, x);
}

__global__ void combine(CombineArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  Four sum = {};
  for (int k = 0; k < p.num_terms; ++k) {
    const Four term = load_four(p.terms[k], i, p.size);
    GPU_UNROLL for (int e = 0; e < 4; ++e) sum.v[e] += p.factors[k] * term.v[e];
  }
  store_four(p.y, i, p.size, sum);
}

__global__ void sampler_update(SamplerUpdateArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  const Four x = load_four(p.x, i, p.size), output = load_four(p.output, i, p.size);
  const Four z = p.z == nullptr ? Four{} : load_four(p.z, i, p.size);
  Four y, x0_pred;
  GPU_UNROLL for (int e = 0; e < 4; ++e) {
    const float unclipped = p.x0_from_x * x.v[e] + p.x0_from_output * output.v[e];
    // Not by fminf and fmaxf, which would make a number of a NaN.
    const float clipped = unclipped > p.clip ? p.clip : (unclipped < -p.clip ? -p.clip : unclipped);
    const float x0 = p.x0_scale * clipped;
    const float eps = p.eps_from_x * x.v[e] + p.eps_from_output * output.v[e] + p.eps_from_x0 * x0;
    x0_pred.v[e] = x0;
    y.v[e] = p.prev_from_x0 * x0 + p.prev_from_eps * eps + p.prev_from_noise * z.v[e];
  }
  store_four(p.y, i, p.size, y);
  if (p.x0_pred != nullptr) store_four(p.x0_pred, i, p.size, x0_pred);
}

__global__ void learned_deviation(LearnedDeviationArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  const Four v = load_four(p.v, i, p.size);
  Four z = load_four(p.z, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) {
    const float fraction = 0.5F * (v.v[e] + 1.0F);
    const float log_variance = fraction * p.log_largest + (1.0F - fraction) * p.log_smallest;
    z.v[e] *= expf(0.5F * log_variance);
  }
  store_four(p.z, i, p.size, z);
}

__global__ void difference(DifferenceArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  Four a = load_four(p.a, i, p.size);
  const Four b = load_four(p.b, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) a.v[e] = p.factor * (a.v[e] - b.v[e]);
  put_four(p.y, i, p.size, a);
}

__global__ void adam(AdamArguments p) {
  const Index i = first_of_four();
  if (i >= p.size) return;
  const Four grad = load_four(p.grad, i, p.size);
  Four parameter = load_four(p.parameter, i, p.size);
  Four m = load_four(p.m, i, p.size), v = load_four(p.v, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) {
    const float g = p.grad_scale * grad.v[e];
    m.v[e] = p.beta1 * m.v[e] + p.one_minus_beta1 * g;
    v.v[e] = p.beta2 * v.v[e] + p.one_minus_beta2 * g * g;
    const float denominator = sqrtf(v.v[e]) / p.root_correction2 + p.epsilon;
    parameter.v[e] = p.kept * parameter.v[e] - p.step_size * (m.v[e] / denominator);
  }
  store_four(p.parameter, i, p.size, parameter);
  store_four(p.m, i, p.size, m);
  store_four(p.v, i, p.size, v);
  if (p.ema == nullptr) return;
  Four ema = load_four(p.ema, i, p.size);
  GPU_UNROLL for (int e = 0; e < 4; ++e) ema.v[e] +=
      p.one_minus_ema_decay * (parameter.v[e] - ema.v[e]);
  store_four(p.ema, i, p.size, ema);
}

}  // namespace

void add_elementwise_kernels(KernelTable& table) {
  table.put(entry_of(fill));
  table.put(entry_of(accumulate));
  table.put(entry_of(add));
  table.put(entry_of(activate));
  table.put(entry_of(activate_backward));
  table.put(entry_of(scale_shift));
  table.put(entry_of(scale_shift_backward));
  table.put(entry_of(mix));
  table.put(entry_of(combine));
  table.put(entry_of(sampler_update));
  table.put(entry_of(learned_deviation));
  table.put(entry_of(difference));
  table.put(entry_of(adam));
}

}  // namespace ddim::engine::cuda
