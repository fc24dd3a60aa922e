#include "model/model_card.h"

#include "base/error.h"

namespace ddim::engine::model {
namespace {

/// The last part of the path, for "model/" as well.
std::string name_of(const std::filesystem::path& path) {
  return std::filesystem::weakly_canonical(path).filename().string();
}

std::string which_weights(const ModelFiles& files, std::optional<WeightSet> set) {
  if (!files.trained) return "";
  return set == WeightSet::raw ? ", the weights as trained" : ", their moving average (EMA)";
}

std::string predicted_by(const std::string& prediction_type) {
  if (prediction_type == "epsilon") return "the noise";
  if (prediction_type == "v_prediction") return "v, between noise and picture,";
  return "what is behind the noise";
}

/// Where it is known with how many pictures each was trained.
std::string class_table(const io::ModelNames& names) {
  if (names.classes.empty() || names.class_images.size() != names.classes.size()) return "";
  std::string table = "| class | number | pictures |\n|---|---|---|\n";
  for (std::size_t k = 0; k < names.classes.size(); ++k)
    table += concat("| ", names.classes[k], " | ", k, " | ", names.class_images[k], " |\n");
  return table + "\n";
}

/// How diffusers draws with the folder, checked with its version 0.42; "" for what it cannot draw.
std::string diffusers_example(const UNetConfig& config) {
  const bool has_own_variance = config.out_channels != config.in_channels;
  const ClassEmbedType classes = config.class_embed_type;
  if (config.base_channels || has_own_variance || classes == ClassEmbedType::identity) return "";
  if (classes == ClassEmbedType::none)
    return "```python\nfrom diffusers import DDIMPipeline\n\npipeline = "
           "DDIMPipeline.from_pretrained(\".\")\n"
           "pipeline(num_inference_steps=50).images[0].save(\"picture.png\")\n```\n";
  return concat(
      "A pipeline of diffusers does not ask for classes; its parts do:\n\n"
      "```python\nimport torch\nfrom diffusers import DDIMScheduler, UNet2DModel\n\n"
      "unet = UNet2DModel.from_pretrained(\".\", subfolder=\"unet\")\n"
      "scheduler = DDIMScheduler.from_pretrained(\".\", subfolder=\"scheduler\")\n"
      "scheduler.set_timesteps(50)\n"
      "classes = torch.tensor([0])\n"
      "x = torch.randn(len(classes), ",
      config.in_channels, ", ", config.height(), ", ", config.width(),
      ")\n"
      "with torch.no_grad():\n"
      "    for t in scheduler.timesteps:\n"
      "        output = unet(x, t, class_labels=classes).sample\n"
      "        x = scheduler.step(output, t, x).prev_sample\n```\n");
}

}  // namespace

std::string model_card(const ModelFiles& files, std::optional<WeightSet> set) {
  const UNetConfig& config = files.config;
  const std::string name = files.names.model.empty() ? name_of(files.path) : files.names.model;
  std::int64_t num_parameters = 0;
  for (const io::TensorEntry& entry : files.weights) num_parameters += entry.num_elements();
  const std::string example = diffusers_example(config);
  return concat(
      "---\n", example.empty() ? "" : "library_name: diffusers\n",
      "pipeline_tag: unconditional-image-generation\n"
      "tags: [ddim, ddpm, unconditional-image-generation]\n---\n\n# ",
      name, "\n\nA U-Net that predicts ", predicted_by(files.scheduler.prediction_type),
      " of pictures of ", config.width(), "x", config.height(),
      ", to be sampled by DDIM ([arXiv:2010.02502](https://arxiv.org/abs/2010.02502)).\n\n",
      "| | |\n|---|---|\n| weights | from ", name, " (", files.kind, ")", which_weights(files, set),
      files.step > 0 ? concat("; ", files.step, " training steps") : std::string(),
      " |\n| network | ", num_parameters, " parameters; channels ",
      join(config.block_out_channels, ", "), "; ", config.layers_per_block,
      " res blocks per level; `unet/config.json` has the rest |\n", "| forward process | ",
      files.scheduler.num_train_timesteps, " steps, betas ",
      files.scheduler.trained_betas
          ? std::string("of a list")
          : concat(files.scheduler.beta_schedule, " from ", files.scheduler.beta_start, " to ",
                   files.scheduler.beta_end),
      " |\n",
      files.names.classes.empty()
          ? std::string()
          : concat("| classes | ", join(files.names.classes, ", "), " (numbered from 0) |\n"),
      "| written by | `ddim convert` |\n\n", class_table(files.names),
      "```\nddim sample --model . --steps 50 --count 16 --out grid.png\n```\n",
      example.empty() ? "" : "\n", example);
}

}  // namespace ddim::engine::model
