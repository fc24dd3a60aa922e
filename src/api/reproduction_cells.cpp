#include <algorithm>
#include <charconv>

#include "api/reproduction.h"
#include "api/settings_difference.h"
#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/one_line.h"
#include "base/text.h"

namespace ddim::reproduction {

using namespace engine;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxCellBytes = std::size_t{64} << 20;
constexpr std::string_view kRecipe = "recipe.", kValue = "value.", kPictures = "pictures.";

/// Table 1 of the paper, by rows of all_noises() and the columns 10, 20, 50, 100, 1000.
constexpr std::int64_t kColumns[] = {10, 20, 50, 100, 1000};
constexpr double kCifar10[][5] = {{13.36, 6.84, 4.67, 4.16, 4.04},
                                  {14.04, 7.11, 4.77, 4.25, 4.09},
                                  {16.66, 8.35, 5.25, 4.46, 4.29},
                                  {41.07, 18.36, 8.01, 5.78, 4.73},
                                  {367.43, 133.37, 32.72, 9.99, 3.17}};
constexpr double kCelebA[][5] = {{17.33, 13.73, 9.17, 6.53, 3.51},
                                 {17.66, 14.11, 9.51, 6.79, 3.64},
                                 {19.86, 16.06, 11.01, 8.09, 4.28},
                                 {33.12, 26.03, 18.48, 13.93, 5.98},
                                 {299.71, 183.83, 71.71, 45.20, 3.26}};
/// Table 3: eta 0, then eta 1.
constexpr double kBedroom[][4] = {{16.95, 8.89, 6.75, 6.62}, {42.78, 22.77, 10.81, 6.81}};
constexpr double kChurch[][4] = {{19.45, 12.47, 10.84, 10.58}, {51.56, 23.37, 11.16, 8.27}};

std::optional<std::size_t> column_of(std::int64_t steps) {
  const auto* const found = std::ranges::find(kColumns, steps);
  if (found == std::end(kColumns)) return std::nullopt;
  return static_cast<std::size_t>(found - std::begin(kColumns));
}

/// "0.5,0.25"; nothing for another text.
std::optional<std::vector<double>> numbers_of(std::string_view text) {
  std::vector<double> numbers;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data();; ++at) {
    double number = 0.0;
    const auto [last, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    numbers.push_back(number);
    if (last == end) return numbers;
    if (*last != ',') return std::nullopt;
    at = last;
  }
}

}  // namespace

const std::vector<Noise>& all_noises() {
  static const std::vector<Noise> all{
      {.name = "eta 0", .eta = 0.0, .clip = {}, .colour = "#2a6fbb"},
      {.name = "eta 0.2", .eta = 0.2, .clip = {}, .colour = "#3c9d8f"},
      {.name = "eta 0.5", .eta = 0.5, .clip = {}, .colour = "#7a9a2e"},
      {.name = "eta 1", .eta = 1.0, .clip = {}, .colour = "#d98a2b"},
      {.name = "sigma-hat",
       .eta = SigmaHat{},
       .clip = {.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive},
       .colour = "#b83a4b"}};
  return all;
}
std::span<const std::int64_t> steps_of_paper() { return kColumns; }

const Noise& no_noise() { return all_noises()[0]; }
const Noise& ddpm_noise() { return all_noises()[3]; }
const Noise& sigma_hat_noise() { return all_noises()[4]; }

std::optional<double> paper_table_1(TauKind tau, const Noise& noise, std::int64_t steps) {
  const auto row = static_cast<std::size_t>(&noise - all_noises().data());
  const auto column = column_of(steps);
  if (!column) return std::nullopt;
  if (tau == TauKind::quadratic) return kCifar10[row][*column];
  if (tau == TauKind::linear) return kCelebA[row][*column];
  return std::nullopt;
}

std::optional<double> paper_table_3(const std::string& set, const Noise& noise,
                                    std::int64_t steps) {
  const auto column = column_of(steps);
  if (!column || *column > 3) return std::nullopt;
  const std::size_t row = &noise == &no_noise() ? 0 : 1;
  return set == "Bedroom" ? kBedroom[row][*column] : kChurch[row][*column];
}

