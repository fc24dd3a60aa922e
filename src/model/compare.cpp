#include "model/compare.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/class_condition.h"
#include "model/model.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

/// What both networks are asked.
struct Question {
  Shape picture;  ///< [1,H,W,C]
  double t;
};

std::vector<float> eps_of(const ModelChoice& choice, const Device& device,
                          std::optional<Question>& question) {
  const Model model = load_model(choice.path, device, choice.set);
  const UNetConfig& config = model.unet.config();
  if (!question) {
    question = {.picture = {1, config.height(), config.width(), config.in_channels},
                .t = static_cast<double>(model.schedule.num_steps() / 2)};
  }
  Tensor x(device, question->picture);  // [1,H,W,C]
  device.kernels().normal_noise({.seed = 0, .purpose = Purpose::evaluation}, 0, x);
  return to_host(predict(model.unet, x, question->t, 0, any_condition(config)));
}

}  // namespace

EpsDistance compare_models(const ModelChoice& first, const ModelChoice& second,
                           const Device& device) {
  std::optional<Question> question;
  const std::vector<float> a = eps_of(first, device, question);
  const std::vector<float> b = eps_of(second, device, question);
  require(a.size() == b.size(), "compare: ", first.path.string(), " and ", second.path.string(),
          " make pictures of different sizes");
  EpsDistance distance;
  for (std::size_t i = 0; i < a.size(); ++i) {
    distance.largest_difference =
        std::max(distance.largest_difference, std::abs(double{a[i]} - double{b[i]}));
    distance.largest_eps = std::max(distance.largest_eps, std::abs(double{a[i]}));
  }
  return distance;
}

}  // namespace ddim::model
