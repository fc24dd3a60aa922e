// How much memory jobs take, about.
#pragma once

#include <cstdint>

#include "job_request.h"
#include "job_result.h"

namespace ddim::server {

/// What a job was given: pictures, codes, and lists of steps and classes.
std::int64_t input_bytes(const JobRequest& request);
/// Drops that, and whatever else only running it needs.
void forget_input(JobRequest& request);

/// What its result will take, of pictures of that shape.
std::int64_t result_bytes(const JobRequest& request, const PictureShape& shape);

/// What a result takes: pictures, frames, codes, and two recipes' texts.
std::int64_t kept_bytes(const JobResult& result);
/// What is left of a request without its input: names of files.
std::int64_t kept_bytes(const JobRequest& request);

}  // namespace ddim::server
