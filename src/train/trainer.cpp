#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "data/class_list.h"
#include "diffusion/prediction.h"
#include "nn/find_nonfinite.h"
#include "run/activation_memory.h"
#include "train/rules.h"
#include "train/train_config_keys.h"

namespace ddim::engine::train {
namespace {

constexpr std::int64_t kMaxRefusedInARow = 10;
/// Where no step is left out, these many standard deviations are told of.
constexpr double kNotableDeviation = 8.0;
/// Larger gradients would overflow Adam's second moment in float.
constexpr double kMaxNorm = 1e18;

/// A worker for each shard that can be computed at the same time, and all threads.
Crew make_crew(const Device& device, const OptimisationConfig& training,
               const comm::Communicator& ranks, const ShardRange& own_shards) {
  const std::int64_t threads = training.threads > 0 ? training.threads : ranks.num_threads();
  const std::int64_t workers =
      std::min({threads, own_shards.count, device.image_division().most_workers});
  return {device, static_cast<int>(workers), static_cast<int>(threads)};
}

/// Those of this rank; checks that there are some for each.
ShardRange own_shards_of(const OptimisationConfig& training, const comm::Communicator& ranks) {
  const std::int64_t num_shards = shards_per_step(training);
  require(ranks.size() <= num_shards, "train: ", ranks.size(),
          " ranks, but the gradient of a step ", "has ", num_shards,
          " parts (training.shards * training.accumulate); start at most ", num_shards,
          " processes");
  return shards_of_rank(num_shards, ranks.rank(), ranks.size());
}

RankExchange::TensorOf values_of(UNet& network) {
  return [&network](std::size_t i) -> Tensor& { return network.mutable_parameters()[i]->value; };
}

RankExchange::TensorOf tensors_of(std::vector<Tensor>& tensors) {
  return [&tensors](std::size_t i) -> Tensor& { return tensors[i]; };
}

std::string describe_spike(const StepReport& report, const Deviation& deviation) {
  const bool is_loss = deviation.loss >= deviation.grad_norm;
  return concat("step ", report.step + 1, ": loss ", report.loss, ", gradient norm ",
                report.grad_norm, ": ", std::round(10.0 * deviation.larger()) / 10.0,
                " standard deviations above the last ", is_loss ? "losses" : "gradient norms");
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, const Device& device, const data::Dataset& dataset,
                 std::shared_ptr<comm::Communicator> ranks)
    : config_(config),
      ranks_(std::move(ranks)),
      device_(device),
      images_(dataset.images),
      labels_(dataset.labels),
      schedule_(diffusion::make_schedule(config.diffusion)),
      order_(images_.count, static_cast<std::uint64_t>(config.training.seed)),
      own_shards_(own_shards_of(config.training, *ranks_)),
      crew_(make_crew(device, config.training, *ranks_, own_shards_)),
      state_(device, config, ranks_->is_first() ? Averages::of_all : Averages::of_slices),
      gradients_(device, state_.network.parameters(), shards_per_step(config.training), own_shards_,
                 num_workers()) {
  validate(config);
  if (ranks_->size() > 1) {
    exchange_.emplace(*ranks_, device, state_.network.parameters(),
                      shards_per_step(config.training), config.training.reduce);
    own_slices_ = exchange_->own_slices();
    if (!ranks_->is_first()) {
      for (const Slice& slice : own_slices_)
        state_.begin_average(slice.parameter, slice.begin, slice.count);
    }
  } else {
    for (std::size_t i = 0; i < state_.m.size(); ++i)
      own_slices_.push_back({.parameter = i, .count = state_.m[i].size()});
  }
  check_suits(dataset, "data");
  reserve_memory();
}

void Trainer::check_suits(const data::Dataset& dataset, std::string_view name) const {
  const UNetConfig& model = config_.model;
  const data::Images& images = dataset.images;
  require(images.height == model.height() && images.width == model.width() &&
              images.channels == model.in_channels,
          name, ": images are ", images.width, "x", images.height, "x", images.channels,
          " but the network takes ", model.width(), "x", model.height(), "x", model.in_channels,
          "; change data.resolution, data.fit or model.channels");
  if (model.class_embed_type == ClassEmbedType::none) return;
  require(std::ssize(dataset.labels) == images.count, name, ": ", dataset.labels.size(),
          " labels for ", images.count,
          " images; a network with model.num_classes is told the class of each");
  const std::int64_t num_classes = num_real_classes(model);
  const std::int64_t largest = *std::ranges::max_element(dataset.labels);
  const std::vector<DataClass>& classes = dataset.report.classes;
  require(std::ssize(classes) <= num_classes, name, ": ", classes.size(),
          " classes, but model.num_classes is ", num_classes, ": ", data::name_classes(classes));
  require(largest < num_classes, name, ": an image is of class ", largest,
          ", but model.num_classes is ", num_classes, "; classes count from 0");
}

std::vector<double> Trainer::classes_of(std::int64_t step,
                                        std::span<const std::int64_t> images) const {
  std::vector<double> classes;
  if (config_.model.class_embed_type == ClassEmbedType::none) return classes;
  const auto seed = static_cast<std::uint64_t>(config_.training.seed);
  for (const std::int64_t image : images) {
    const bool dropped =
        label_dropped_at(seed, step, std::ssize(classes), config_.training.label_dropout);
    const std::int64_t label = labels_[static_cast<std::size_t>(image)];
    classes.push_back(static_cast<double>(dropped ? *config_.model.null_class : label));
  }
  return classes;
}

void Trainer::reserve_memory() {
  const auto batch_size = static_cast<std::size_t>(pictures_per_step(config_.training));
  const std::vector<std::int64_t> first_images(batch_size, 0);
  const Batch batch{.source = images_,
                    .noise = {},
                    .step = 0,
                    .images = first_images,
                    .flips = {},
                    .t = std::vector<std::int64_t>(batch_size, 0),
                    .classes = classes_of(0, first_images)};
  std::vector<double> squared_errors(batch_size);
  const std::size_t num_bytes = run::activation_bytes(workers().front(), [&](const Device& dry) {
    const UNet network(dry, config_.model);
    Gradients gradients(dry, network.parameters());
    run_shard(dry, network, batch, 0, gradients, squared_errors);
  });
  for (const Device& worker : workers()) worker.arena().reserve(num_bytes);
}

Trainer::ShardInputs Trainer::make_inputs(const Device& worker, const Batch& batch,
                                          std::int64_t first, std::int64_t n) const {
  const std::size_t image_size = images_.image_bytes();
  std::vector<float> pixels(static_cast<std::size_t>(n) * image_size);
  std::vector<double> t, classes, image_factor, noise_factor, target_from_x0, target_from_eps,
      weights;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto place = static_cast<std::size_t>(first + i);
    data::to_floats(
        batch.source, batch.images[place],
        batch.flips.empty() ? data::Flip::no : batch.flips[place],
        std::span(pixels).subspan(static_cast<std::size_t>(i) * image_size, image_size));
    const double alpha_bar = schedule_.alpha_bar(batch.t[place]);
    t.push_back(static_cast<double>(batch.t[place]));
    if (!batch.classes.empty()) classes.push_back(batch.classes[place]);
    image_factor.push_back(std::sqrt(alpha_bar));
    noise_factor.push_back(std::sqrt(1.0 - alpha_bar));
    const diffusion::Target target =
        diffusion::training_target(config_.diffusion.prediction, alpha_bar);
    target_from_x0.push_back(target.from_x0);
    target_from_eps.push_back(target.from_eps);
    weights.push_back(
        loss_weight(config_.diffusion.prediction, alpha_bar, config_.training.min_snr_gamma));
  }
  Kernels& k = worker.kernels();
  Tensor x_t(worker, {n, images_.height, images_.width, images_.channels});  // [n,H,W,C]
  k.upload(pixels, x_t);
  Tensor eps = empty_like(x_t);
  k.normal_noise(batch.noise, static_cast<std::uint32_t>(first), eps);
  Tensor target = eps;
  if (config_.diffusion.prediction != Prediction::eps) {
    target = empty_like(x_t);
    k.mix_per_image(target_from_x0, x_t, target_from_eps, eps, target);
  }
  k.mix_per_image(image_factor, x_t, noise_factor, eps, x_t);  // eq. 4
  return {.weights = std::move(weights),
          .target = std::move(target),
          .x_t = std::move(x_t),
          .t = std::move(t),
          .classes = std::move(classes)};
}

void Trainer::run_shard(const Device& worker, const UNet& network, const Batch& batch,
                        std::int64_t shard, Gradients& gradients,
                        std::span<double> squared_errors) const {
  const std::int64_t n = config_.training.batch / config_.training.shards;
  const ShardInputs inputs = make_inputs(worker, batch, shard * n, n);
  const NoiseKey dropout_key{.seed = static_cast<std::uint64_t>(config_.training.seed),
                             .purpose = Purpose::dropout,
                             .step = static_cast<std::uint32_t>(batch.step)};
  Tape tape(gradients, dropout_key, static_cast<std::uint32_t>(shard * n));
  const Var output = network(tape, inputs.x_t, inputs.t, inputs.labels());  // [n,H,W,C]

  Kernels& k = worker.kernels();
  const auto errors =
      squared_errors.subspan(static_cast<std::size_t>(shard * n), static_cast<std::size_t>(n));
  k.squared_error(output.value(), inputs.target, errors);
  const double num_terms =
      static_cast<double>(pictures_per_step(config_.training)) *
      (config_.training.loss == Loss::mean ? static_cast<double>(images_.image_bytes()) : 1.0);
  Tensor doutput = empty_like(output.value());
  k.squared_error_backward(output.value(), inputs.target, 1.0 / num_terms, {doutput});
  if (config_.training.min_snr_gamma > 0.0) {
    const std::vector<double> zeros(inputs.weights.size(), 0.0);
    k.mix_per_image(inputs.weights, doutput, zeros, inputs.target, doutput);
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i] *= inputs.weights[i];
  }
  tape.backward(output, doutput);
  gradients.finish();
}

