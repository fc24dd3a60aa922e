#include "model/weights_hash.h"

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "base/workers.h"

namespace ddim::engine::model {

static_assert(std::endian::native == std::endian::little);

std::string weights_hash(const UNet& unet, int num_threads) {
  const std::vector<const Parameter*>& parameters = unet.parameters();
  std::vector<std::string> lines(parameters.size());
  run_workers(num_threads, static_cast<std::int64_t>(lines.size()), [&](std::int64_t i) {
    const Parameter& parameter = *parameters[static_cast<std::size_t>(i)];
    const std::vector<float> values = to_host(parameter.value);
    lines[static_cast<std::size_t>(i)] = concat(parameter.name, " ", parameter.value.shape(), " ",
                                                sha256_hex(std::as_bytes(std::span(values))), "\n");
  });
  std::ranges::sort(lines);
  Sha256 hash;
  for (const std::string& line : lines) hash.update(std::as_bytes(std::span(line)));
  return hash.finish_hex();
}

}  // namespace ddim::engine::model
