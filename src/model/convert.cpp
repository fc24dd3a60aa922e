#include "model/convert.h"

#include "base/error.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/model_card.h"
#include "model/official_checkpoint.h"

namespace ddim::model {

namespace fs = std::filesystem;

namespace {

void write_diffusers_folder(const ModelFiles& files, const fs::path& output,
                            const ConvertOptions& options) {
  std::vector<io::TensorSource> sources;
  for (const io::TensorEntry& entry : files.weights_of(options.set))
    sources.push_back(
        {.name = entry.name, .type = options.type, .shape = entry.shape, .entry = &entry});
  DurableFolder folder(output, Manifest::leave_out);
  write_model_files(folder, files.config, std::move(sources), files.scheduler);
  folder.write_file("README.md", model_card(files, options.set));
  folder.commit();
}

}  // namespace

void write_model(const ModelFiles& files, const fs::path& output, const ConvertOptions& options) {
  require(!fs::exists(output), output.string(), ": exists already; it is not overwritten");
  schedule_of(files.scheduler, files.scheduler_path.string());  // refuses what cannot be sampled
  switch (options.target) {
    case Target::diffusers:
      return write_diffusers_folder(files, output, options);
    case Target::official:
      return write_file_durably(output, official_checkpoint(files, options.set, options.type),
                                Existing::refuse);
    case Target::official_weights:
      return write_file_durably(output, official_weights(files, options.set, options.type),
                                Existing::refuse);
  }
}

}  // namespace ddim::model