Trainer::Batch Trainer::batch_of(std::int64_t step) {
  const OptimisationConfig& training = config_.training;
  const auto seed = static_cast<std::uint64_t>(training.seed);
  const std::int64_t count = pictures_per_step(training);
  std::vector<std::int64_t> images = order_.batch(step, count);
  std::vector<data::Flip> flips;
  for (std::int64_t i = 0; config_.data.flip && i < count; ++i)
    flips.push_back(flip_at(seed, step, i));
  std::vector<double> classes = classes_of(step, images);
  return {.source = images_,
          .noise = {.seed = seed,
                    .purpose = Purpose::training_noise,
                    .step = static_cast<std::uint32_t>(step)},
          .step = step,
          .images = std::move(images),
          .flips = std::move(flips),
          .t = time_steps_at(seed, step, count, config_.diffusion.T),
          .classes = std::move(classes)};
}

double Trainer::loss_of(std::span<const double> squared_errors) const {
  double loss = 0.0;
  for (const double error : squared_errors) loss += error;
  loss /= static_cast<double>(squared_errors.size());
  if (config_.training.loss == Loss::mean) loss /= static_cast<double>(images_.image_bytes());
  return loss;
}

double Trainer::validation_loss(const data::Dataset& held_out, std::int64_t max_count) {
  check_suits(held_out, "data.validation");
  const std::int64_t count = std::min(held_out.images.count, max_count);
  Batch batch{.source = held_out.images,
              .noise = {.seed = static_cast<std::uint64_t>(config_.training.seed),
                        .purpose = Purpose::validation},
              .step = 0,
              .images = {},
              .flips = {},
              .t = {},
              .classes = {}};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t image = data::spaced_index(i, count, held_out.images.count);
    batch.images.push_back(image);
    batch.t.push_back(validation_time_step(i, config_.diffusion.T));
    if (config_.model.class_embed_type != ClassEmbedType::none)
      batch.classes.push_back(
          static_cast<double>(held_out.labels[static_cast<std::size_t>(image)]));
  }
  std::vector<double> squared_errors(static_cast<std::size_t>(count));
  const std::int64_t n = config_.training.batch / config_.training.shards;
  const std::int64_t num_parts = (count + n - 1) / n;
  const ShardRange own = shards_of_rank(num_parts, ranks_->rank(), ranks_->size());
  crew_.run(own.count, [&](const Device& worker, std::int64_t item) {
    const std::int64_t first = (own.first + item) * n;
    const std::int64_t num_images = std::min(n, count - first);
    const ShardInputs inputs = make_inputs(worker, batch, first, num_images);
    Tape tape;
    const Var output = state_.network(tape, inputs.x_t, inputs.t, inputs.labels());  // [n,H,W,C]
    const auto errors =
        std::span(squared_errors)
            .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(num_images));
    worker.kernels().squared_error(output.value(), inputs.target, errors);
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i] *= inputs.weights[i];
  });
  gather_errors(squared_errors, num_parts, n);
  return loss_of(squared_errors);
}

