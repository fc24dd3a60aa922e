#include "tests/fuzz/target.h"
#include "train/train_config.h"

namespace {

using ddim::TrainConfig;
using ddim::engine::train::parse_train_config;

/// A run's folder holds its configuration as to_toml() writes it, and resuming reads that.
void check_that_it_stays(const TrainConfig& config) {
  const std::string written = ddim::to_toml(config);
  if (ddim::to_toml(parse_train_config(written, "written")) != written) std::abort();
}

}  // namespace

/// As a training configuration, and as what follows --override.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ddim::fuzz::run(data, size, [](std::span<const std::byte> text) {
    check_that_it_stays(parse_train_config(ddim::fuzz::text_of(text), "input"));
  });
  try {
    const auto text = ddim::fuzz::text_of(std::as_bytes(std::span(data, size)));
    ddim::engine::train::with_overrides({}, {std::string(text)});
  } catch (const ddim::Error&) {  // which name the flag
  }
  return 0;
}
