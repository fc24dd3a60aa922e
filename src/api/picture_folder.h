#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "api/picture_job.h"
#include "io/image.h"

namespace ddim {

/// What a picture is that says nothing about itself.
enum class Unknown { is_the_same, is_another };

/// The folder of a job's pictures: a PNG file for each, whose name is its number (six digits), in a
/// folder of each run where there are several. Says which pictures are there, and which files may
/// be replaced.
class PictureFolder {
 public:
  /// `job` must outlive it.
  explicit PictureFolder(const PictureJob& job) : job_(job) {}

  /// Of picture k's run.
  std::filesystem::path folder_of(std::int64_t k) const;
  /// Whether a file may be that of a picture.
  static bool is_picture_name(std::string_view name);
  /// Whether a file is where picture k belongs.
  bool has_file(std::int64_t k) const;
  /// Whether picture k is there, by the same options. Error(user) where another picture is there
  /// and the job replaces none. A damaged file, as a loss of power leaves one, counts as none.
  bool has_picture(std::int64_t k, Unknown unknown) const;
  /// How many pictures are there.
  std::int64_t num_pictures() const;
  /// Writes picture k, unless it is there. Errors as has_picture(), also for a file that another
  /// process writes at the same moment.
  void keep(std::int64_t k, const Image& image) const;

  /// Error(user) about picture k, whose file is there already and is not replaced.
  [[noreturn]] void fail_existing(std::int64_t k, const std::string& advice) const;

 private:
  /// A file where picture k belongs.
  struct Found {
    enum class Kind { none, same, unknown, other } kind = Kind::none;
    std::string difference = {};  ///< of another one
    Image image = {};
  };
  Found find(std::int64_t k) const;
  std::filesystem::path file_of(std::int64_t k) const;
  Recipe recipe_of(std::int64_t k) const;
  [[noreturn]] void fail_other(std::int64_t k, const Found& found) const;

  const PictureJob& job_;
};

}  // namespace ddim
