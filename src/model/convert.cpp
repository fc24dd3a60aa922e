#include "model/convert.h"

#include "base/error.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/model_card.h"
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
  }
  return {};
}

void write_diffusers_folder(const ModelFiles& files, const fs::path& output,
                            const ConvertOptions& options) {
  std::vector<io::TensorSource> sources;
  for (const io::TensorEntry& entry : files.weights_of(options.weights))
    sources.push_back({.name = entry.name,
                       .type = stored_type_of(options.type),
                       .shape = entry.shape,
                       .entry = &entry});
  DurableFolder folder(output, Manifest::leave_out);
  write_model_files(folder, files.config, std::move(sources), files.scheduler);
  folder.write_file("README.md", model_card(files, options.weights));
  folder.commit();
}

}  // namespace

void write_model(const ModelFiles& files, const fs::path& output, const ConvertOptions& options) {
  require(!fs::exists(output), output.string(),
          ": exists already; remove it or choose another name");
  // Refuses what cannot be sampled.
  const std::string scheduler_file = files.scheduler_path.string();
  schedule_of(process_of(files.scheduler, scheduler_file), scheduler_file);
  switch (options.target) {
    case ConvertTarget::diffusers:
      return write_diffusers_folder(files, output, options);
    case ConvertTarget::official:
      return write_file_durably(
          output, official_checkpoint(files, options.weights, stored_type_of(options.type)),
          Overwrite::refuse);
    case ConvertTarget::official_weights:
      return write_file_durably(
          output, official_weights(files, options.weights, stored_type_of(options.type)),
          Overwrite::refuse);
  }
}

}  // namespace ddim::engine::model
