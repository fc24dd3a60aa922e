#include <cmath>

#include "backend/ref/channel_elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {
namespace {

/// The elements of one group of one image, as ranges of pixels and channels.
struct Group {
  std::int64_t height, width, first_channel, last_channel;

  std::int64_t size() const { return height * width * (last_channel - first_channel); }
  /// The sum over the group of term(i, j, c).
  template <class Term>
  double sum(Term term) const {
    double total = 0.0;
    for_each([&](std::int64_t i, std::int64_t j, std::int64_t c) { total += term(i, j, c); });
    return total;
  }
  template <class Body>
  void for_each(Body body) const {
    for (std::int64_t i = 0; i < height; ++i)
      for (std::int64_t j = 0; j < width; ++j)
        for (std::int64_t c = first_channel; c < last_channel; ++c) body(i, j, c);
  }
};

Group group_of(const Shape& x, std::int64_t g, std::int64_t num_groups) {
  const std::int64_t size = x[3] / num_groups;
  return {.height = x[1], .width = x[2], .first_channel = g * size, .last_channel = (g + 1) * size};
}

}  // namespace

void RefKernels::group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                            const GroupNormOptions& options, Tensor& mean, Tensor& rstd,
                            Tensor& y) {
  const Shape shape = x.shape();
  with_element_type(y, [&]<class T>() {
    using Index = std::int64_t;
    const ChannelElements<T> in(x);
    const auto scale = elements<T, 1>(gamma);
    const auto shift = elements<T, 1>(beta);
    const auto out = elements<T, 4>(y);
    for (Index n = 0; n < shape[0]; ++n) {
      for (Index g = 0; g < options.num_groups; ++g) {
        const Group group = group_of(shape, g, options.num_groups);
        const auto count = static_cast<double>(group.size());
        const double mu =
            group.sum([&](Index i, Index j, Index c) { return in(n, i, j, c); }) / count;
        const double variance = group.sum([&](Index i, Index j, Index c) {
          return (in(n, i, j, c) - mu) * (in(n, i, j, c) - mu);
        }) / count;
        const double r = 1.0 / std::sqrt(variance + options.epsilon);
        elements<T, 2>(mean)(n, g) = static_cast<T>(mu);
        elements<T, 2>(rstd)(n, g) = static_cast<T>(r);
        group.for_each([&](Index i, Index j, Index c) {
          const double normalised = (in(n, i, j, c) - mu) * r;
          out(n, i, j, c) = static_cast<T>(
              activation_value(options.activation, normalised * scale(c) + shift(c)));
        });
      }
    }
  });
}

// With x_hat = (x - mean) rstd, pre = gamma x_hat + beta, d_pre = dy * slope(pre) and averages over
// a group:  dx = rstd (gamma d_pre - avg(gamma d_pre) - x_hat avg(gamma d_pre x_hat)).
void RefKernels::group_norm_backward(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                                     const Tensor& mean, const Tensor& rstd,
                                     const GroupNormOptions& options, const Tensor& dy,
                                     const ChannelGrads& dx, Grad dgamma, Grad dbeta) {
  const Shape shape = x.shape();
  with_element_type(dy, [&]<class T>() {
    using Index = std::int64_t;
    const ChannelElements<T> in(x);
    const auto dout = elements<T, 4>(dy);
    const auto scale = elements<T, 1>(gamma);
    const auto shift = elements<T, 1>(beta);
    const auto means = elements<T, 2>(mean);
    const auto rstds = elements<T, 2>(rstd);
    const Index group_size = shape[3] / options.num_groups;
    const auto x_hat = [&](Index n, Index i, Index j, Index c) {
      const Index g = c / group_size;
      return (static_cast<double>(in(n, i, j, c)) - means(n, g)) * rstds(n, g);
    };
    const auto d_pre = [&](Index n, Index i, Index j, Index c) {
      const double pre = x_hat(n, i, j, c) * scale(c) + shift(c);
      return dout(n, i, j, c) * activation_slope(options.activation, pre);
    };
    if (dx) {
      ChannelGradients<T> din(dx, shape[3]);
      for (Index n = 0; n < shape[0]; ++n) {
        for (Index g = 0; g < options.num_groups; ++g) {
          const Group group = group_of(shape, g, options.num_groups);
          const auto count = static_cast<double>(group.size());
          const double average = group.sum([&](Index i, Index j, Index c) {
            return scale(c) * d_pre(n, i, j, c);
          }) / count;
          const double average_with_x_hat = group.sum([&](Index i, Index j, Index c) {
            return scale(c) * d_pre(n, i, j, c) * x_hat(n, i, j, c);
          }) / count;
          group.for_each([&](Index i, Index j, Index c) {
            din.put(rstds(n, g) * (scale(c) * d_pre(n, i, j, c) - average -
                                   x_hat(n, i, j, c) * average_with_x_hat),
                    n, i, j, c);
          });
        }
      }
    }
    for (Index c = 0; c < shape[3]; ++c) {
      const Group channel{
          .height = shape[1], .width = shape[2], .first_channel = c, .last_channel = c + 1};
      double d_scale = 0.0;
      double d_shift = 0.0;
      for (Index n = 0; n < shape[0]; ++n) {
        d_scale += channel.sum(
            [&](Index i, Index j, Index) { return d_pre(n, i, j, c) * x_hat(n, i, j, c); });
        d_shift += channel.sum([&](Index i, Index j, Index) { return d_pre(n, i, j, c); });
      }
      if (dgamma) put(d_scale, dgamma.write, elements<T, 1>(dgamma.tensor)(c));
      if (dbeta) put(d_shift, dbeta.write, elements<T, 1>(dbeta.tensor)(c));
    }
  });
}

}  // namespace ddim::engine::ref
