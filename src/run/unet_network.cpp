
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/half_of_channels.h"
#include "nn/find_nonfinite.h"
#include "run/network.h"
#include "tensor/kernels.h"

namespace ddim::engine::run {
namespace {

/// Over how many images their classes are spread in turn; 0 for networks without.
std::size_t num_rows_of(const UNetConfig& config, const ClassChoice& choice) {
  if (choice.vectors.empty()) return choice.classes.size();
  return choice.vectors.size() / static_cast<std::size_t>(config.time_embedding_channels());
}

/// The labels of the images of one call.
struct CallLabels {
  std::vector<double> numbers;
  Tensor vectors;
  ClassLabels view() const { return {.numbers = numbers, .vectors = vectors}; }
};

CallLabels labels_of(const UNetConfig& config, const Tensor& x, std::uint32_t first_image,
                     const ClassChoice& choice) {
  CallLabels labels;
  const auto num_images = static_cast<std::size_t>(x.dim(0));
  for (std::size_t n = 0; n < num_images && !choice.classes.empty(); ++n)
    labels.numbers.push_back(
        static_cast<double>(choice.classes[(first_image + n) % choice.classes.size()]));
  if (choice.vectors.empty()) return labels;
  const auto row_size = static_cast<std::size_t>(config.time_embedding_channels());
  const std::size_t num_rows = num_rows_of(config, choice);
  std::vector<float> rows;
  for (std::size_t n = 0; n < num_images; ++n) {
    const auto row = choice.vectors.begin() +
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
  const std::string where = concat("at t = ", times.front(), ", images ", first_image, " to ",
                                   first_image + (x.dim(0) - 1));
  if (!x.device().kernels().is_finite_so_far(prediction, concat("the network's output ", where)))
    fail(ErrorCode::numeric, "NaN or infinity in layer ",
         find_nonfinite(unet, x, times, labels).value_or("unknown"), " ", where);
  return prediction;
}

double null_class_of(const UNetConfig& config, const ClassChoice& choice) {
  return static_cast<double>(choice.null_class ? *choice.null_class : *config.null_class);
}

void check_lookup(const UNetConfig& config, const ClassChoice& choice) {
  const std::int64_t K = *config.num_class_embeds;
  require(choice.vectors.empty(), "class: this network takes the numbers of classes, 0 to ", K - 1,
          ", not vectors");
  require(!choice.classes.empty(), "class: this model has classes; choose one of 0 to ", K - 1,
          ", several of them, or \"all\"");
  for (const std::int64_t k : choice.classes)
    require(k >= 0 && k < K, "class: ", k, " does not exist; this network knows 0 to ", K - 1);
  if (!choice.null_class) return;
  require(*choice.null_class >= 0 && *choice.null_class < K, "null_class: ", *choice.null_class,
          " does not exist; this network knows 0 to ", K - 1);
}

/// Classes that are embedded as times are.
void check_as_times(const UNetConfig& config, const std::vector<std::int64_t>& classes) {
  for (const std::int64_t k : classes) {
    require(config.time_embedding_type != TimeEmbeddingType::fourier || k > 0, "class: ", k,
            " has no logarithm, which this network takes of the number; give numbers above 0");
    if (config.time_embedding_type != TimeEmbeddingType::learned) continue;
    const std::int64_t T = *config.num_train_timesteps;
    require(k >= 0 && k < T, "class: ", k, " does not exist; this network knows 0 to ", T - 1);
  }
}

void check(const UNetConfig& config, const ClassChoice& choice) {
  require(std::isfinite(choice.guidance) && choice.guidance >= 0.0,
          "guidance must be 0 or greater; got ", choice.guidance);
  const bool is_guided = choice.guidance != 1.0;
  switch (config.class_embed_type) {
    case ClassEmbedType::none:
      require(choice.classes.empty() && choice.vectors.empty(),
              "class: this model has no classes; leave it out");
      require(!choice.null_class, "null_class: this model has no classes; leave it out");
      require(!is_guided, "guidance: this model has no classes; leave it out");
      return;
    case ClassEmbedType::lookup:
      check_lookup(config, choice);
      require(!is_guided || choice.null_class || config.null_class,
              "guidance: this network's configuration does not say which class means \"none\"; "
              "if it was trained with one, give its number as the null class");
      return;
    case ClassEmbedType::timestep:
      require(!choice.classes.empty() && choice.vectors.empty(),
              "class: this network was trained with a number for each image; choose one");
      check_as_times(config, choice.classes);
      break;
    case ClassEmbedType::identity: {
      const std::int64_t row_size = config.time_embedding_channels();
      require(choice.classes.empty(), "class: this network takes a vector of ", row_size,
              " numbers for each image (ClassChoice::vectors), not the number of a class");
      require(!choice.vectors.empty() && std::ssize(choice.vectors) % row_size == 0,
              "class: this network takes a vector of ", row_size, " numbers for each image, found ",
              choice.vectors.size(), " numbers");
      require(std::ranges::all_of(choice.vectors, [](float v) { return std::isfinite(v); }),
              "class: the vectors hold NaN or infinity");
      break;
    }
  }
  constexpr const char* kWhy =
      "only networks with a table of classes have a null class; leave it out";
  require(!choice.null_class, "null_class: ", kWhy);
  require(!is_guided, "guidance: ", kWhy);
}

class UNetNetwork final : public Network {
 public:
  explicit UNetNetwork(const UNet& unet) : unet_(unet) {
    const UNetConfig& config = unet.config();
    require(config.out_channels == config.in_channels || learns_variance(), "the network turns ",
            config.in_channels, " channels into ", config.out_channels,
            "; a network that predicts noise keeps their number, or doubles it where it predicts a "
            "variance, too");
  }

  PictureShape shape() const override { return unet_.config().picture_shape(); }
  const Device& device() const override { return unet_.parameters().front()->value.device(); }
  void check_times(std::span<const double> t) const override { unet_.check_times(t); }
  void check_classes(const ClassChoice& choice) const override { check(unet_.config(), choice); }

  std::optional<std::int64_t> period(const ClassChoice& choice) const override {
    return std::max<std::int64_t>(1,
                                  static_cast<std::int64_t>(num_rows_of(unet_.config(), choice)));
  }

  bool learns_variance() const override {
    return unet_.config().out_channels == 2 * unet_.config().in_channels;
  }

  Tensor predict(const Tensor& x, double t, std::uint32_t first_image,
                 const ClassChoice& choice) const override {
    const Tensor output = predict_with_variance(x, t, first_image, choice);
    return learns_variance() ? diffusion::half_of_channels(output, diffusion::Half::first) : output;
  }

  Tensor predict_with_variance(const Tensor& x, double t, std::uint32_t first_image,
                               const ClassChoice& choice) const override {
    const auto num_images = static_cast<std::size_t>(x.dim(0));
    const std::vector<double> times(num_images, t);
    const CallLabels labels = labels_of(unet_.config(), x, first_image, choice);
    Tensor prediction = call(unet_, x, times, first_image, labels.view());
    if (choice.guidance == 1.0) return prediction;
    const std::vector<double> none(num_images, null_class_of(unet_.config(), choice));
    const Tensor of_none = call(unet_, x, times, first_image, {.numbers = none});
    guide(choice.guidance, of_none, prediction);
    return prediction;
  }

 private:
  /// prediction = weight prediction + (1 - weight) of_none; the half that says the variance stays.
  void guide(double weight, const Tensor& of_none, Tensor& prediction) const {
    Kernels& kernels = prediction.device().kernels();
    const auto num_images = static_cast<std::size_t>(prediction.dim(0));
    if (!learns_variance()) {
      kernels.mix_per_image(std::vector<double>(num_images, weight), prediction,
                            std::vector<double>(num_images, 1.0 - weight), of_none, prediction);
      return;
    }
    // Half a pixel after the other, as if each were an image.
    const std::int64_t channels = unet_.config().in_channels;
    const std::int64_t num_halves = prediction.size() / channels;
    std::vector<double> own, others;
    for (std::int64_t i = 0; i < num_halves; ++i) {
      own.push_back(i % 2 == 0 ? weight : 1.0);
      others.push_back(i % 2 == 0 ? 1.0 - weight : 0.0);
    }
    Tensor halves = prediction.view({num_halves, channels});
    kernels.mix_per_image(own, halves, others, of_none.view({num_halves, channels}), halves);
  }

  const UNet& unet_;
};

}  // namespace

std::unique_ptr<const Network> make_network(const UNet& unet) {
  return std::make_unique<UNetNetwork>(unet);
}

ClassChoice any_class(const UNetConfig& config) {
  switch (config.class_embed_type) {
    case ClassEmbedType::none:
      return {};
    case ClassEmbedType::lookup:
      return {.classes = {0}};
    case ClassEmbedType::timestep:
      return {.classes = {1}};  // a fourier embedding takes its logarithm
    case ClassEmbedType::identity:
      return {.vectors =
                  std::vector<float>(static_cast<std::size_t>(config.time_embedding_channels()))};
  }
  return {};
}

}  // namespace ddim::engine::run
