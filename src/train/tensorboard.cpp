#include "train/tensorboard.h"

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLengthBytes = 8, kChecksumBytes = 4;
constexpr std::string_view kVersion = "brain.Event:2";

template <class Number>
std::string little_endian(Number number) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    bytes += static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
  return bytes;
}

std::uint64_t from_little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    number |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return number;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return std::rotr(crc, 15) + 0xa282ead8U;
}

// ---- protocol buffers: a tag is number * 8 + wire type ----

enum class Wire : std::uint64_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string varint(std::uint64_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>((number & 0x7f) | 0x80);
  return bytes + static_cast<char>(number);
}
std::string tag(std::uint64_t field, Wire wire) {
  return varint(field * 8 + static_cast<std::uint64_t>(wire));
}
std::string field_of(std::uint64_t field, std::string_view bytes) {
  return concat(tag(field, Wire::bytes), varint(bytes.size()), bytes);
}

// Event: 1 double wall_time, 2 int64 step, 3 string file_version, 5 Summary summary.
constexpr std::uint64_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5;

std::string time_and_step(std::int64_t step) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return concat(tag(kWallTime, Wire::fixed64), little_endian(std::bit_cast<std::uint64_t>(now)),
                tag(kStep, Wire::varint), varint(static_cast<std::uint64_t>(step)));
}

// Summary: repeated 1 Value. Value: 1 string tag, 2 float simple_value.
std::string scalar(std::string_view name, double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return field_of(1, concat(field_of(1, name), tag(2, Wire::fixed32), little_endian(bits)));
}

/// The step of an event that time_and_step() begins.
std::optional<std::int64_t> step_of(std::string_view event) {
  constexpr std::size_t kStepAt = 1 + 8 + 1;
  std::uint64_t step = 0;
  for (std::size_t i = kStepAt, shift = 0; i < event.size() && shift < 64; ++i, shift += 7) {
    const auto byte = static_cast<unsigned char>(event[i]);
    step |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return static_cast<std::int64_t>(step);
  }
  return std::nullopt;
}

/// The records of a file up to `step`: those that are whole, but for what follows a damaged length.
std::string kept_records(std::string_view file, std::int64_t step) {
  std::string kept;
  while (file.size() >= kLengthBytes + 2 * kChecksumBytes) {
    const std::uint64_t length = from_little_endian(file.substr(0, kLengthBytes));
    if (length > file.size() - kLengthBytes - 2 * kChecksumBytes) break;
    const auto size = static_cast<std::size_t>(length);
    const std::string_view event = file.substr(kLengthBytes + kChecksumBytes, size);
    const std::string record = tensorboard_record(event);
    constexpr std::size_t kHead = kLengthBytes + kChecksumBytes;
    if (file.substr(0, kHead) != std::string_view(record).substr(0, kHead)) break;
    const std::optional<std::int64_t> event_step = step_of(event);
    const bool is_whole = file.substr(0, record.size()) == record;
    if (is_whole && event_step && *event_step <= step) kept += record;
    file.remove_prefix(record.size());
  }
  return kept;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  constexpr std::uint32_t kReflected = 0x82f63b78;
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit)
        table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? kReflected : 0);
    }
    return table;
  }();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes)
    crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::string tensorboard_record(std::string_view bytes) {
  const std::string length = little_endian(static_cast<std::uint64_t>(bytes.size()));
  return concat(length, little_endian(masked_crc32c(length)), bytes,
                little_endian(masked_crc32c(bytes)));
}

bool cut_events(const fs::path& run_folder, std::int64_t step) {
  const fs::path path = run_folder / events_file();
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 32;
  const std::optional<std::string> before = read_file_if_there(path, kMaxBytes);
  if (!before) return false;
  const std::string kept = kept_records(*before, step);
  if (kept != *before) write_file_durably(path, kept, Overwrite::allow);
  return !kept.empty();
}

TensorboardLog::TensorboardLog(const fs::path& run_folder, std::int64_t step) {
  const fs::path path = run_folder / events_file();
  make_folders(path.parent_path());
  if (!cut_events(run_folder, step))
    write_file_durably(
        path, tensorboard_record(concat(time_and_step(0), field_of(kFileVersion, kVersion))),
        Overwrite::allow);
  file_.emplace(path);
}

void TensorboardLog::write(const MetricsLine& line) {
  std::string summary;
  using Scalar = std::pair<const char*, std::optional<double>>;
  for (const auto& [name, value] : {Scalar{"loss", line.loss},
                                    {"validation_loss", line.validation_loss},
                                    {"eps_error", line.eps_error},
                                    {"kernel_distance", line.kernel_distance},
                                    {"grad_norm", line.grad_norm},
                                    {"learning_rate", line.learning_rate},
                                    {"images_per_second", line.images_per_second}}) {
    if (value && std::isfinite(*value)) summary += scalar(name, *value);
  }
  file_->add(tensorboard_record(concat(time_and_step(line.step), field_of(kSummary, summary))));
}

}  // namespace ddim::engine::train