std::string drawn_cell(const Noise& noise, std::int64_t steps, TauKind tau) {
  std::string name = concat("drawn-", noise.name, "-steps-", steps, "-", to_string(tau));
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string reconstructed_cell(std::int64_t steps) { return concat("table-2-steps-", steps); }

std::vector<std::int64_t> steps_of_table_3(const ReproduceSize& size) {
  std::vector<std::int64_t> steps;
  for (const std::int64_t S : size.steps)
    if (S <= 100) steps.push_back(S);
  return steps;
}

std::int64_t count_of_cell(const ReproduceSize& size, std::int64_t steps) {
  return steps <= 100 ? size.count : size.count_of_long;
}

Recipe without_names(Recipe recipe) {
  for (const char* key : {"model", "data", "Software", "device"}) recipe.erase(key);
  return recipe;
}

Cells::Cells(fs::path folder) : folder_(std::move(folder)) {
  for (const char* part : {"cells", "pictures", "unfinished"}) make_folders(folder_ / part);
}

fs::path Cells::file_of(const std::string& name) const {
  return folder_ / "cells" / (name + ".txt");
}
fs::path Cells::picture(const std::string& name) const {
  return folder_ / "pictures" / (name + ".png");
}
fs::path Cells::unfinished(const std::string& name) const {
  return folder_ / "unfinished" / (name + ".npz");
}

std::optional<ReproducedCell> Cells::find(const std::string& name) const {
  const fs::path file = file_of(name);
  if (!is_file(file) || !is_file(picture(name))) return std::nullopt;
  ReproducedCell cell{.name = name};
  const std::string content = read_file(file, kMaxCellBytes);
  std::string_view text = content;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string_view value = line.substr(std::min(equals + 1, line.size()));
    const auto name_after = [&](std::string_view kind) {
      return std::string(line.substr(kind.size(), equals - kind.size()));
    };
    if (equals < line.size() && line.starts_with(kRecipe)) {
      cell.recipe[name_after(kRecipe)] = from_one_line(value);
      continue;
    }
    std::optional<std::vector<double>> numbers = numbers_of(value);
    if (numbers && line.starts_with(kPictures)) {
      cell.of_pictures[name_after(kPictures)] = std::move(*numbers);
    } else if (numbers && numbers->size() == 1 && line.starts_with(kValue)) {
      cell.values[name_after(kValue)] = numbers->front();
    } else {
      fail(ErrorCode::corrupt, file.string(), ": \"", line.substr(0, 60),
           "\" is no line of a cell; remove the file, and it is computed again");
    }
  }
  if (cell.recipe.empty())
    fail(ErrorCode::corrupt, file.string(),
         ": is no cell of a report; remove the file, and it is computed again");
  return cell;
}

void Cells::require_same(const ReproducedCell& found, const Recipe& recipe) const {
  Recipe asked = without_names(recipe);
  // Cells of table 2 that say no precision are of a version that said only the hash of the model.
  if (!found.recipe.contains("precision"))
    for (const char* key :
         {"size", "precision", "weights", "schedule", "beta_start", "beta_end", "T", "prediction"})
      asked.erase(key);
  const std::string difference = first_difference(without_names(found.recipe), asked);
  require(difference.empty(), file_of(found.name).string(),
          ": was made with other options: ", difference,
          "; give the same options, or another folder");
}

void Cells::keep(const ReproducedCell& cell) const {
  std::string text;
  for (const auto& [key, value] : cell.recipe)
    text += concat(kRecipe, key, "=", to_one_line(value), "\n");
  for (const auto& [key, value] : cell.values)
    text += concat(kValue, key, "=", number_text(value), "\n");
  for (const auto& [key, values] : cell.of_pictures)
    text += concat(kPictures, key, "=", join(values, ",", number_text), "\n");
  write_file_durably(file_of(cell.name), text, Overwrite::allow);
}

}  // namespace ddim::reproduction
