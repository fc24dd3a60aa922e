#pragma once

#include <ddim/model_overrides.h>

#include <string>

#include "command_line.h"

namespace ddim::cli {

/// --size, and --schedule, --beta-start, --beta-end, --T, --prediction: what a model's files do not
/// say, or what is to be taken in their place. `ddim plan` has the latter without a model, too.
class ModelOverrideFlags {
 public:
  void add_to(Command command);
  void add_size_to(Command command);
  void add_process_to(Command command);

  /// Error(user) for a size that is none.
  ModelOverrides overrides() const;

 private:
  ModelOverrides values_;
  std::string size_;
  std::string schedule_;
  std::string prediction_;
};

}  // namespace ddim::cli
