#include <ddim/file_bytes.h>
#include <ddim/sample.h>

#include "api/model_implementation.h"
#include "base/error.h"
#include "io/image_grid.h"
#include "run/generate.h"

namespace ddim {

using namespace engine;
namespace {

Samples draw(const Model& model, const Plan& plan, const SampleOptions& options,
             const PictureSink& sink) {
  Samples samples = run::generate(ModelAccess::trained(model), plan, options, sink).samples;
  samples.recipe = make_recipe(model, options);
  return samples;
}

Image grid_of(const Samples& samples, const GridOptions& grid) {
  std::vector<Image> images;
  for (std::int64_t k = 0; k < samples.x_0.count; ++k) images.push_back(to_image(samples.x_0, k));
  return make_grid(images, grid);
}

io::PngText text_of(const Samples& samples, const GridOptions& grid) {
  return io::with_grid(samples.recipe, samples.x_0.count, grid);
}

}  // namespace

Samples sample(const Model& model, const SampleOptions& options) {
  return draw(model, make_plan(model, options.plan), options, {});
}

Samples sample(const Model& model, const Plan& plan, const SampleOptions& options) {
  return sample(model, plan, options, {});
}

Samples sample(const Model& model, const Plan& plan, const SampleOptions& options,
               const PictureSink& sink) {
  require(options.plan == PlanOptions{} || options.plan == plan.options,
          "sample: options.plan contradicts the plan; leave it at its default");
  SampleOptions complete = options;
  complete.plan = plan.options;
  return draw(model, plan, complete, sink);
}

void check_sample(const Model& model, const Plan& plan, const SampleOptions& options) {
  const run::TrainedNetwork& described = ModelAccess::described(model);
  run::check_options(described, plan, options);
  described.network->check_classes(options.class_choice);
}

void write_png_grid(const std::filesystem::path& path, const Samples& samples, Overwrite overwrite,
                    const GridOptions& grid) {
  write_png(path, grid_of(samples, grid), {.text = text_of(samples, grid), .overwrite = overwrite});
}

Bytes png_grid_bytes(const Samples& samples, const GridOptions& grid) {
  return png_bytes(grid_of(samples, grid), text_of(samples, grid));
}

}  // namespace ddim
