#include "io/picture.h"
#include "tests/fuzz/target.h"

namespace {

#ifdef DDIM_FUZZ
/// libFuzzer likes what takes long: a few bytes that become 64 million pixels. Smaller pictures go
/// the same ways, a hundred times as often; FuzzCorpus has the large ones.
constexpr std::int64_t kMostPixels = 1'000'000;
#else
constexpr std::int64_t kMostPixels = ddim::engine::io::kMaxPixels;
#endif

}  // namespace

/// One program for each format, which differ by their corpus.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    ddim::engine::io::decode_picture(file, "input", {.most = kMostPixels});
  });
}
