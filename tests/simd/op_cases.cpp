#include <string>
#include <utility>

#include "tests/simd/lab.h"

namespace ddim {
namespace {

/// Collects the cases.
class Cases {
 public:
  void add(const std::string& name, double tolerance,
           std::function<void(Lab&, const OpShape&)> run) {
    cases_.push_back({name, tolerance, std::move(run)});
  }
  /// The same with both ways to write a gradient.
  void add_gradient(const std::string& name, double tolerance,
                    const std::function<void(Lab&, const OpShape&, Write)>& run) {
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      add(name + (write == Write::overwrite ? "_overwrite" : "_accumulate"), tolerance,
          [run, write](Lab& lab, const OpShape& s) { run(lab, s, write); });
    }
  }
  std::vector<OpCase> take() { return std::move(cases_); }

 private:
  std::vector<OpCase> cases_;
};

struct NormOutput {
  Tensor mean, rstd, y;
};

NormOutput group_norm(Lab& lab, const OpShape& s, const GroupNormOptions& options, const Tensor& x,
                      const Tensor& gamma, const Tensor& beta) {
  NormOutput out = {lab.images(s.per_group()), lab.images(s.per_group()), lab.images(s.x)};
  lab.kernels().group_norm(x, gamma, beta, options, out.mean, out.rstd, out.y);
  return out;
}

void add_norm_cases(Cases& cases) {
  for (const Activation activation : {Activation::none, Activation::silu}) {
    const std::string suffix = activation == Activation::silu ? "_silu" : "";
    const auto options = [activation](const OpShape& s) {
      return GroupNormOptions{.num_groups = s.groups, .epsilon = 1e-3, .activation = activation};
    };
    cases.add("group_norm" + suffix, 2e-6, [=](Lab& lab, const OpShape& s) {
      const Tensor x = lab.images(s.x, {.mean = 3.0, .deviation = 2.0});
      const Tensor gamma = lab.parameter(s.channels());
      const Tensor beta = lab.parameter(s.channels());
      const NormOutput out = group_norm(lab, s, options(s), x, gamma, beta);
      for (const Tensor& tensor : {out.mean, out.rstd, out.y}) lab.result_of_images(tensor);
    });
    cases.add_gradient(
        "group_norm_backward" + suffix, 1e-5, [=](Lab& lab, const OpShape& s, Write write) {
          const Tensor x = lab.images(s.x, {.mean = 1.0, .deviation = 2.0});
          const Tensor gamma = lab.parameter(s.channels());
          const Tensor beta = lab.parameter(s.channels());
          const NormOutput out = group_norm(lab, s, options(s), x, gamma, beta);
          const Tensor dx = lab.result_of_images(lab.images(s.x));
          const Tensor dgamma = lab.result(lab.parameter(s.channels()));
          const Tensor dbeta = lab.result(lab.parameter(s.channels()));
          lab.kernels().group_norm_backward(x, gamma, beta, out.mean, out.rstd, options(s),
                                            lab.images(s.x), Grad{dx, write}, {dgamma, write},
                                            {dbeta, write});
        });
  }
}

void add_elementwise_cases(Cases& cases) {
  cases.add("fill", 0.0, [](Lab& lab, const OpShape& s) {
    Tensor y = lab.result_of_images(lab.images(s.x));
    lab.kernels().fill(0.25, y);
  });
  cases.add("copy", 0.0, [](Lab& lab, const OpShape& s) {
    Tensor y = lab.result_of_images(lab.images(s.x));
    lab.kernels().copy(lab.images(s.x), y);
  });
  cases.add_gradient("accumulate", 1e-7, [](Lab& lab, const OpShape& s, Write write) {
    const Tensor y = lab.result_of_images(lab.images(s.x));
    lab.kernels().accumulate(lab.images(s.x), {y, write});
  });
  cases.add("add", 1e-7, [](Lab& lab, const OpShape& s) {
    Tensor y = lab.result_of_images(lab.images(s.x));
    lab.kernels().add(lab.images(s.x), lab.images(s.x), y);
  });
  cases.add("silu", 5e-7, [](Lab& lab, const OpShape& s) {
    Tensor y = lab.result_of_images(lab.images(s.x));
    lab.kernels().activate(Activation::silu, lab.images(s.x, {.deviation = 4.0}), y);
  });
  cases.add_gradient("silu_backward", 1e-6, [](Lab& lab, const OpShape& s, Write write) {
    const Tensor dx = lab.result_of_images(lab.images(s.x));
    lab.kernels().activate_backward(Activation::silu, lab.images(s.x, {.deviation = 4.0}),
                                    lab.images(s.x), {dx, write});
  });
  cases.add_gradient("dropout", 2e-7, [](Lab& lab, const OpShape& s, Write write) {
    const DropoutKey key = {
        .noise = {.seed = 0x123456789ABCDEF0, .purpose = Purpose::dropout, .step = 7, .lane = 5},
        .first_image = 11 + lab.first_image(),
        .probability = 0.3};
    const Tensor y = lab.result_of_images(lab.images(s.x));
    lab.kernels().dropout(lab.images(s.x), key, {y, write});
  });
  cases.add("normal_noise", 0.0, [](Lab& lab, const OpShape& s) {
    Tensor z = lab.result_of_images(lab.images(s.x));
    lab.kernels().normal_noise({.seed = 3, .purpose = Purpose::step_noise, .step = 2},
                               lab.first_image(), z);
  });
  cases.add("mix_per_image", 2e-7, [](Lab& lab, const OpShape& s) {
    Tensor y = lab.result_of_images(lab.images(s.x));
    const Tensor z = lab.images(s.x);
    std::vector<double> a, b;
    for (std::int64_t n = 0; n < z.dim(0); ++n) {
      a.push_back(0.5 + 0.1 * static_cast<double>(lab.first_image() + n));
      b.push_back(0.7 - 0.1 * static_cast<double>(lab.first_image() + n));
    }
    lab.kernels().mix_per_image(a, y, b, z, y);
  });
}

void add_layout_cases(Cases& cases) {
  cases.add("upsample_nearest_2x", 0.0, [](Lab& lab, const OpShape& s) {
    Tensor y = lab.result_of_images(lab.images(s.upsampled()));
    lab.kernels().upsample_nearest_2x(lab.images(s.x), y);
  });
  cases.add_gradient(
      "upsample_nearest_2x_backward", 3e-7, [](Lab& lab, const OpShape& s, Write write) {
        const Tensor dx = lab.result_of_images(lab.images(s.x));
        lab.kernels().upsample_nearest_2x_backward(lab.images(s.upsampled()), {dx, write});
      });
  cases.add_gradient("sum_pixels", 2e-7, [](Lab& lab, const OpShape& s, Write write) {
    const Tensor y = lab.result_of_images(lab.images({s.x[0], s.x[3]}));
    lab.kernels().sum_pixels(lab.images(s.x), {y, write});
  });
}

void add_loss_and_update_cases(Cases& cases) {
  cases.add("squared_error", 1e-12, [](Lab& lab, const OpShape& s) {
    const Tensor x = lab.images(s.x);
    std::vector<double> sums(static_cast<std::size_t>(x.dim(0)));
    lab.kernels().squared_error(x, lab.images(s.x), sums);
    lab.result_of_images(sums);
  });
  cases.add_gradient("squared_error_backward", 4e-7, [](Lab& lab, const OpShape& s, Write write) {
    const Tensor dx = lab.result_of_images(lab.images(s.x));
    lab.kernels().squared_error_backward(lab.images(s.x), lab.images(s.x), 0.3, {dx, write});
  });
  for (const bool full : {false, true}) {
    cases.add(
        full ? "sampler_update_noise_clip" : "sampler_update", 1e-6,
        [full](Lab& lab, const OpShape& s) {
          SamplerUpdate update = {
              .x0_from_x = 1.7, .x0_from_output = -1.2, .prev_from_x0 = 0.8, .prev_from_eps = 0.5};
          if (full) {
            update.prev_from_noise = 0.3;
            update.clip = 1.0;
            update.x0_scale = 0.9;
            update.eps_from_x = 1.3;
            update.eps_from_output = -0.2;
            update.eps_from_x0 = -0.6;
          }
          Tensor x = lab.result_of_images(lab.images(s.x));  // updated in place
          const Tensor eps = lab.images(s.x);
          const Tensor z = full ? lab.images(s.x) : Tensor();
          Tensor x0_pred = full ? lab.result_of_images(lab.images(s.x)) : Tensor();
          lab.kernels().sampler_update(update, x, eps, z, x, x0_pred);
        });
    cases.add(full ? "linear_combination_in_place" : "linear_combination", 1e-6,
              [full](Lab& lab, const OpShape& s) {
                Tensor y = lab.result_of_images(lab.images(s.x));
                const std::vector<Tensor> terms{lab.images(s.x), full ? y : lab.images(s.x)};
                lab.kernels().linear_combination(std::vector<double>{0.7, -1.3}, terms, y);
              });
    cases.add(full ? "adam_ema" : "adam", 1e-6, [full](Lab& lab, const OpShape& s) {
      Tensor p = lab.result(lab.parameter(s.x));
      Tensor m = lab.result(lab.parameter(s.x, {.deviation = 0.0}));
      Tensor v = lab.result(lab.parameter(s.x, {.deviation = 0.0}));
      Tensor ema = full ? lab.result(lab.parameter(s.x)) : Tensor();
      for (std::int64_t step = 1; step <= 3; ++step) {
        lab.kernels().adam(
            {.learning_rate = 0.01, .step = step, .grad_scale = 0.5, .ema_decay = 0.99},
            lab.parameter(s.x), p, m, v, ema);
      }
    });
  }
  cases.add("sum_of_squares", 1e-12, [](Lab& lab, const OpShape& s) {
    lab.result(lab.kernels().sum_of_squares(lab.parameter(s.x)));
  });
}

}  // namespace

std::vector<OpCase> op_cases() {
  Cases cases;
  add_norm_cases(cases);
  add_elementwise_cases(cases);
  add_layout_cases(cases);
  add_loss_and_update_cases(cases);
  return cases.take();
}

}  // namespace ddim
