#pragma once

#include <ddim/pictures.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --resize
class ResizeFlag {
 public:
  void add_to(Command command) {
    resize_.add_to(command, "--resize", "crop",
                   "Pictures of another size: --resize cuts out the middle square and resizes it, "
                   "--resize=pad puts black around smaller ones; without, they are refused");
  }
  SizeMismatch value() const { return resize_.value(); }

 private:
  ChoiceFlag<SizeMismatch> resize_{
      {{"refuse", SizeMismatch::refuse}, {"crop", SizeMismatch::crop}, {"pad", SizeMismatch::pad}}};
};

/// Pictures to work on: files, or --data with --split and --max-images; and --resize.
class PictureFlags {
 public:
  void add_to(Command command);
  /// Files win over --data. Throws Error(user) when there are neither; otherwise as
  /// load_pictures() and load_data_set().
  FloatImages load(const Model& model) const;

 private:
  std::vector<std::filesystem::path> files_;
  std::filesystem::path data_;
  ChoiceFlag<DataSplit> split_{{{"test", DataSplit::test}, {"train", DataSplit::train}}};
  std::optional<std::int64_t> max_images_;
  ResizeFlag resize_;
};

}  // namespace ddim::cli
