#include <ddim/file_bytes.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "io/file_tree.h"
#include "io/picture_tensor.h"
#include "run/run_images.h"

namespace ddim {

using namespace engine;
namespace {

// Of the file's metadata:
constexpr const char* kTau = "tau";  // "1,2.5,999"
constexpr const char* kModelHash = "model_hash";

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

/// What no codes can have; "" for none.
std::string problem_of(const Codes& codes) {
  for (std::size_t i = 0; i < codes.tau.size(); ++i) {
    const double t = codes.tau[i];
    if (!std::isfinite(t) || t < 0.0 || (i > 0 && t <= codes.tau[i - 1]))
      return concat("tau does not rise from 0 on: entry ", i, " is ", t);
  }
  constexpr std::size_t kDigits = 64;
  const std::string& hash = codes.model_hash;
  const bool is_hash =
      hash.size() == kDigits && hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  return hash.empty() || is_hash ? ""
                                 : concat("model_hash is not ", kDigits, " hexadecimal digits");
}

io::Metadata metadata_of(const Codes& codes) {
  run::check_values(codes.x_T, "x_T");
  const std::string problem = problem_of(codes);
  require(problem.empty(), "codes: their ", problem);
  io::Metadata metadata = io::default_metadata();
  metadata[kTau] = join(codes.tau, ",", number_text);
  if (!codes.model_hash.empty()) metadata[kModelHash] = codes.model_hash;
  return metadata;
}

Codes codes_in(const io::SafetensorsFile& file, const std::filesystem::path& path) {
  Codes codes{.x_T = io::read_pictures(file, "x_T", path.string())};
  run::check_values(codes.x_T, path.string());
  const io::Metadata& metadata = file.metadata();
  if (const auto tau = metadata.find(kTau); tau != metadata.end())
    codes.tau = parse_tau(tau->second, path);
  if (const auto hash = metadata.find(kModelHash); hash != metadata.end())
    codes.model_hash = hash->second;
  if (const std::string problem = problem_of(codes); !problem.empty())
    fail(ErrorCode::corrupt, path.string(), ": its ", problem);
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
