#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/appended_file.h"
#include "train/metrics.h"

namespace ddim::engine::train {

inline constexpr const char* kTensorboardFolder = "tensorboard";
/// Of a run's folder.
inline std::filesystem::path events_file() {
  return std::filesystem::path(kTensorboardFolder) / "events.out.tfevents.ddim";
}

/// The event file of a run, RUN/tensorboard/events.out.tfevents.ddim: TensorFlow's record format,
/// each record with the masked CRC-32C of its length and of its bytes, which are a protocol buffer
/// `Event` with the scalars of a line of metrics.
class TensorboardLog {
 public:
  /// Goes on after `step`, as cut_events(). Error(io) when the file cannot be written, or is there
  /// and cannot be read: it stays then.
  TensorboardLog(const std::filesystem::path& run_folder, std::int64_t step);

  void write(const MetricsLine& line);

 private:
  std::optional<AppendedFile> file_;
};

/// Removes the records of steps after `step`, and a last one that was cut short, from the event
/// file of a run, if there is one; whether others are left. Error(io) when it cannot be read or
/// written: it stays.
bool cut_events(const std::filesystem::path& run_folder, std::int64_t step);

/// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected.
std::uint32_t crc32c(std::string_view bytes);

/// A record of the format: length, its checksum, the bytes, their checksum.
std::string tensorboard_record(std::string_view bytes);

}  // namespace ddim::engine::train
