#pragma once

#include <ddim/pictures.h>

#include <string>

#include "choice_flag.h"
#include "data_flags.h"
#include "outputs.h"

namespace ddim::cli {

/// --resize
class ResizeFlag {
 public:
  Option add_to(Command command, const std::string& otherwise = "such pictures are refused") {
    return fit_.add_to(
        command, "--resize", Fit::crop_resize,
        "Fit pictures of another size: --resize or --resize crop-resize (crop to the model's "
        "proportions around the centre, then resize), or --resize pad (add a black border); "
        "without this flag, " +
            otherwise);
  }
  Fit value() const { return fit_.value(); }

 private:
  ChoiceFlag<Fit> fit_;
};

/// Pictures to work on: files, or --data with its flags; and --resize.
class PictureFlags {
 public:
  void add_to(Command command);
  /// Error(user) when there are neither files nor --data.
  void check() const;
  /// Among the files of a command.
  void add_to(Files& files) const;
  /// Errors as check(), load_pictures() and load_data_set().
  FloatImages load(const Model& model) const;
  /// After the command's work: DataFlags::print_skipped().
  void print_skipped() const { data_.print_skipped(); }

 private:
  std::vector<std::filesystem::path> files_;
  DataFlags data_;
  ResizeFlag resize_;
};

}  // namespace ddim::cli
