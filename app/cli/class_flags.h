#pragma once

#include <ddim/class_choice.h>

#include <CLI/CLI.hpp>

namespace ddim::cli {

/// The flags that say of which class pictures are to be: --class, --guidance, --null-class.
class ClassFlags {
 public:
  void add_to(CLI::App& command);
  ClassChoice choice() const { return choice_; }

 private:
  ClassChoice choice_;
};

}  // namespace ddim::cli
