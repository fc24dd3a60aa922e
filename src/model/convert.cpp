#include "model/convert.h"

#include <ddim/json.h>

#include "base/error.h"
#include "io/diffusers_layout.h"
#include "io/safetensors.h"
#include "model/diffusers_names.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/model_card.h"
#include "model/network_config.h"
#include "model/official_checkpoint.h"

namespace ddim::engine::model {

namespace fs = std::filesystem;

namespace {

io::StoredType stored_type_of(WeightType type) {
  switch (type) {
    case WeightType::f32:
      return io::StoredType::f32;
    case WeightType::f16:
      return io::StoredType::f16;
    case WeightType::bf16:
      return io::StoredType::bf16;
    case WeightType::f8:
      return io::StoredType::f8_e4m3;
  }
  return {};
}

/// With f8, tensors below this size have f16: together they are small, and among them are those
/// that all depends on (norms, biases, the first and the last convolution).
constexpr std::int64_t kSmallestOf8Bits = 16'384;  // elements

std::vector<io::TensorSource> sources_of(const StoredWeights& weights,
                                         const ConvertOptions& options) {
  std::vector<io::TensorSource> sources;
  for (const io::TensorEntry& entry : weights) {
    const bool is_small = entry.num_elements() < kSmallestOf8Bits;
    sources.push_back(
        {.name = options.attention_names == AttentionNames::of_2022
                     ? attention_name_of_2022(entry.name)
                     : entry.name,
         .type = stored_type_of(options.type == WeightType::f8 && is_small ? WeightType::f16
                                                                           : options.type),
         .shape = entry.shape,
         .entry = &entry});
  }
  return sources;
}

/// unet_ema/ as diffusers' EMAModel.save_pretrained() writes it: the network's configuration with
/// keys of the average, of which only the number of updates is known.
void write_average(DurableFolder& folder, const ModelFiles& files, const ConvertOptions& options) {
  const io::DiffusersLayout layout{.unet = io::kAverageFolder};
  Json config = Json::parse(io::to_json(file_config(files.config)));
  config["optimization_step"] = files.step;
  folder.write_file(layout.unet_config(), config.text({.indent = 2}) + "\n");
  folder.write_file(layout.written_weights(),
                    io::safetensors_content(sources_of(files.weights, options),
                                            io::default_metadata(), io::Digests::write));
}

/// The same content, refused after its last byte when the files that it is from have been shortened
/// on the way.
FileContent whole(const ModelFiles& files, FileContent content) {
  return {content.size_bytes, [&files, write = std::move(content.write_to)](const ByteSink& sink) {
            write(sink);
            io::require_whole(files.files);
          }};
}

void write_diffusers_folder(const ModelFiles& files, const fs::path& output,
                            const ConvertOptions& options) {
  const bool both = options.average == AverageFolder::unet_ema;
  require(!both || !options.weights, "convert: --unet-ema writes both sets of weights; --weights ",
          options.weights ? to_string(*options.weights) : "", " asks for one");
  require(!both || files.trained,
          "convert: --unet-ema writes the trained weights and their moving average, and ",
          files.path.string(), " has one set of weights; leave it out");
  const StoredWeights& weights = files.weights_of(both ? WeightSet::raw : options.weights);
  DurableFolder folder(output, Manifest::leave_out);
  write_model_files(folder, files.config, sources_of(weights, options), files.scheduler,
                    files.names);
  if (both) write_average(folder, files, options);
  folder.write_file("README.md", model_card(files, options.weights));
  io::require_whole(files.files);
  folder.commit();
}

/// Error(user) for a name that says something else than what is written.
void require_name_of(ConvertTarget target, const fs::path& output) {
  const std::string ending = output.extension().string();
  const bool is_safetensors = ending == ".safetensors";
  const bool is_torch = ending == ".pth" || ending == ".pt" || ending == ".ckpt";
  const bool is_folder = target == ConvertTarget::diffusers;
  require(!is_folder || !is_torch, output.string(),
          ": is the name of a file, and --to diffusers makes a folder; add --to official or "
          "--to official-weights, or choose another name");
  require(!is_folder || !is_safetensors, output.string(),
          ": is the name of a file, and --to diffusers makes a folder, whose ",
          io::DiffusersLayout{}.written_weights(), " are safetensors; choose another name");
  require(is_folder || !is_safetensors, output.string(), ": --to ", to_string(target),
          " writes a file of PyTorch; give it the ending .ckpt or .pth");
}

}  // namespace

void write_model(const ModelFiles& files, const fs::path& output, const ConvertOptions& options) {
  require(!fs::exists(output), output.string(),
          ": exists already; choose another name, or remove it");
  require_name_of(options.target, output);
  // Refuses what cannot be sampled.
  schedule_of(process_of(files.scheduler, files.scheduler_name), files.scheduler_name);
  require(options.target == ConvertTarget::diffusers ||
              (options.average == AverageFolder::none &&
               options.attention_names == AttentionNames::current),
          "convert: --unet-ema and --old-attention-names are about diffusers folders, not about ",
          to_string(options.target));
  require(options.target == ConvertTarget::diffusers || options.type != WeightType::f8,
          "convert: --dtype f8 is of diffusers folders; the official code's files have f32, f16 or "
          "bf16");
  if (options.verification == Verification::check) verify_weights(files);
  switch (options.target) {
    case ConvertTarget::diffusers:
      return write_diffusers_folder(files, output, options);
    case ConvertTarget::official:
      return write_file_durably(
          output,
          whole(files, official_checkpoint(files, options.weights, stored_type_of(options.type))),
          Overwrite::refuse);
    case ConvertTarget::official_weights:
      return write_file_durably(
          output,
          whole(files, official_weights(files, options.weights, stored_type_of(options.type))),
          Overwrite::refuse);
  }
}

}  // namespace ddim::engine::model
