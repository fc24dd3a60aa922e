#pragma once

#include <ddim/animation.h>
#include <ddim/picture_shape.h>

#include <filesystem>
#include <span>
#include <string>

#include "command_line.h"
#include "outputs.h"

namespace ddim::cli {

/// --animation NAME.webp and --frame-ms: the command's pictures as an animation, too.
class AnimationFlags {
 public:
  void add_to(Command command, const std::string& description);
  /// Among the files of a command.
  void add_to(Files& files) const;
  bool given() const { return !file_.empty(); }
  int frame_ms() const { return frame_ms_; }

  /// Error(user) where this build can write none.
  void check() const;
  /// Error(user) where none can hold such pictures.
  void check(const PictureShape& shape) const;
  void write(std::span<const Image> frames, Overwrite overwrite) const;

 private:
  std::filesystem::path file_;
  int frame_ms_ = AnimationOptions{}.frame_ms;
};

}  // namespace ddim::cli
