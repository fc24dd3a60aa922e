#pragma once

#include <string_view>

#include "job_board.h"
#include "job_request.h"
#include "model_shelf.h"
#include "server_limits.h"
#include "wishes.h"

namespace ddim::server {

/// What the text of a request refers to.
struct RequestContext {
  const ModelShelf& shelf;
  const JobBoard& board;  ///< uploads, and earlier jobs' pictures and codes
  const Limits& limits;
  const WishReader& reader;
};

/// A job as the JSON of a client says it, checked as far as it can be without weights.
/// RequestError(400) for what is no JSON object, for a field that is unknown, of the wrong type or
/// out of its range, and for fields that contradict each other or the model; RequestError(404) for
/// an upload or a job that is not there. It names the field.
JobRequest parse_job(std::string_view json, const RequestContext& context);

/// A request in the form of OpenAI's API for images: prompt is a class of the model, where it has
/// classes.
struct ImagesRequest {
  JobRequest job;
  ImagesForm form = {};
};
ImagesRequest parse_images(std::string_view json, const RequestContext& context);

}  // namespace ddim::server
