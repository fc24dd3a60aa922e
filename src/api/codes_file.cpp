#include <ddim/encode.h>

#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "io/picture_tensor.h"
#include "run/run_images.h"

namespace ddim {

using namespace engine;
namespace {

constexpr const char* kTau = "tau";  // of the file's metadata: "1,2.5,999"

std::vector<double> parse_tau(const std::string& text, const std::filesystem::path& path) {
  std::vector<double> tau;
  const char* position = text.data();
  const char* const end = position + text.size();
  while (position != end) {
    double t = 0.0;
    const auto [next, error] = std::from_chars(position, end, t);
    if (error != std::errc() || (next != end && *next != ','))
      fail(ErrorCode::corrupt, path.string(), ": its tau is not a list of numbers");
    tau.push_back(t);
    position = next == end ? end : next + 1;
  }
  return tau;
}

}  // namespace

void write_codes(const std::filesystem::path& path, const Codes& codes, Overwrite overwrite) {
  run::check_values(codes.x_T, "x_T");
  io::Metadata metadata = io::default_metadata();
  metadata[kTau] = join(codes.tau, ",", number_text);
  io::write_pictures(path, "x_T", codes.x_T, overwrite, metadata);
}

Codes read_codes(const std::filesystem::path& path) {
  Codes codes{.x_T = read_tensor(path, "x_T")};
  run::check_values(codes.x_T, path.string());
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  const auto tau = file.metadata().find(kTau);
  if (tau != file.metadata().end()) codes.tau = parse_tau(tau->second, path);
  return codes;
}

}  // namespace ddim
