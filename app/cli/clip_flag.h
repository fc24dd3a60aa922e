#pragma once

#include <ddim/plan.h>

#include <string>

#include "choice_flag.h"

namespace ddim::cli {

/// --clip of the commands that have no dynamic threshold: none, keep-eps (--clip alone),
/// rederive-eps.
class ClipFlag {
 public:
  void add_to(Command command, const std::string& description) {
    clip_.add_to(command, "--clip", "keep-eps", description);
  }
  Clip value() const { return clip_.value(); }

 private:
  ChoiceFlag<Clip> clip_{
      {{"none", Clip::none}, {"keep-eps", Clip::keep_eps}, {"rederive-eps", Clip::rederive_eps}}};
};

}  // namespace ddim::cli
