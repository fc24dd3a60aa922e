#pragma once

#include <ddim/json.h>
#include <ddim/plan.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server_limits.h"

namespace ddim::server {

/// A number, or a text that says what it is.
using WishItem = std::variant<std::uint64_t, std::string>;

/// What a request says, field by field, before it is checked against a model.
struct Wishes {
  std::string task = "sample", model = {}, as = "paper", resize = "none", init_by = "noise";
  std::string sampler = "ddim", clip = "none", final_alpha = "one", dequantise = "none";
  std::string init_image = {}, mask = {}, codes = {};
  std::int64_t steps = PlanOptions{}.steps, steps_offset = 0;
  double tolerance = PlanOptions{}.tolerance;
  std::optional<double> strength = {};  ///< default: usual_strength()
  double eta = 0.0, clip_range = 1.0, threshold = 0.995;
  double threshold_max = std::numeric_limits<double>::infinity();
  bool sigma_hat = false, exact = false, other_weights = false;
  Tau tau = TauKind::linear;
  std::int64_t count = 1, first_image = 0, preview_every = 0;
  std::optional<std::int64_t> frames = {};  ///< default: usual_frames()
  std::uint64_t seed = 0;
  double guidance = 1.0;
  std::optional<std::int64_t> null_class = {};
  std::vector<WishItem> classes = {}, ends = {}, pictures = {};
  std::set<std::string> given = {};  ///< the fields that the request has

  bool has(const std::string& field) const { return given.contains(field); }
};

/// The same of a request in the form of OpenAI's API for images.
struct ImagesWishes {
  Wishes job;
  std::string prompt;
  std::string size;         ///< "auto" or WIDTHxHEIGHT
  bool as_address = false;  ///< the pictures, not as base64
};

/// Reads the JSON of requests. RequestError(400) for what is no JSON object, and for a field that
/// is unknown, of the wrong type or out of its range. It names the field. May be used from all
/// threads.
class WishReader {
 public:
  explicit WishReader(const Limits& limits);
  ~WishReader();
  WishReader(const WishReader&) = delete;
  WishReader& operator=(const WishReader&) = delete;

  Wishes read_job(std::string_view json) const;
  ImagesWishes read_images(std::string_view json) const;

  /// The fields as JSON schemas, with their ranges.
  Json job_schema() const;
  Json images_schema() const;

  /// The field that an error of the library is about: the first that its message names.
  std::string field_in(const std::string& message) const;

 private:
  struct Fields;
  std::vector<std::string> images_names() const;  ///< of all fields of that form
  const std::unique_ptr<const Fields> fields_;
};

/// RequestError(400): "FIELD: MESSAGE"
[[noreturn]] void refuse(const std::string& field, const std::string& message);

}  // namespace ddim::server
