#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "api/picture_job.h"
#include "io/picture_log.h"

namespace ddim {

/// What a name of an output stands for.
enum class OutputKind { grid, npz, safetensors, folder };

/// Error(user) for a name that says nothing.
OutputKind output_kind_of(const std::filesystem::path& out);

/// What an unfinished run must have in common with one that goes on with it.
engine::io::PictureLog::Settings settings_of(const PictureJob& job);

/// A range of pictures in parts of at most `most`, each of one run.
std::vector<engine::io::PictureRange> blocks_of(const engine::io::PictureRange& range,
                                                std::int64_t most, const PictureJob& job);

/// The options of some consecutive pictures of one run.
SampleOptions part_of(const PictureJob& job, const engine::io::PictureRange& range,
                      const RunOptions& run);

/// Where finished pictures are kept.
class Destination {
 public:
  virtual ~Destination() = default;
  virtual std::vector<engine::io::PictureRange> missing() const = 0;
  virtual void add(std::int64_t first, const FloatImages& pictures) = 0;
  /// Makes what was added safe from a loss of power.
  virtual void sync() = 0;
  /// Makes the output of all pictures.
  virtual void finish() = 0;
  /// When all outputs are made: removes what another try would have needed.
  virtual void clean_up() = 0;
  /// Where a person finds them.
  virtual std::string place() const = 0;
  /// Leaves nothing behind when no picture was finished.
  virtual void give_up_if_empty() = 0;
};

/// The file that keeps the pictures of a run that is not finished.
std::filesystem::path log_path(const std::filesystem::path& out);

/// Those that job.files names. `job` must outlive them. Errors as sample_to_files(), for what is
/// there already; where a job is put together, these come when the output is made.
std::vector<std::unique_ptr<Destination>> destinations_of(const PictureJob& job, OutputKind kind);

/// Makes all outputs. Where one of them cannot be made, what all were to be made of is still there
/// to resume.
void finish_all(const std::vector<std::unique_ptr<Destination>>& all);

}  // namespace ddim
