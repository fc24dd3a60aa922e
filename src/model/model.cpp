#include "model/model.h"

#include "base/error.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "model/file_configs.h"
#include "model/load_weights.h"
#include "model/network_config.h"

namespace ddim::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUNetConfig = "config.json";
constexpr const char* kWeights = "diffusion_pytorch_model.safetensors";
constexpr const char* kSchedulerConfig = "scheduler_config.json";
constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{16} << 20;  // trained_betas may be long

/// folder/part/name, or folder/name where the part has no folder of its own.
fs::path locate(const fs::path& folder, const char* part, const char* name) {
  const fs::path foldered = folder / part;
  return (fs::is_directory(foldered) ? foldered : folder) / name;
}

void require_model_folder(const fs::path& folder) {
  require(fs::exists(folder), folder.string(), ": no such folder");
  require(fs::is_directory(folder), folder.string(), ": is a file, expected a model's folder");
  const fs::path config = locate(folder, "unet", kUNetConfig);
  require(!fs::is_directory(folder / "checkpoints") || fs::exists(config), folder.string(),
          ": is the folder of a training run; name one of its checkpoints, such as ",
          (folder / "checkpoints" / "step-N").string());
  require(fs::exists(config), folder.string(), ": is not a model's folder: it has neither unet/",
          kUNetConfig, " nor ", kUNetConfig);
}

fs::path weights_path(const fs::path& folder) {
  const fs::path path = locate(folder, "unet", kWeights);
  if (fs::exists(path)) return path;
  const fs::path torch_file = fs::path(path).replace_extension(".bin");
  if (fs::exists(torch_file))
    fail(ErrorCode::user, torch_file.string(),
         ": weights in PyTorch's own format cannot be read; expected ", path.string());
  fail(ErrorCode::user, path.string(), ": no such file; the weights of the model are missing");
}

void replace_part(std::string& name, std::string_view old_part, std::string_view new_part) {
  const std::size_t position = name.find(old_part);
  if (position != std::string::npos) name.replace(position, old_part.size(), new_part);
}

/// Today's name of a tensor of a diffusers file of any age.
std::string current_name(std::string name) {
  if (name.find("attentions.") != std::string::npos) {
    replace_part(name, ".query.", ".to_q.");
    replace_part(name, ".key.", ".to_k.");
    replace_part(name, ".value.", ".to_v.");
    replace_part(name, ".proj_attn.", ".to_out.0.");
  }
  replace_part(name, ".downsamplers.0.op.", ".downsamplers.0.conv.");
  return name;
}

/// Entries under today's names.
std::map<std::string, const io::TensorEntry*> entries_by_current_name(
    const io::SafetensorsFile& file) {
  std::map<std::string, const io::TensorEntry*> result;
  for (const io::TensorEntry& entry : file.entries()) {
    const std::string name = current_name(entry.name);
    // Files of mid-2022 hold each downsampler twice, as `conv` and as `op`.
    const bool is_second_copy = name != entry.name && file.find(name) != nullptr &&
                                entry.name.find(".downsamplers.0.op.") != std::string::npos;
    if (is_second_copy) continue;
    if (!result.emplace(name, &entry).second)
      fail(ErrorCode::corrupt, file.path().string(), ": holds tensor ", name,
           " under its old and its new name");
  }
  return result;
}

void load_diffusers_weights(const fs::path& path, UNet& unet) {
  std::vector<WeightSlot> slots;
  for (Parameter* parameter : unet.mutable_parameters()) {
    const auto dims = parameter->value.shape().dims();
    slots.push_back({parameter, parameter->name, {dims.begin(), dims.end()}});
  }
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  read_weights(file, entries_by_current_name(file), slots);
}

}  // namespace

Model load_model(const fs::path& folder, const Device& device) {
  require_model_folder(folder);
  const fs::path index_path = folder / "model_index.json";
  if (fs::exists(index_path))
    io::parse_model_index(io::read_file(index_path, kMaxJsonBytes), index_path.string());

  const fs::path scheduler_path = locate(folder, "scheduler", kSchedulerConfig);
  require(fs::exists(scheduler_path), scheduler_path.string(),
          ": no such file; it says which noise the model was trained with");
  const io::SchedulerFileConfig scheduler = io::parse_scheduler_config(
      io::read_file(scheduler_path, kMaxJsonBytes), scheduler_path.string());
  diffusion::Schedule schedule = schedule_of(scheduler, scheduler_path.string());

  const fs::path config_path = locate(folder, "unet", kUNetConfig);
  const io::UNetFileConfig unet_config =
      io::parse_unet_config(io::read_file(config_path, kMaxJsonBytes), config_path.string());
  UNet unet(device, network_config(unet_config, config_path.string()));
  load_diffusers_weights(weights_path(folder), unet);
  return {.device = device,
          .unet = std::move(unet),
          .schedule = std::move(schedule),
          .scheduler_config = scheduler};
}

void write_model_files(DurableFolder& folder, const UNet& unet, std::span<const Tensor> weights,
                       const io::SchedulerFileConfig& scheduler_config, io::StoredType type) {
  const std::vector<const Parameter*>& parameters = unet.parameters();
  require(type == io::StoredType::f32 || type == io::StoredType::f16, "save_model: weights as ",
          io::to_string(type), "; expected F32 or F16");
  require(weights.size() == parameters.size(), "save_model: ", weights.size(),
          " tensors for a network of ", parameters.size());
  std::vector<std::vector<float>> values;
  std::vector<io::TensorSource> sources;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto dims = parameters[i]->value.shape().dims();
    values.push_back(to_host(weights[i]));
    sources.push_back({.name = parameters[i]->name,
                       .type = type,
                       .shape = {dims.begin(), dims.end()},
                       .values = values.back()});
  }
  const io::ModelIndex index{.scheduler_class = scheduler_config.class_name};
  folder.write_file("model_index.json", io::to_json(index));
  folder.write_file(concat("unet/", kUNetConfig), io::to_json(file_config(unet.config())));
  folder.write_file(concat("unet/", kWeights), io::safetensors_content(std::move(sources)));
  folder.write_file(concat("scheduler/", kSchedulerConfig), io::to_json(scheduler_config));
}

void save_model(const Model& model, const fs::path& folder, io::StoredType type) {
  std::vector<Tensor> weights;
  for (const Parameter* parameter : model.unet.parameters()) weights.push_back(parameter->value);
  DurableFolder output(folder, Manifest::leave_out);
  write_model_files(output, model.unet, weights, model.scheduler_config, type);
  output.commit();
}

}  // namespace ddim::model
