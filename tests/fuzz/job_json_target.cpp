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
  static const WishReader reader{Limits()};
  const auto read = [](const auto& parse) {
    try {
      parse();
    } catch (const RequestError& error) {
      if (error.status() != 400 || std::string_view(error.what()).empty()) std::abort();
    }
  };
  read([&] {
    const Wishes wishes = reader.read_job(text);
    if (wishes.steps < 1 || wishes.count < 1 || !(wishes.eta >= 0.0)) std::abort();
  });
  read([&] { reader.read_images(text); });
  return 0;
}
