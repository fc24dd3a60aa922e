#pragma once

#include <ddim/data_options.h>

#include <memory>
#include <string>
#include <vector>

#include "command_line.h"

namespace ddim::cli {

/// Data sets to read: --data, --split (where a part is chosen), --max-images, --skip-corrupt and
/// --background.
class DataFlags {
 public:
  /// Whether --split chooses a part of the data set; the command takes more than one otherwise.
  enum class Part { chosen, several };
  /// Adds --data, whose help is `description`, and returns it. The help of the others begins with
  /// `when`.
  Option add_to(Command command, const std::string& description, const std::string& when = "",
                Part part = Part::chosen);
  /// Adds the others, and returns those that say something about a data set.
  std::vector<Option> add_reading_to(Command command, const std::string& when = "",
                                     Part part = Part::chosen);

  const std::filesystem::path& data() const { return options_.data; }
  bool given() const { return !options_.data.empty(); }
  /// Notices are printed when the data set has been read.
  DataOptions options() const { return options_of(options_.data); }
  /// The same for another data set, which is read in the same way.
  DataOptions options_of(const std::filesystem::path& data) const;
  /// After the command's work: how many files were left out, and which.
  void print_skipped() const;

 private:
  DataOptions options_;
  std::string split_name_;
  std::string background_;
  std::shared_ptr<DataReport> report_ = std::make_shared<DataReport>();
};

/// Prints what was odd in files that were read.
ReadOptions telling_notices();

/// On standard error: "N files were left out, as they cannot be read:" and a line for each.
void print_skipped_files(const std::vector<std::string>& skipped);

}  // namespace ddim::cli
