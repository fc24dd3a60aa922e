#include "data_flags.h"

#include <ddim/colour.h>
#include <ddim/error.h>
#include <ddim/words.h>

#include <fmt/core.h>

#include <cctype>
#include <cstdio>

#include "terminal.h"

namespace ddim::cli {
namespace {

constexpr const char* kSplit =
    "the part to read: train, val or test; a data set that is not split is training data. Default: "
    "test, or all of a data set that is not split";

/// "With --data: use only", or "Use only" where nothing stands before.
std::string after(const std::string& when, std::string text) {
  if (!when.empty()) return when + text;
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

void print_notices(const DataReport& report) {
  for (const std::string& notice : report.notices) print_err("ddim: data: {}\n", notice);
}

}  // namespace

Option DataFlags::add_to(Command command, const std::string& description, const std::string& when,
                         Part part) {
  const Option data = command.add_option("--data", options_.data, description)
                          .envname("DDIM_DATA")
                          .type_name("DIR");
  for (const Option option : add_reading_to(command, when, part)) option.needs(data);
  return data;
}

std::vector<Option> DataFlags::add_reading_to(Command command, const std::string& when, Part part) {
  std::vector<Option> added;
  if (part == Part::chosen) {
    const Option split = command.add_option("--split", split_name_, after(when, kSplit))
                             .type_name("NAME")
                             .one_of(names_of<DataSplit>());
    added.push_back(split);
  }
  const Option max_images = command
                                .add_option("--max-images", options_.max_images,
                                            after(when, "use only the first N pictures"))
                                .positive();
  const Option skip_corrupt = command.add_flag(
      "--skip-corrupt", options_.read.skip_corrupt,
      after(when,
            "leave out files that cannot be read, instead of stopping, and name them in the end"));
  command
      .add_option(
          "--background", background_,
          "Colour behind transparent pictures, for models without alpha: white, black, grey or "
          "#rrggbb (default: as in the model's training, where its files tell, otherwise white)")
      .type_name("COLOUR")
      .check_range([](const std::string& text) {
        try {
          parse_colour(text);
          return std::string();
        } catch (const Error& error) {
          return std::string(error.what());
        }
      });
  added.push_back(max_images);
  added.push_back(skip_corrupt);
  return added;
}

DataOptions DataFlags::options_of(const std::filesystem::path& data) const {
  DataOptions options = options_;
  options.data = data;
  if (!split_name_.empty()) options.split = value_named<DataSplit>(split_name_);
  if (!background_.empty()) options.read.background = parse_colour(background_);
  options.read.report = [report = report_](const DataReport& found) {
    report->skipped.insert(report->skipped.end(), found.skipped.begin(), found.skipped.end());
    print_notices(found);
  };
  return options;
}

ReadOptions telling_notices() { return {.report = print_notices}; }

void DataFlags::print_skipped() const { print_skipped_files(report_->skipped); }

void print_skipped_files(const std::vector<std::string>& skipped) {
  if (skipped.empty()) return;
  print_err("ddim: data: {} {} left out, as {} cannot be read:\n", skipped.size(),
            skipped.size() == 1 ? "file was" : "files were", skipped.size() == 1 ? "it" : "they");
  for (const std::string& file : skipped) print_err("  {}\n", file);
}

}  // namespace ddim::cli
