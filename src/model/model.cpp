#include "model/model.h"

#include <algorithm>
#include <future>

#include "backend/make_device.h"
#include "base/error.h"
#include "io/diffusers_layout.h"
#include "io/safetensors.h"
#include "model/file_configs.h"
#include "model/network_config.h"
#include "tensor/derived_parameters.h"

namespace ddim::engine::model {

namespace fs = std::filesystem;

namespace {

/// The weights have no values yet.
LoadedModel model_on(const Device& device, const ModelFiles& files) {
  const ForwardProcess process = process_of(files.scheduler, files.scheduler_name);
  diffusion::Schedule schedule = schedule_of(process, files.scheduler_name);
  return {.device = device,
          .unet = UNet(device, files.config),
          .schedule = std::move(schedule),
          .prediction = process.prediction,
          .scheduler_config = files.scheduler};
}

}  // namespace

LoadedModel load_model(const fs::path& path, const Device& device, std::optional<WeightSet> set,
                       Verification verification) {
  const TrainingPart training = set ? TrainingPart::read : TrainingPart::skip;
  return load_model(open_model(path, training), device, set, verification);
}

LoadedModel load_model(const ModelFiles& files, const Device& device, std::optional<WeightSet> set,
                       Verification verification) {
  const StoredWeights& weights = files.weights_of(set);
  std::future<void> verified;  // beside the reading, where there is a thread for it
  if (verification == Verification::check)
    verified = std::async(std::launch::async | std::launch::deferred,
                          [&] { verify_weights(files, {&weights}); });
  LoadedModel model = model_on(device, files);
  read_weights(weights, model.unet);
  if (verified.valid()) verified.wait();
  io::require_whole(files.files);
  if (verified.valid()) verified.get();
  return model;
}

LoadedModel model_without_weights(const ModelFiles& files) {
  return model_on(make_dry_device(), files);
}

std::vector<io::TensorSource> weight_sources(const UNet& unet, std::span<const Tensor> weights,
                                             io::StoredType type, HostValues& values) {
  const std::vector<const Parameter*>& parameters = unet.parameters();
  ensure(weights.size() == parameters.size(), "save_model: ", weights.size(),
         " tensors for a network of ", parameters.size());
  std::vector<io::TensorSource> sources;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto dims = parameters[i]->value.shape().dims();
    sources.push_back({.name = parameters[i]->name,
                       .type = type,
                       .shape = {dims.begin(), dims.end()},
                       .values = values.of(weights[i])});
  }
  return sources;
}

void write_model_files(DurableFolder& folder, const UNetConfig& config,
                       std::vector<io::TensorSource> weights,
                       const io::SchedulerFileConfig& scheduler_config,
                       const io::ModelNames& names) {
  for (const io::TensorSource& weight : weights) {
    using io::StoredType;
    ensure(weight.type == StoredType::f32 || weight.type == StoredType::f16 ||
               weight.type == StoredType::bf16 || weight.type == StoredType::f8_e4m3,
           "save_model: weights as ", io::to_string(weight.type),
           "; expected F32, F16, BF16 or F8_E4M3");
  }
  const io::ModelIndex index{.scheduler_class = scheduler_config.class_name, .names = names};
  const io::DiffusersLayout layout;
  folder.write_file(io::kModelIndexFile, io::to_json(index));
  folder.write_file(layout.unet_config(), io::to_json(file_config(config)));
  folder.write_file(
      layout.written_weights(),
      io::safetensors_content(std::move(weights), io::default_metadata(), io::Digests::write));
  folder.write_file(layout.scheduler_config(), io::to_json(scheduler_config));
}

void save_model(const LoadedModel& model, const fs::path& folder, io::StoredType type) {
  std::vector<Tensor> weights;
  for (const Parameter* parameter : model.unet.parameters()) weights.push_back(parameter->value);
  HostValues values;
  DurableFolder output(folder, Manifest::leave_out);
  write_model_files(output, model.unet.config(), weight_sources(model.unet, weights, type, values),
                    model.scheduler_config, {});
  output.commit();
}

void trim(const LoadedModel& model) {
  // A kernel of a GPU may still be reading.
  if (model.device.memory_is_the_hosts()) model.device.derived_parameters().release();
}

}  // namespace ddim::engine::model
