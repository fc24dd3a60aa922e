#include <ddim/file_bytes.h>

#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "io/file_tree.h"
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

io::Metadata metadata_of(const Codes& codes) {
  run::check_values(codes.x_T, "x_T");
  io::Metadata metadata = io::default_metadata();
  metadata[kTau] = join(codes.tau, ",", number_text);
  return metadata;
}

Codes codes_in(const io::SafetensorsFile& file, const std::filesystem::path& path) {
  Codes codes{.x_T = io::read_pictures(file, "x_T", path.string())};
  run::check_values(codes.x_T, path.string());
  const auto tau = file.metadata().find(kTau);
  if (tau != file.metadata().end()) codes.tau = parse_tau(tau->second, path);
  return codes;
}

}  // namespace

void write_codes(const std::filesystem::path& path, const Codes& codes, Overwrite overwrite) {
  io::write_pictures(path, "x_T", codes.x_T, overwrite, metadata_of(codes));
}

Codes read_codes(const std::filesystem::path& path) {
  return codes_in(io::SafetensorsFile::open(path), path);
}

Bytes codes_bytes(const Codes& codes) {
  return io::picture_bytes("x_T", codes.x_T, metadata_of(codes));
}

Codes codes_from_bytes(std::span<const std::byte> file, const std::string& name) {
  const io::FilesInMemory memory({{name, file}});
  return codes_in(io::SafetensorsFile::open(name, memory.map(name)), name);
}

}  // namespace ddim