void Trainer::gather_errors(std::span<double> squared_errors, std::int64_t num_parts,
                            std::int64_t n) const {
  if (ranks_->size() == 1) return;
  std::vector<std::int64_t> counts;
  for (int rank = 0; rank < ranks_->size(); ++rank) {
    const ShardRange parts = shards_of_rank(num_parts, rank, ranks_->size());
    counts.push_back(std::min(parts.end() * n, std::ssize(squared_errors)) - parts.first * n);
  }
  comm::all_gather_values(*ranks_, squared_errors, counts);
}

double Trainer::measure_step_seconds() {
  using Clock = std::chrono::steady_clock;
  constexpr double kLongEnough = 0.5;  // the first time has work that does not come again
  const Batch batch = batch_of(state_.step);
  std::vector<double> squared_errors(batch.images.size());
  double seconds = 0.0;
  for (int time = 0; time < 3 && seconds < kLongEnough; ++time) {
    const Clock::time_point start = Clock::now();
    gradients_.reset();
    crew_.run(num_workers(), [&](const Device& worker, std::int64_t item) {
      run_shard(worker, state_.network, batch, own_shards_.first + item, gradients_.acquire(),
                squared_errors);
    });
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  // Of several ranks, some have a shard more than others.
  const std::int64_t shards =
      (shards_per_step(config_.training) + ranks_->size() - 1) / ranks_->size();
  return seconds * static_cast<double>((shards + num_workers() - 1) / num_workers());
}

StepReport Trainer::step() {
  const OptimisationConfig& training = config_.training;
  const Batch batch = batch_of(state_.step);
  std::vector<double> squared_errors(batch.images.size());
  gradients_.reset();
  crew_.run(own_shards_.count, [&](const Device& worker, std::int64_t item) {
    const std::int64_t shard = own_shards_.first + item;
    Gradients& gradients = gradients_.acquire();
    run_shard(worker, state_.network, batch, shard, gradients, squared_errors);
    gradients_.add(shard, gradients, worker.kernels());
  });
  gather_errors(squared_errors, shards_per_step(training), training.batch / training.shards);

  const Gradients& sum = sum_of_gradients();
  const std::vector<double> squares = sums_of_squares(sum);

  const double loss = shown_value(loss_of(squared_errors));
  double norm = 0.0;
  for (const double square : squares) norm += square;
  norm = shown_value(std::sqrt(norm));

  StepReport report{.step = state_.step,
                    .loss = loss,
                    .grad_norm = norm,
                    .learning_rate = learning_rate_at(training, state_.step),
                    .refused = {},
                    .spike = {}};
  ++state_.step;
  // As PyTorch's clip_grad_norm_.
  const double grad_scale =
      training.clip_norm > 0.0 ? std::min(1.0, training.clip_norm / (norm + 1e-6)) : 1.0;
  if (std::isfinite(loss) && norm * grad_scale < kMaxNorm) {
    state_.refused_in_a_row = 0;
    StepLoss measured{.loss = loss, .grad_norm = norm};
    const Deviation deviation = state_.losses.deviation_of(measured);
    measured.skipped = training.skip_spikes > 0.0 && deviation.larger() > training.skip_spikes;
    state_.losses.add(measured);
    if (measured.skipped) {
      report.refused = describe_spike(report, deviation);
      return report;
    }
    if (deviation.larger() > kNotableDeviation) report.spike = describe_spike(report, deviation);
    update_weights({.learning_rate = report.learning_rate,
                    .beta1 = training.beta1,
                    .beta2 = training.beta2,
                    .epsilon = training.epsilon,
                    .weight_decay = training.weight_decay,
                    .step = state_.updates + 1,
                    .grad_scale = grad_scale,
                    .ema_decay = ema_decay_at(training, state_.updates)},
                   sum);
    ++state_.updates;
    return report;
  }
  report.refused = concat("step ", report.step + 1, ": loss ", loss, ", gradient norm ", norm, ": ",
                          find_cause(batch, squared_errors, squares));
  if (++state_.refused_in_a_row >= kMaxRefusedInARow)
    fail(ErrorCode::numeric, "train: ", state_.refused_in_a_row,
         " steps in a row were not finite, the last: ", report.refused,
         "; lower training.learning_rate (--override training.learning_rate=RATE), and go on from "
         "an "
         "earlier checkpoint (--resume-from STEP)");
  return report;
}

std::string Trainer::find_cause(const Batch& batch, std::span<const double> squared_errors,
                                std::span<const double> sums_of_squares) const {
  const auto finite = [](double value) { return std::isfinite(value); };
  const auto bad_error = std::ranges::find_if_not(squared_errors, finite);
  if (bad_error != squared_errors.end()) {
    const std::int64_t image = bad_error - squared_errors.begin();
    const std::int64_t n = config_.training.batch / config_.training.shards;
    const ShardInputs inputs = make_inputs(workers()[0], batch, image / n * n, n);
    const std::optional<std::string> layer =
        find_nonfinite(state_.network, inputs.x_t, inputs.t, inputs.labels());
    return concat("image ", batch.images[static_cast<std::size_t>(image)],
                  " of the data set gives NaN or infinity, first in ", layer.value_or("the loss"));
  }
  const auto bad_gradient = std::ranges::find_if_not(sums_of_squares, finite);
  if (bad_gradient != sums_of_squares.end()) {
    const auto index = static_cast<std::size_t>(bad_gradient - sums_of_squares.begin());
    return "the gradient of " + state_.network.parameters()[index]->name + " is not finite";
  }
  return "the gradient is too large";
}

const Gradients& Trainer::sum_of_gradients() {
  return exchange_ ? exchange_->add(gradients_, crew_) : gradients_.sum();
}

std::vector<double> Trainer::sums_of_squares(const Gradients& sum) {
  std::vector<Tensor> own;
  if (exchange_) {
    own = exchange_->own_blocks(sum);
  } else {
    for (std::size_t i = 0; i < sum.size(); ++i) own.push_back(sum[i]);
  }
  // Some at a time, since a device may be waited for each time.
  const std::int64_t num_parts = num_workers() == 1 ? 1 : 16 * num_workers();
  std::vector<double> sums(own.size());
  crew_.run(num_parts, [&](const Device& worker, std::int64_t part) {
    const auto size = std::ssize(own);
    const auto first = static_cast<std::size_t>(part * size / num_parts);
    const auto count = static_cast<std::size_t>((part + 1) * size / num_parts) - first;
    worker.kernels().sums_of_squares(std::span(own).subspan(first, count),
                                     std::span(sums).subspan(first, count));
  });
  return exchange_ ? exchange_->sums_of_squares(sums) : sums;
}

void Trainer::update_weights(const AdamUpdate& update, const Gradients& sum) {
  crew_.run(std::ssize(own_slices_), [&](const Device& worker, std::int64_t item) {
    const Slice& slice = own_slices_[static_cast<std::size_t>(item)];
    const std::size_t i = slice.parameter;
    Tensor value = piece(state_.network.mutable_parameters()[i]->value, slice);
    Tensor m = piece(state_.m[i], slice), v = piece(state_.v[i], slice);
    Tensor average = piece(state_.average.mutable_parameters()[i]->value, slice);
    worker.kernels().adam(update, piece(sum[i], slice), value, m, v, average);
  });
  if (exchange_) exchange_->from_owners_to_all(values_of(state_.network));
}

void Trainer::share_state() {
  if (!exchange_) return;
  exchange_->from_first_to_all(values_of(state_.network));
  exchange_->from_first_to_owners(values_of(state_.average));
  exchange_->from_first_to_owners(tensors_of(state_.m));
  exchange_->from_first_to_owners(tensors_of(state_.v));
  std::vector<std::int64_t> counts{state_.step, state_.updates, state_.refused_in_a_row,
                                   std::ssize(state_.losses.steps())};
  comm::take_from_first(*ranks_, std::span(counts));
  std::tie(state_.step, state_.updates, state_.refused_in_a_row) =
      std::tie(counts[0], counts[1], counts[2]);
  std::vector<StepLoss> losses(state_.losses.steps().begin(), state_.losses.steps().end());
  losses.resize(static_cast<std::size_t>(counts[3]));
  comm::take_from_first(*ranks_, std::span(losses));
  double lowest_mean = state_.losses.lowest_mean();
  comm::take_from_first(*ranks_, std::span<double>(&lowest_mean, 1));
  state_.losses = LossHistory({losses.begin(), losses.end()}, lowest_mean);
}

void Trainer::gather_average() {
  if (exchange_) exchange_->from_owners_to_first(values_of(state_.average));
}

void Trainer::gather_state() {
  if (!exchange_) return;
  gather_average();
  exchange_->from_owners_to_first(tensors_of(state_.m));
  exchange_->from_owners_to_first(tensors_of(state_.v));
}

std::int64_t Trainer::num_system_allocations() const {
  std::int64_t count = device_.persistent_memory().num_system_allocations() +
                       device_.arena().num_system_allocations();
  for (const Device& worker : workers()) count += worker.arena().num_system_allocations();
  return count;
}

}  // namespace ddim::engine::train
