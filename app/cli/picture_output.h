#pragma once

#include <ddim/sample.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "command_line.h"
#include "outputs.h"

namespace ddim::cli {

/// --out: one PNG grid of all pictures; or, for any number of channels, all as bytes in an .npz
/// file or as floats in a .safetensors file.
class PictureOutput {
 public:
  using Text = std::map<std::string, std::string>;

  /// `contents` completes "PNG grid of ".
  Option add_to(Command command, const std::string& contents);
  bool given() const { return !path_.empty(); }
  const std::filesystem::path& path() const { return path_; }

  /// Among the files of a command, which are checked before a model is loaded.
  void add_to(Files& files) const;
  /// The same as a check of its own.
  void check(Overwrite overwrite) const;
  /// Error(user) for a number of columns where there is no grid.
  void check_columns(std::optional<std::int64_t> columns) const;
  /// Before anything is computed: Error(user) when a PNG cannot hold such pictures.
  void check(const PictureShape& shape) const;
  /// The same, also when a grid of `count` of them is too large for a PNG.
  void check(const PictureShape& shape, std::int64_t count,
             std::optional<std::int64_t> columns) const;
  /// `columns`, the recipe and `text` are for a PNG.
  void write(const Samples& samples, std::optional<std::int64_t> columns,
             Overwrite overwrite) const;
  void write(const FloatImages& pictures, std::int64_t columns, const Text& text,
             Overwrite overwrite) const;

 private:
  bool write_other(const FloatImages& pictures, Overwrite overwrite) const;

  std::filesystem::path path_;
};

/// Error(user) when a PNG cannot hold such pictures; `flag` is for the message.
void check_png_shape(const PictureShape& shape, const std::string& flag);

/// One line, or one JSON object, about pictures that were drawn into `out`.
void print_drawn(const Samples& samples, const std::filesystem::path& out, bool json);

/// Says that clamping loses what a code would need to bring back.
void warn_of_clipping();

}  // namespace ddim::cli
