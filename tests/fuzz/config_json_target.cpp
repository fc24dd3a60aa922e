#include "io/diffusers_config.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::engine;
  const auto parse_as = [&](const auto& parse) {
    ddim::fuzz::run(data, size,
                    [&](std::span<const std::byte> text) { parse(ddim::fuzz::text_of(text)); });
  };
  parse_as([](std::string_view text) { io::to_json(io::parse_unet_config(text, "input")); });
  parse_as([](std::string_view text) { io::to_json(io::parse_scheduler_config(text, "input")); });
  parse_as([](std::string_view text) { io::to_json(io::parse_model_index(text, "input")); });
  return 0;
}
