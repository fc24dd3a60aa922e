#pragma once

#include <ddim/encode.h>
#include <ddim/filmstrip.h>
#include <ddim/model.h>
#include <ddim/reconstruct.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "job_request.h"

namespace ddim::server {

/// What came of a job.
struct JobResult {
  Samples samples = {};  ///< the pictures, with the recipe of all; of encode the codes, without one
  std::vector<std::int64_t> classes = {};    ///< of the pictures that `sample` drew; else empty
  Recipe of_first = {};                      ///< that of the first picture alone
  std::vector<std::string> starts = {};      ///< x_T in that of each; empty: they have the first's
  std::optional<std::int64_t> columns = {};  ///< of their grid, where the job decides it
  std::vector<FilmFrame> frames = {};        ///< of filmstrip
  Codes codes = {};                          ///< of encode
  CodeStatistics statistics = {};            ///< of encode
};

/// The recipe of picture k alone.
Recipe recipe_of_picture(const JobResult& result, std::int64_t k);

/// Told of what some of a job's pictures will become: `first` counts from its first.
using ShowPreview = std::function<void(std::int64_t first, const StepPreview& preview)>;

/// Does what was asked for. Errors as the library's calls.
JobResult run_job(const Model& model, const JobRequest& request, const RunOptions& run,
                  const ShowPreview& preview);

/// Whether requests can be drawn in one batch: alike but for seeds, numbers and classes, and
/// without any randomness but the noise that they begin with.
bool fit_together(const JobRequest& a, const JobRequest& b, const Model& described);

/// Draws requests that fit together, each of which gets what run_job() would give it.
/// `preview` is called with the number of the request.
std::vector<JobResult> run_together(
    const Model& model, std::span<const JobRequest* const> requests, const RunOptions& run,
    const std::function<void(std::size_t request, std::int64_t first, const StepPreview&)>&
        preview);

}  // namespace ddim::server
