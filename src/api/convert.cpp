#include <ddim/convert.h>

#include "backend/make_device.h"
#include "base/folder.h"
#include "eval/compare.h"
#include "model/convert.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "train/exchange.h"

namespace ddim {

using namespace engine;

ConvertCheck convert_model(const std::filesystem::path& input, const std::filesystem::path& output,
                           const ConvertOptions& options) {
  const model::ModelFiles files = train::open_checkpoint(input, options.overrides);
  model::write_model(files, output, options);
  const Device device = make_device(DeviceKind::cpu);
  const std::int64_t T = model::process_of(files.scheduler, files.scheduler_name).T;
  eval::OutputDistance distance;
  try {
    distance = eval::compare_networks(
        [&] {
          // They have been verified.
          return model::load_model(files, device, options.weights, Verification::skip).unet;
        },
        [&] { return model::load_model(output, device).unet; }, T / 2);
  } catch (...) {  // nobody is to take it for a good one
    try_remove_tree(output);
    throw;
  }
  ConvertCheck check{.largest_difference = distance.largest_difference,
                     .largest_eps = distance.largest_output,
                     .notes = files.notes};
  if (!files.adam_problem.empty())
    check.notes.push_back("the optimizer's state is left out: " + files.adam_problem);
  return check;
}

}  // namespace ddim
