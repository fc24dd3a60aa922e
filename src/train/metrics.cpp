#include "train/metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCsvHeader =
    "step,images,loss,grad_norm,learning_rate,images_per_second,seconds,skipped,validation_loss,"
    "eps_error,kernel_distance\n";

/// Six digits are enough for a curve; NaN is "nan", whatever its sign.
std::string six_digits(double value) {
  if (std::isnan(value)) return "nan";
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6)
          .ptr;
  return {text.data(), end};
}
/// JSON has no NaN and no infinity.
std::string json_number(double value) { return std::isfinite(value) ? six_digits(value) : "null"; }

/// Hands the complete lines of a file from byte `first` on to `sink`, and the byte behind each;
/// none when it does not exist. Error(io) when it cannot be read.
void for_each_line(const fs::path& path, std::uint64_t first,
                   const std::function<void(std::string_view line, std::uint64_t end)>& sink) {
  std::uint64_t end = first;
  std::string rest;  // of the piece before, without the end of its line
  read_pieces_if_there(path, first, [&](std::span<const std::byte> bytes) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (auto length = text.find('\n'); length != text.npos; length = text.find('\n')) {
      rest += text.substr(0, length);
      end += rest.size() + 1;
      sink(rest, end);
      rest.clear();
      text.remove_prefix(length + 1);
    }
    rest += text;
  });
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

constexpr std::size_t kNumColumns = 11;

/// The columns of a line, the missing ones empty.
std::vector<std::string> columns_of(std::string_view line) {
  std::vector<std::string> columns(1);
  for (const char letter : line) {
    if (letter == ',')
      columns.emplace_back();
    else
      columns.back() += letter;
  }
  columns.resize(std::max(columns.size(), kNumColumns));
  return columns;
}

double value_of(const std::string& column) {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::from_chars(column.data(), column.data() + column.size(), value);
  return value;
}

/// Of what was not measured the column is empty.
std::optional<double> measured_value_of(const std::string& column) {
  return column.empty() ? std::nullopt : std::optional(value_of(column));
}

MetricsLine line_of(std::string_view text, const fs::path& path) {
  const std::vector<std::string> columns = columns_of(text);
  const auto whole = [&](std::size_t column) {
    std::int64_t value = 0;
    const std::string& digits = columns[column];
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
      fail(ErrorCode::corrupt, path.string(), ": \"", text, "\" is not a line of metrics");
    return value;
  };
  return {.step = whole(0),
          .images = whole(1),
          .loss = value_of(columns[2]),
          .grad_norm = value_of(columns[3]),
          .learning_rate = value_of(columns[4]),
          .images_per_second = value_of(columns[5]),
          .seconds = value_of(columns[6]),
          .skipped = whole(7),
          .validation_loss = measured_value_of(columns[8]),
          .eps_error = measured_value_of(columns[9]),
          .kernel_distance = measured_value_of(columns[10])};
}

/// Commas for the columns that a line of an earlier version lacks.
std::string padded(std::string_view line) {
  const auto commas = static_cast<std::size_t>(std::ranges::count(line, ','));
  return concat(line, std::string(kNumColumns - 1 - std::min(commas, kNumColumns - 1), ','));
}

/// What is kept of a file: its header and those of its lines that belong to steps up to `step`.
struct KeptLines {
  std::string text;
  std::string last;  ///< of the lines; empty when there is none
};

KeptLines lines_up_to(std::int64_t step, const fs::path& path, std::string_view header,
                      std::string_view prefix) {
  KeptLines kept{.text = std::string(header), .last = ""};
  for_each_line(path, 0, [&](std::string_view line, std::uint64_t) {
    const auto line_step = leading_step(line, prefix);
    if (!line_step || *line_step > step) return;
    kept.last = header.empty() ? std::string(line) : padded(line);
    kept.text += kept.last + '\n';
  });
  return kept;
}

constexpr std::string_view kCsvPrefix = "", kJsonPrefix = "{\"step\": ";

std::string csv_text(const MetricsLine& line) {
  TextStream csv;
  csv << line.step << ',' << line.images << ',' << six_digits(line.loss) << ','
      << six_digits(line.grad_norm) << ',' << six_digits(line.learning_rate) << ','
      << six_digits(line.images_per_second) << ',' << six_digits(line.seconds) << ','
      << line.skipped;
  for (const auto& measured : {line.validation_loss, line.eps_error, line.kernel_distance})
    csv << ',' << (measured ? six_digits(*measured) : "");
  csv << '\n';
  return csv.str();
}

std::string json_text(const MetricsLine& line) {
  TextStream json;
  json << kJsonPrefix << line.step << ", \"images\": " << line.images
       << ", \"loss\": " << json_number(line.loss)
       << ", \"grad_norm\": " << json_number(line.grad_norm)
       << ", \"learning_rate\": " << json_number(line.learning_rate)
       << ", \"images_per_second\": " << json_number(line.images_per_second)
       << ", \"seconds\": " << json_number(line.seconds) << ", \"skipped\": " << line.skipped;
  for (const auto& [name, measured] : {std::pair{"validation_loss", line.validation_loss},
                                       {"eps_error", line.eps_error},
                                       {"kernel_distance", line.kernel_distance}})
    if (measured) json << ", \"" << name << "\": " << json_number(*measured);
  json << "}\n";
  return json.str();
}

}  // namespace

MetricsReader::MetricsReader(const fs::path& run_folder) : path_(run_folder / "metrics.csv") {}

void MetricsReader::read_on(const std::function<void(const MetricsLine&)>& sink) {
  for_each_line(path_, position_, [&](std::string_view line, std::uint64_t end) {
    if (!line.starts_with("step,")) sink(line_of(line, path_));
    position_ = end;
  });
}

MetricsLog::MetricsLog(const fs::path& run_folder, std::int64_t step)
    : csv_path_(run_folder / "metrics.csv"), jsonl_path_(run_folder / "metrics.jsonl") {
  const KeptLines csv = lines_up_to(step, csv_path_, kCsvHeader, kCsvPrefix);
  const KeptLines jsonl = lines_up_to(step, jsonl_path_, "", kJsonPrefix);
  if (!csv.last.empty()) last_kept_ = line_of(csv.last, csv_path_);
  write_file_durably(csv_path_, csv.text, Overwrite::allow);
  write_file_durably(jsonl_path_, jsonl.text, Overwrite::allow);
  csv_.emplace(csv_path_);
  jsonl_.emplace(jsonl_path_);
}

void MetricsLog::write(const MetricsLine& line) {
  csv_->add(csv_text(line));
  jsonl_->add(json_text(line));
}

void MetricsLog::replace_last_kept(const MetricsLine& line) {
  ensure(last_kept_ && last_kept_->step == line.step, "it must be of the same step");
  const auto before = [&](const fs::path& path, std::string_view header, std::string_view prefix) {
    return lines_up_to(line.step - 1, path, header, prefix).text;
  };
  write_file_durably(jsonl_path_, before(jsonl_path_, "", kJsonPrefix) + json_text(line),
                     Overwrite::allow);
  jsonl_.emplace(jsonl_path_);
  write_file_durably(csv_path_, before(csv_path_, kCsvHeader, kCsvPrefix) + csv_text(line),
                     Overwrite::allow);
  csv_.emplace(csv_path_);
  last_kept_ = line;
}

}  // namespace ddim::engine::train
