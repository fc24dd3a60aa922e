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
/// file or as floats in a .safetensors file. --scale, and --columns where these can be chosen, say
/// what the grid looks like.
class PictureOutput {
 public:
  using Text = std::map<std::string, std::string>;

  PictureOutput() = default;
  PictureOutput(const PictureOutput&) = delete;  ///< what the flags depend on is looked up here
  PictureOutput& operator=(const PictureOutput&) = delete;

  /// `contents` completes "PNG grid of ".
  Option add_to(Command command, const std::string& contents);
  /// After add_to().
  void add_columns_to(Command command);
  bool given() const { return !path_.empty(); }
  const std::filesystem::path& path() const { return path_; }

  /// Among the files of a command, which are checked before a model is loaded;
  /// `otherwise` as of Files::writes().
  void add_to(Files& files, const std::string& otherwise = "") const;
  std::optional<std::int64_t> columns() const { return columns_; }
  /// Of so many pictures: with --columns, unless the command says how many there are.
  GridOptions grid(std::int64_t count, const PictureShape& shape,
                   std::optional<std::int64_t> columns) const;
  GridOptions grid(std::int64_t count, const PictureShape& shape) const {
    return grid(count, shape, columns_);
  }
  /// The same as a check of its own.
  void check(Overwrite overwrite) const;
  /// Before anything is computed: Error(user) when a PNG cannot hold such pictures.
  void check(const PictureShape& shape) const;
  /// The same, also when a grid of `count` of them is too large for a PNG.
  void check(const PictureShape& shape, std::int64_t count, const GridOptions& grid) const;
  /// `grid`, the recipe and `text` are for a PNG.
  void write(const Samples& samples, const GridOptions& grid, Overwrite overwrite) const;
  void write(const FloatImages& pictures, const GridOptions& grid, const Text& text,
             Overwrite overwrite) const;

 private:
  /// Says nothing where there is no grid.
  void depends_on_grid(Option flag);
  bool write_other(const FloatImages& pictures, Overwrite overwrite) const;

  std::filesystem::path path_;
  std::optional<std::int64_t> columns_;
  std::string scale_ = "1";
  Option out_;
};

/// What can be done about it.
inline constexpr const char* kOtherNames = "choose a name that ends in .safetensors or .npz";
inline constexpr const char* kSampleWritesThem =
    "ddim sample writes such pictures, to names that end in .safetensors or .npz";
/// Error(user) when a PNG cannot hold such pictures; `flag` and `instead`, what else to do, are for
/// the message.
void check_png_shape(const PictureShape& shape, const std::string& flag,
                     const std::string& instead);

/// One line, or one JSON object, about pictures that were drawn into `out`.
void print_drawn(const Samples& samples, const std::filesystem::path& out, bool json);

/// Says that clamping loses what a code would need to bring back.
void warn_of_clipping();

}  // namespace ddim::cli
