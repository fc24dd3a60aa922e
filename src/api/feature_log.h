#pragma once

#include <ddim/quality.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "io/picture_log.h"

namespace ddim {

/// Fills in the features and probabilities of a set, each picture's a row, and keeps them in a
/// file, in which another call finds them.
class FeatureLog {
 public:
  using Settings = engine::io::PictureLog::Settings;
  using Rows = std::vector<engine::io::PictureRange>;

  /// Goes on with the file of these settings in options.folder, or begins it: what is there is in
  /// `set` then. No folder: nothing is kept. `options` and `set` must outlive this.
  FeatureLog(const FeatureOptions& options, const Settings& settings, FeatureSet& set);

  /// Calls `compute` until all rows are there. It has to fill in the rows that it gets, and to call
  /// keep() for them, a thread at a time. Error(interrupted) when `stop` is requested while others
  /// have what is left.
  void fill(const std::function<void(const Rows&)>& compute, const std::stop_token& stop);
  /// Rows that are in the set now.
  void keep(std::int64_t first, std::int64_t count);

  /// Rows that are there, those of others who share the work too.
  std::int64_t num_done() const { return num_done_; }
  /// Error(interrupted) that says what is kept.
  [[noreturn]] void fail_stopped() const;

 private:
  /// Error(user) for a log of other features.
  void require_same(const engine::io::PictureLog& log) const;
  void read_found(const engine::io::PictureLog& log);
  /// With no folder: each rank has its part, and gets the others' at the end.
  void fill_by_ranks(const std::function<void(const Rows&)>& compute);
  void fill_by_blocks(const std::function<void(const Rows&)>& compute, const std::stop_token& stop);
  /// The file in one go, made in `folder`.
  void write_all(const std::filesystem::path& folder) const;
  std::vector<std::byte> bytes_of(const engine::io::PictureRange& rows) const;
  void take(const engine::io::PictureRange& rows, std::span<const std::byte> values);
  engine::io::PictureLog::Header header() const;
  std::size_t row_bytes() const {
    return static_cast<std::size_t>(set_.dimensions + set_.classes) * sizeof(float);
  }

  const FeatureOptions& options_;
  const Settings settings_;
  FeatureSet& set_;
  std::filesystem::path path_;  ///< empty: nothing is kept
  std::optional<engine::io::PictureLog> log_;
  Rows missing_;
  std::int64_t num_done_ = 0;
};

}  // namespace ddim
