#pragma once

#include <ddim/file_bytes.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "job_board.h"
#include "model_shelf.h"
#include "server_limits.h"

namespace ddim::server {

// What clients are told, as JSON of one line.

/// `what`, and the field that is wrong, where it is one.
std::string error_json(int status, const std::string& field, const std::string& message);
/// A job, with the addresses of its results and the command that does the same.
std::string job_json(const Entry& entry, const EntryStatus& status, const ModelSource& source);
/// Its state alone, for an event.
std::string state_json(const EntryStatus& status);
std::string progress_json(const JobStatus& status);
/// Pictures beside each other in one PNG.
std::string preview_json(std::int64_t first, const StepPreview& preview);
/// The recipe of one of a job's pictures, and the command that makes it, or all of the job in one,
/// as only that can be said for some tasks. `place` is --model.
std::string recipe_json(const JobRequest& request, const Recipe& own, const Recipe& of_all,
                        const std::string& place);
std::string upload_json(const Upload& upload);
std::string models_json(const ModelShelf& shelf, const Limits& limits);
/// The answer to /v1/images/generations of the job with this id. `here` begins addresses.
std::string images_json(const std::string& id, const JobResult& result, const ImagesForm& form,
                        const std::string& here);

/// One line of a log, `time` in ISO 8601.
std::string access_json(const std::string& time, const std::string& peer, const std::string& method,
                        const std::string& target, int status, std::int64_t bytes, double ms);

/// Picture k as a PNG with its recipe.
std::string picture_png(const JobResult& result, std::int64_t k, std::int64_t scale = 1);
std::string text_of(const Bytes& bytes);
std::string base64(std::string_view bytes);

}  // namespace ddim::server
