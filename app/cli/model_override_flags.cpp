#include "model_override_flags.h"

#include <ddim/error.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <charconv>
#include <string_view>
#include <vector>

namespace ddim::cli {
namespace {

/// A side from the front of `text`; 0 where there is none.
std::int64_t take_side(std::string_view& text) {
  std::int64_t side = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
  if (error != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return side;
}

void read_size(const std::string& text, ModelOverrides& overrides) {
  std::string_view rest = text;
  const std::int64_t width = take_side(rest);
  const bool has_height = rest.starts_with('x');
  if (has_height) rest.remove_prefix(1);
  const std::int64_t height = has_height ? take_side(rest) : width;
  if (width < 1 || height < 1 || !rest.empty()) {
    throw Error(ErrorCode::user,
                fmt::format("--size: expected a side or a width and a height, such as 64 or 96x64; "
                            "got \"{}\"",
                            text));
  }
  overrides.width = width;
  overrides.height = height;
}

}  // namespace

void ModelOverrideFlags::add_to(Command command) {
  add_size_to(command);
  add_process_to(command);
}

void ModelOverrideFlags::add_size_to(Command command) {
  command
      .add_option("--size", size_,
                  "Size of the pictures, in place of that in the model's configuration: a side, or "
                  "width and height")
      .type_name("N|WxH");
}

void ModelOverrideFlags::add_process_to(Command command) {
  std::vector<std::string> schedules = names_of<BetaKind>();
  std::erase(schedules, std::string(to_string(BetaKind::list)));
  const Option schedule =
      command
          .add_option("--schedule", schedule_,
                      "Beta schedule, in place of that in the model's scheduler file: linear, "
                      "scaled-linear, cosine or sigmoid")
          .type_name("NAME")
          .one_of(schedules);
  for (const Option end : {command.add_option("--beta-start", values_.beta_start,
                                              "First beta, in place of the scheduler file's"),
                           command.add_option("--beta-end", values_.beta_end,
                                              "Last beta, in place of the scheduler file's")}) {
    end.depends_on(schedule, [this, end] {
      return value_named<BetaKind>(schedule_) != BetaKind::cosine
                 ? ""
                 : fmt::format("{} has no effect with --schedule cosine, whose betas follow from T",
                               end.cause());
    });
  }
  command.add_option("--T", values_.T, "Number of training steps, in place of the scheduler file's")
      .positive();
  command
      .add_option("--prediction", prediction_,
                  "What the network predicts, whatever the scheduler file says: eps, x0 or v")
      .type_name("NAME")
      .one_of(names_of<Prediction>());
}

ModelOverrides ModelOverrideFlags::overrides() const {
  ModelOverrides overrides = values_;
  if (!size_.empty()) read_size(size_, overrides);
  overrides.schedule = value_named<BetaKind>(schedule_);
  overrides.prediction = value_named<Prediction>(prediction_);
  return overrides;
}

}  // namespace ddim::cli
