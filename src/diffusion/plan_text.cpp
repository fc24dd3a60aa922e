#include <ddim/plan.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <string_view>

#include "base/text.h"

namespace ddim {

using namespace engine;
namespace {

double signal_to_noise(const PlanStep& step) { return step.alpha_bar / (1.0 - step.alpha_bar); }

/// 999, or 12.345 for a real t.
std::string short_time(double t) {
  TextStream out;
  out.imbue(std::locale::classic());
  out << std::fixed << std::setprecision(t == std::floor(t) ? 0 : 3) << t;
  return out.str();
}

std::string calls_of(const Plan& plan) {
  return (plan.is_adaptive() ? "at most " : "") + std::to_string(plan.nfe);
}

}  // namespace

bool draws_noise(const Plan& plan) {
  return std::ranges::any_of(plan.steps, [](const PlanStep& step) {
    return step.sigma != 0.0 || step.update.prev_from_noise != 0.0 || step.learned_variance ||
           (step.multistep && step.multistep->next.noise != 0.0);
  });
}

std::string to_string(const Tau& tau) {
  if (const auto* kind = std::get_if<TauKind>(&tau)) return std::string(to_string(*kind));
  return join(std::get<std::vector<double>>(tau), ",", number_text);
}

std::string to_table(const Plan& plan) {
  TextStream out;
  out.imbue(std::locale::classic());
  out << "     t  t_prev  sqrt(alpha_bar)           SNR     sigma\n";
  for (const PlanStep& step : plan.steps) {
    out << std::setw(6) << short_time(step.t) << std::setw(8) << short_time(step.t_prev)
        << std::fixed << std::setprecision(6) << std::setw(17) << std::sqrt(step.alpha_bar)
        << std::scientific << std::setprecision(4) << std::setw(14) << signal_to_noise(step)
        << std::fixed << std::setw(10) << step.sigma << "\n";
  }
  if (plan.is_adaptive())
    out << "adaptive: the first line stands for steps that the sampler chooses on the way; "
           "tolerance "
        << std::defaultfloat << plan.options.tolerance << "\n";
  if (plan.options.clip.bound != Clip::Bound::none)
    out << "clipping of the predicted x_0: " << to_string(plan.options.clip) << "\n";
  out << "network calls per image (nfe): " << calls_of(plan) << "\n";
  return out.str();
}

std::string to_json(const Plan& plan) {
  const PlanOptions& options = plan.options;
  std::string text = "{\"sampler\":\"" + std::string(to_string(options.sampler)) + "\"";
  const double* eta = std::get_if<double>(&options.eta);
  if (eta == nullptr) {
    text += ",\"noise\":\"sigma-hat\"";
  } else if (takes_eta(options.sampler)) {
    text += ",\"noise\":\"eta\",\"eta\":" + number_text(*eta);
  } else {
    text += draws_noise(plan) ? ",\"noise\":\"its own\"" : ",\"noise\":\"none\"";
  }
  text += ",\"prediction\":\"" + std::string(to_string(plan.prediction)) + "\",\"clip\":\"" +
          std::string(to_string(options.clip)) + "\"";
  if (plan.is_adaptive()) {
    text += ",\"tolerance\":" + number_text(options.tolerance) +
            ",\"nfe_at_most\":" + std::to_string(plan.nfe);
  } else {
    text += ",\"nfe\":" + std::to_string(plan.nfe);
  }
  text += ",\"steps\":[";
  for (const PlanStep& step : plan.steps) {
    if (text.back() == '}') text += ',';
    text += "{\"t\":" + number_text(step.t) + ",\"t_prev\":" + number_text(step.t_prev) +
            ",\"sqrt_alpha_bar\":" + number_text(std::sqrt(step.alpha_bar)) +
            ",\"snr\":" + number_text(signal_to_noise(step)) +
            ",\"sigma\":" + number_text(step.sigma) + "}";
  }
  return text + "]}";
}

}  // namespace ddim
