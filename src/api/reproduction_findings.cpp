#include "api/reproduction_findings.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <optional>
#include <utility>

#include "base/text.h"
#include "eval/interval.h"

namespace ddim::reproduction {

using namespace engine;

namespace {

constexpr const char* kOverlap = "intervals overlap";
constexpr const char* kNotCompared = "open: nothing to compare";

Finding better(std::int64_t S, const Noise& noisy, TauKind tau, const Cells& cells) {
  Finding finding{.claim = concat("eta 0 draws better than ", noisy.name, " in ", S, " steps")};
  const auto a = cells.find(drawn_cell(no_noise(), S, tau)),
             b = cells.find(drawn_cell(noisy, S, tau));
  if (!a || !b) return finding;
  const Figure of_a = figure_of(*a, kFrechet), of_b = figure_of(*b, kFrechet);
  finding.verdict = verdict_on_falling({fall_between(of_b, of_a)}, kOverlap);
  finding.found = concat(with_interval(of_a), " and ", with_interval(of_b));
  return finding;
}

Finding drawing_falls(const ReproduceSize& size, TauKind tau, const Cells& cells) {
  Finding finding{.claim = "eta 0 draws better with more steps"};
  std::vector<std::string> found;
  std::vector<Figure> falls;
  Figure before;
  std::int64_t count = 0;
  for (const std::int64_t S : size.steps) {
    // Figures of few pictures are larger.
    if (count != 0 && count_of_cell(size, S) != count) continue;
    count = count_of_cell(size, S);
    const auto cell = cells.find(drawn_cell(no_noise(), S, tau));
    if (!cell) return finding;
    const Figure distance = figure_of(*cell, kFrechet);
    if (!found.empty()) falls.push_back(fall_between(before, distance));
    before = distance;
    found.push_back(with_interval(distance));
  }
  finding.verdict = falls.empty() ? kNotCompared : verdict_on_falling(falls, kOverlap);
  finding.found = join(found, ", ");
  return finding;
}

/// By the errors of each picture; nothing where a cell has none.
std::optional<Figure> fall_of_pictures(const ReproducedCell& first, const ReproducedCell& next) {
  const auto a = first.of_pictures.find(kSquaredError), b = next.of_pictures.find(kSquaredError);
  if (a == first.of_pictures.end() || b == next.of_pictures.end() ||
      a->second.size() != b->second.size())
    return std::nullopt;
  return mean_fall(a->second, b->second);
}

/// "S = 10 to 20: less by 0.0169 \u00b1 0.0137"
std::string difference_text(std::int64_t first, std::int64_t next, const Figure& fall) {
  return concat("S = ", first, " to ", next, ": ", fall.value < 0.0 ? "more" : "less", " by ",
                with_interval({std::abs(fall.value), fall.half_width}));
}

Finding reconstruction_falls(const ReproduceSize& size, const Cells& cells) {
  Finding finding{.claim = "encoding and decoding loses less with more steps"};
  const std::vector<std::int64_t>& steps = size.reconstruct_steps;
  std::vector<std::string> found;
  std::vector<Figure> falls;
  std::optional<ReproducedCell> before;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    std::optional<ReproducedCell> cell = cells.find(reconstructed_cell(steps[i]));
    if (!cell) return finding;
    const Figure error = figure_of(*cell, kSquaredError);
    found.push_back(formatted("%.2g", error.value));
    if (before) {
      const std::optional<Figure> fall = fall_of_pictures(*before, *cell);
      falls.push_back(fall ? *fall : fall_between(figure_of(*before, kSquaredError), error));
      if (fall) finding.differences.push_back(difference_text(steps[i - 1], steps[i], *fall));
    }
    before = std::move(cell);
  }
  finding.found = join(found, ", ");
  const bool by_pictures = finding.differences.size() == falls.size();
  finding.verdict =
      falls.empty() ? kNotCompared
                    : verdict_on_falling(falls, by_pictures ? "a difference may be 0" : kOverlap);
  return finding;
}

}  // namespace

Figure fall_between(const Figure& first, const Figure& next) {
  return {first.value - next.value, first.half_width + next.half_width};
}

Figure mean_fall(std::span<const double> first, std::span<const double> next) {
  assert(first.size() == next.size());
  std::vector<double> falls;
  for (std::size_t k = 0; k < first.size(); ++k) falls.push_back(first[k] - next[k]);
  const eval::Interval fall = eval::mean_interval(falls);
  return {fall.mean, fall.half_width_95};
}

std::string verdict_on_falling(const std::vector<Figure>& falls, const std::string& why_open) {
  const auto is_fall = [](const Figure& fall) { return fall.value - fall.half_width > 0.0; };
  const auto is_rise = [](const Figure& fall) { return fall.value + fall.half_width < 0.0; };
  if (std::ranges::all_of(falls, is_fall)) return "holds";
  if (std::ranges::any_of(falls, is_rise)) return "does not hold";
  return concat("open: ", why_open);
}

std::vector<Finding> findings_of(const ReproduceSize& size, TauKind tau, const Cells& cells) {
  std::vector<Finding> all;
  // What the paper says of few steps is said of those in its table.
  for (const std::int64_t S : steps_of_paper()) {
    if (S > 20 || std::ranges::find(size.steps, S) == size.steps.end()) continue;
    for (const Noise* noisy : {&ddpm_noise(), &sigma_hat_noise()})
      all.push_back(better(S, *noisy, tau, cells));
  }
  all.push_back(drawing_falls(size, tau, cells));
  all.push_back(reconstruction_falls(size, cells));
  return all;
}

}  // namespace ddim::reproduction
