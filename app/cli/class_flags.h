#pragma once

#include <ddim/class_choice.h>

#include "command_line.h"

namespace ddim::cli {

/// The flags that say of which class pictures are to be: --class, --guidance, --null-class.
class ClassFlags {
 public:
  void add_to(Command command);
  ClassChoice choice() const { return choice_; }

 private:
  ClassChoice choice_;
};

}  // namespace ddim::cli
