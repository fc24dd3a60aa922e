#pragma once

#include <ddim/error.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

/// What libFuzzer calls, again and again, and replay_corpus.cpp once for each file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ddim::fuzz {

/// Runs a parser, which may refuse the input only by an Error that is a corrupt file's or, for
/// configurations, a user's; anything else ends the program.
template <class Parse>
int run(const std::uint8_t* data, std::size_t size, const Parse& parse) {
  try {
    parse(std::as_bytes(std::span(data, size)));
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("input") == std::string_view::npos) std::abort();
  }
  return 0;
}

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ddim::fuzz
