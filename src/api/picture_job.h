#pragma once

#include <ddim/sample_files.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "api/model_implementation.h"

namespace ddim {

/// Everything about the run that a call has to know.
struct PictureJob {
  const Model& model;
  std::vector<SampleOptions> runs;  ///< with the plan
  const SampleFiles& files;
  Recipe recipe;  ///< of all runs
  /// Where the logs of files are that are put together of what processes drew: another process,
  /// taken for gone, may have begun to, and it may go on. Empty for a process that draws by itself,
  /// whose logs are beside the files.
  std::filesystem::path logs = {};

  bool is_put_together() const { return !logs.empty(); }
  PictureShape shape() const { return model.info().shape; }
  std::int64_t count_of_run() const { return runs.front().count; }
  std::int64_t count() const { return std::ssize(runs) * count_of_run(); }
  /// The run of picture k of all, and its place in that run.
  const SampleOptions& run_of(std::int64_t k) const {
    return runs[static_cast<std::size_t>(k / count_of_run())];
  }
  std::int64_t place(std::int64_t k) const { return k % count_of_run(); }
  /// Its number, as its run counts.
  std::int64_t number(std::int64_t k) const { return run_of(k).first_image + place(k); }
};

}  // namespace ddim
