#include "model/class_condition.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/find_nonfinite.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

/// The labels of the images of one call.
struct CallLabels {
  std::vector<double> numbers;
  Tensor vectors;
  ClassLabels view() const { return {.numbers = numbers, .vectors = vectors}; }
};

CallLabels labels_of(const UNetConfig& config, const Tensor& x, std::uint32_t first_image,
                     const ClassCondition& condition) {
  CallLabels labels;
  const auto num_images = static_cast<std::size_t>(x.dim(0));
  for (std::size_t n = 0; n < num_images && !condition.classes.empty(); ++n)
    labels.numbers.push_back(condition.classes[(first_image + n) % condition.classes.size()]);
  if (condition.vectors.empty()) return labels;
  const auto row_size = static_cast<std::size_t>(config.time_embedding_channels());
  const std::size_t num_rows = condition.vectors.size() / row_size;
  std::vector<float> rows;
  for (std::size_t n = 0; n < num_images; ++n) {
    const auto row = condition.vectors.begin() +
                     static_cast<std::ptrdiff_t>((first_image + n) % num_rows * row_size);
    rows.insert(rows.end(), row, row + static_cast<std::ptrdiff_t>(row_size));
  }
  labels.vectors = Tensor(x.device(), {x.dim(0), config.time_embedding_channels()}, x.dtype());
  x.device().kernels().upload(rows, labels.vectors);
  return labels;
}

Tensor call(const UNet& unet, const Tensor& x, std::span<const double> times,
            std::uint32_t first_image, const ClassLabels& labels) {
  Tape tape;
  Tensor prediction = unet(tape, x, times, labels).value();  // [N,H,W,C]
  if (!x.device().kernels().all_finite(prediction)) {
    fail(ErrorCode::numeric, "NaN or infinity in layer ",
         find_nonfinite(unet, x, times, labels).value_or("unknown"), " at t = ", times.front(),
         ", images ", first_image, " to ", first_image + (x.dim(0) - 1));
  }
  return prediction;
}

double null_class_of(const UNetConfig& config, const ClassCondition& condition) {
  return static_cast<double>(condition.null_class ? *condition.null_class : *config.null_class);
}

void check_lookup(const UNetConfig& config, const ClassCondition& condition) {
  const std::int64_t K = *config.num_class_embeds;
  require(condition.vectors.empty(), "class: this network takes the numbers of classes, 0 to ",
          K - 1, ", not vectors");
  require(!condition.classes.empty(),
          "class: this network was trained with classes: say which of 0 to ", K - 1, " to draw");
  for (const double k : condition.classes) {
    require(k >= 0.0 && k < static_cast<double>(K) && std::floor(k) == k, "class: ", k,
            " does not exist; this network knows 0 to ", K - 1);
  }
  if (!condition.null_class) return;
  require(*condition.null_class >= 0 && *condition.null_class < K,
          "null class: ", *condition.null_class, " does not exist; this network knows 0 to ",
          K - 1);
}

}  // namespace

void check_condition(const UNetConfig& config, const ClassCondition& condition) {
  require(std::isfinite(condition.guidance) && condition.guidance >= 0.0,
          "guidance: ", condition.guidance, " is not a number from 0 upward");
  const bool is_guided = condition.guidance != 1.0;
  switch (config.class_embed_type) {
    case ClassEmbedType::none:
      require(condition.classes.empty() && condition.vectors.empty(),
              "class: this network was trained without classes");
      require(!is_guided && !condition.null_class,
              "guidance: this network was trained without classes");
      return;
    case ClassEmbedType::lookup:
      check_lookup(config, condition);
      require(!is_guided || condition.null_class || config.null_class,
              "guidance: this network's configuration does not say which class means \"none\"; "
              "name it as the null class if it was trained with one");
      return;
    case ClassEmbedType::timestep:
      require(!condition.classes.empty() && condition.vectors.empty(),
              "class: this network was trained with a number for each image: give one");
      require(std::ranges::all_of(condition.classes, [](double k) { return std::isfinite(k); }),
              "class: not a finite number");
      break;
    case ClassEmbedType::identity: {
      const std::int64_t row_size = config.time_embedding_channels();
      require(condition.classes.empty() && !condition.vectors.empty() &&
                  std::ssize(condition.vectors) % row_size == 0,
              "class: this network takes a vector of ", row_size, " numbers for each image, found ",
              condition.vectors.size(), " numbers");
      require(std::ranges::all_of(condition.vectors, [](float v) { return std::isfinite(v); }),
              "class: the vectors hold NaN or infinity");
      break;
    }
  }
  require(!is_guided && !condition.null_class,
          "guidance: only networks with a table of classes have a null class");
}

ClassCondition any_condition(const UNetConfig& config) {
  switch (config.class_embed_type) {
    case ClassEmbedType::none:
      return {};
    case ClassEmbedType::lookup:
      return {.classes = {0.0}};
    case ClassEmbedType::timestep:
      return {.classes = {1.0}};  // a fourier embedding takes its logarithm
    case ClassEmbedType::identity:
      return {.vectors =
                  std::vector<float>(static_cast<std::size_t>(config.time_embedding_channels()))};
  }
  return {};
}

Tensor predict(const UNet& unet, const Tensor& x, double t, std::uint32_t first_image,
               const ClassCondition& condition) {
  const auto num_images = static_cast<std::size_t>(x.dim(0));
  const std::vector<double> times(num_images, t);
  const CallLabels labels = labels_of(unet.config(), x, first_image, condition);
  Tensor prediction = call(unet, x, times, first_image, labels.view());
  if (condition.guidance == 1.0) return prediction;
  const std::vector<double> none(num_images, null_class_of(unet.config(), condition));
  const Tensor of_none = call(unet, x, times, first_image, {.numbers = none});
  const std::vector<double> weight(num_images, condition.guidance);
  const std::vector<double> rest(num_images, 1.0 - condition.guidance);
  x.device().kernels().mix_per_image(weight, prediction, rest, of_none, prediction);
  return prediction;
}

}  // namespace ddim::model
