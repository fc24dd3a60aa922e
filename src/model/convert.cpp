#include "model/convert.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "model/file_configs.h"
#include "model/load_weights.h"
#include "model/official_names.h"

namespace ddim::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{1} << 20;
constexpr std::int64_t kMaxDim = 65536;  // of a number of channels, levels, blocks or pixels

/// The fields of config.json, by path: "model.ch_mult".
class OfficialConfig {
 public:
  explicit OfficialConfig(const fs::path& path) : file_name_(path.string()) {
    require(fs::exists(path), file_name_, ": no such file; expected the official configuration");
    try {
      root_ = json::parse(io::read_file(path, kMaxJsonBytes));
    } catch (const json::exception& error) {
      fail(ErrorCode::corrupt, file_name_, ": not JSON: ", error.what());
    }
  }

  const std::string& file_name() const { return file_name_; }

  std::int64_t count(const char* section, const char* field) const {
    return as_count(find(section, field), section, field);
  }
  std::vector<std::int64_t> counts(const char* section, const char* field) const {
    const json& value = find(section, field);
    expect(value.is_array(), section, field, "a list of numbers");
    std::vector<std::int64_t> result;
    for (const json& element : value) result.push_back(as_count(element, section, field));
    return result;
  }
  double number(const char* section, const char* field) const {
    const json& value = find(section, field);
    expect(value.is_number(), section, field, "a number");
    return value.get<double>();
  }
  void require_text(const char* section, const char* field, const char* supported) const {
    const json& value = find(section, field);
    require(value == supported, file_name_, ": ", section, ".", field, " is ", value.dump(),
            "; only \"", supported, "\" is supported");
  }
  void require_true(const char* section, const char* field) const {
    const json& value = find(section, field);
    require(value == true, file_name_, ": ", section, ".", field, " is ", value.dump(),
            "; only true is supported");
  }

 private:
  const json& find(const char* section, const char* field) const {
    const bool present = root_.is_object() && root_.contains(section) &&
                         root_[section].is_object() && root_[section].contains(field);
    if (!present) fail(ErrorCode::corrupt, file_name_, ": ", section, ".", field, " is missing");
    return root_[section][field];
  }
  std::int64_t as_count(const json& value, const char* section, const char* field) const {
    expect(value.is_number_integer() && value >= 1 && value <= kMaxDim, section, field,
           "a whole number from 1 to 65536");
    return value.get<std::int64_t>();
  }
  void expect(bool condition, const char* section, const char* field, const char* expected) const {
    if (!condition)
      fail(ErrorCode::corrupt, file_name_, ": ", section, ".", field, " must be ", expected);
  }

  std::string file_name_;
  json root_;
};

UNetConfig network_config(const OfficialConfig& file) {
  file.require_text("model", "type", "simple");
  file.require_true("model", "resamp_with_conv");
  UNetConfig config{.sample_size = file.count("data", "image_size"),
                    .in_channels = file.count("model", "in_channels"),
                    .out_channels = file.count("model", "out_ch"),
                    .layers_per_block = file.count("model", "num_res_blocks"),
                    .dropout = file.number("model", "dropout")};
  const std::int64_t channels = file.count("model", "ch");
  for (const std::int64_t factor : file.counts("model", "ch_mult"))
    config.block_out_channels.push_back(channels * factor);
  require(!config.block_out_channels.empty(), file.file_name(), ": model.ch_mult is empty");
  if (config.block_out_channels.front() != channels) config.base_channels = channels;

  const std::vector<std::int64_t> resolutions = file.counts("model", "attn_resolutions");
  std::vector<std::int64_t> known;
  std::int64_t resolution = config.sample_size;
  for (std::int64_t level = 0; level < config.num_levels(); ++level, resolution /= 2) {
    known.push_back(resolution);
    if (std::ranges::find(resolutions, resolution) != resolutions.end())
      config.attention_levels.push_back(level);
  }
  for (const std::int64_t wanted : resolutions) {
    require(std::ranges::find(known, wanted) != known.end(), file.file_name(),
            ": model.attn_resolutions holds ", wanted, ", which no level has: from ", known.front(),
            " they are halved to ", known.back());
  }
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), file.file_name(), ": ", error.what());
  }
  return config;
}

io::SchedulerFileConfig scheduler_config(const OfficialConfig& file) {
  file.require_text("diffusion", "beta_schedule", "linear");
  return file_config(
      LinearSchedule{.beta_start = file.number("diffusion", "beta_start"),
                     .beta_end = file.number("diffusion", "beta_end"),
                     .num_steps = file.count("diffusion", "num_diffusion_timesteps")});
}

void load_official_weights(const fs::path& path, UNet& unet) {
  require(fs::exists(path), path.string(), ": no such file; expected the official weights");
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  std::map<std::string, const io::TensorEntry*> entries;
  for (const io::TensorEntry& entry : file.entries()) entries.emplace(entry.name, &entry);
  std::vector<WeightSlot> slots;
  for (Parameter* parameter : unet.mutable_parameters()) {
    slots.push_back({parameter, official_name(parameter->name, unet.config().num_levels()),
                     official_shape(parameter->name, parameter->value.shape())});
  }
  read_weights(file, entries, slots);
}

}  // namespace

Model load_official_folder(const fs::path& folder, const Device& device) {
  require(fs::is_directory(folder), folder.string(), ": no such folder");
  const OfficialConfig file(folder / "config.json");
  const io::SchedulerFileConfig scheduler = scheduler_config(file);
  diffusion::Schedule schedule = schedule_of(scheduler, file.file_name());
  UNet unet(device, network_config(file));
  load_official_weights(folder / "unet.safetensors", unet);
  return {.device = device,
          .unet = std::move(unet),
          .schedule = std::move(schedule),
          .scheduler_config = scheduler};
}

void convert_folder(const fs::path& folder, const fs::path& output, io::StoredType type,
                    const Device& device) {
  require(!fs::exists(output), output.string(), ": exists already; it is not overwritten");
  const bool is_diffusers = fs::exists(folder / "model_index.json") || fs::exists(folder / "unet");
  save_model(is_diffusers ? load_model(folder, device) : load_official_folder(folder, device),
             output, type);
}

}  // namespace ddim::model
