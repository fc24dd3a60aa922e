#include <ddim/sampler.h>

#include "app/server/request_error.h"
#include "app/server/wishes.h"
#include "tests/fuzz/target.h"

/// Two of the names that the library has, which is not here.
std::span<const ddim::Named<ddim::Sampler>> ddim::Names<ddim::Sampler>::all() {
  static constexpr Named<Sampler> kNames[] = {{Sampler::ddim, "ddim"}, {Sampler::unipc, "unipc"}};
  return kNames;
}

/// What clients send: it is read, or refused with the name of a field.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::server;
  const std::string_view text = ddim::fuzz::text_of(std::as_bytes(std::span(data, size)));
  static const Limits limits;
  static const WishReader reader{limits};
  const auto check = [](const Wishes& wishes) {
    const bool is_in_range =
        wishes.steps >= 1 && wishes.count >= 1 && wishes.count <= limits.pictures &&
        wishes.eta >= 0.0 &&
        (!wishes.strength || (*wishes.strength > 0.0 && *wishes.strength <= 1.0)) &&
        wishes.frames.value_or(2) >= 2 && wishes.preview_every >= 0 &&
        std::abs(wishes.guidance) <= 1000.0;
    if (!is_in_range) std::abort();
  };
  const auto read = [](const auto& parse) {
    try {
      parse();
    } catch (const RequestError& error) {
      if (error.status() != 400 || error.field().empty() || std::string_view(error.what()).empty())
        std::abort();
    }
  };
  read([&] { check(reader.read_job(text)); });
  read([&] { check(reader.read_images(text).job); });
  return 0;
}
