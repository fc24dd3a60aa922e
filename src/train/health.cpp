#include "train/health.h"

#include <limits>
#include <optional>
#include <vector>

#include "base/file_input.h"
#include "base/text.h"
#include "io/json_fields.h"

namespace ddim::engine::train {
namespace {

constexpr const char* kHealthFormat = "ddim health 1";
using model::kHealthyWord;

template <class ValueOf>
std::string list(const std::deque<StepLoss>& steps, ValueOf value_of) {
  return concat("[", join(steps, ", ", value_of), "]");
}

}  // namespace

std::string to_json(const Health& health) {
  const std::deque<StepLoss>& steps = health.losses.steps();
  return concat(
      "{\n  \"format\": \"", kHealthFormat, "\",\n  \"health\": \"",
      health.problem.empty() ? kHealthyWord : health.problem,
      "\",\n  \"lowest_loss\": ", number_text(health.losses.lowest_mean()),
      ",\n  \"losses\": ", list(steps, [](const StepLoss& step) { return number_text(step.loss); }),
      ",\n  \"gradient_norms\": ",
      list(steps, [](const StepLoss& step) { return number_text(step.grad_norm); }),
      ",\n  \"skipped\": ", list(steps, [](const StepLoss& step) { return step.skipped ? 1 : 0; }),
      "\n}\n");
}

Health read_health(const std::filesystem::path& checkpoint) {
  const std::filesystem::path path = checkpoint / kHealthFile;
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20;
  const std::optional<std::string> text = read_file_if_there(path, kMaxBytes);
  if (!text) return {};
  io::JsonFields fields(*text, path.string());
  constexpr double kMax = std::numeric_limits<double>::max();
  std::string format;
  Health health;
  double lowest_mean = 0.0;
  std::optional<std::vector<double>> losses, norms, skipped;
  fields.read_required({"format"}, format);
  fields.read_required({"health"}, health.problem);
  fields.read_required({"lowest_loss"}, lowest_mean, io::JsonFields::Range<double>{0.0, kMax});
  fields.read_required({"losses"}, losses, io::JsonFields::Range<double>{-kMax, kMax});
  fields.read_required({"gradient_norms"}, norms, io::JsonFields::Range<double>{0.0, kMax});
  fields.read_required({"skipped"}, skipped, io::JsonFields::Range<double>{0.0, 1.0});
  if (format != kHealthFormat)
    fields.fail_file(concat("its format is ", format, ", expected ", kHealthFormat));
  if (!losses || !norms || !skipped || losses->size() != norms->size() ||
      losses->size() != skipped->size() || losses->size() > LossHistory::kWindow)
    fields.fail_file(
        concat("losses, gradient_norms and skipped must be equally long lists of at most ",
               LossHistory::kWindow, " numbers"));
  if (health.problem == kHealthyWord) health.problem.clear();
  std::deque<StepLoss> steps;
  for (std::size_t i = 0; i < losses->size(); ++i)
    steps.push_back(
        {.loss = (*losses)[i], .grad_norm = (*norms)[i], .skipped = (*skipped)[i] != 0.0});
  health.losses = LossHistory(std::move(steps), lowest_mean);
  return health;
}

}  // namespace ddim::engine::train
