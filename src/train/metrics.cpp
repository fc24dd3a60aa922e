#include "train/metrics.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_output.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCsvHeader =
    "step,images,loss,grad_norm,learning_rate,images_per_second,seconds,skipped\n";

/// Six digits are enough for a curve; NaN is "nan".
std::string number(double value) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6)
          .ptr;
  return {text.data(), end};
}
/// JSON has no NaN and no infinity.
std::string json_number(double value) { return std::isfinite(value) ? number(value) : "null"; }

/// The complete lines of a file; none when it does not exist.
std::vector<std::string> complete_lines(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!file.eof()) lines.push_back(std::move(line));
  }
  return lines;
}

/// The number behind `prefix` at the start of `line`.
std::optional<std::int64_t> leading_step(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  line.remove_prefix(prefix.size());
  std::int64_t step = 0;
  if (std::from_chars(line.data(), line.data() + line.size(), step).ec != std::errc())
    return std::nullopt;
  return step;
}

double seconds_in(std::string_view csv_line) {
  for (int column = 0; column < 6; ++column) csv_line.remove_prefix(csv_line.find(',') + 1);
  double seconds = 0.0;
  std::from_chars(csv_line.data(), csv_line.data() + csv_line.size(), seconds);
  return seconds;
}

/// Rewrites a file with its header and those of its lines that belong to steps up to `step`, and
/// returns the last of them.
std::string cut_after(const fs::path& path, std::string_view header, std::string_view prefix,
                      std::int64_t step) {
  std::string kept(header);
  std::string last;
  for (std::string& line : complete_lines(path)) {
    const auto line_step = leading_step(line, prefix);
    if (!line_step || *line_step > step) continue;
    kept += line + '\n';
    last = std::move(line);
  }
  write_file_durably(path, kept, Overwrite::allow);
  return last;
}

std::ofstream open_to_append(const fs::path& path) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  if (!file) fail(ErrorCode::io, path.string(), ": cannot be opened for writing");
  return file;
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& run_folder, std::int64_t step)
    : csv_path_(run_folder / "metrics.csv"), jsonl_path_(run_folder / "metrics.jsonl") {
  const std::string last = cut_after(csv_path_, kCsvHeader, "", step);
  if (!last.empty()) seconds_before_ = seconds_in(last);
  cut_after(jsonl_path_, "", "{\"step\": ", step);
  csv_ = open_to_append(csv_path_);
  jsonl_ = open_to_append(jsonl_path_);
}

void MetricsLog::write(const MetricsLine& line) {
  csv_ << line.step << ',' << line.images << ',' << number(line.loss) << ','
       << number(line.grad_norm) << ',' << number(line.learning_rate) << ','
       << number(line.images_per_second) << ',' << number(line.seconds) << ',' << line.skipped
       << std::endl;
  jsonl_ << "{\"step\": " << line.step << ", \"images\": " << line.images
         << ", \"loss\": " << json_number(line.loss)
         << ", \"grad_norm\": " << json_number(line.grad_norm)
         << ", \"learning_rate\": " << json_number(line.learning_rate)
         << ", \"images_per_second\": " << json_number(line.images_per_second)
         << ", \"seconds\": " << json_number(line.seconds) << ", \"skipped\": " << line.skipped
         << '}' << std::endl;
  if (!csv_) fail(ErrorCode::io, csv_path_.string(), ": cannot be written; is the disk full?");
  if (!jsonl_) fail(ErrorCode::io, jsonl_path_.string(), ": cannot be written; is the disk full?");
}

}  // namespace ddim::engine::train
