#include "diffusion/plan_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <string_view>

namespace ddim::diffusion {
namespace {

double signal_to_noise(const Step& step) { return step.alpha_bar / (1.0 - step.alpha_bar); }

/// The shortest text that reads back as the same double, whatever the locale.
std::string exact(double value) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string_view name_of(Clip clip) {
  switch (clip) {
    case Clip::none:
      return "none";
    case Clip::keep_eps:
      return "keep-eps";
    case Clip::rederive_eps:
      return "rederive-eps";
  }
  return "";
}

}  // namespace

std::string to_table(const Plan& plan) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << "     t  t_prev  sqrt(alpha_bar)           SNR     sigma\n";
  for (const Step& step : plan.steps) {
    out << std::setw(6) << step.t << std::setw(8) << step.t_prev << std::fixed
        << std::setprecision(6) << std::setw(17) << std::sqrt(step.alpha_bar) << std::scientific
        << std::setprecision(4) << std::setw(14) << signal_to_noise(step) << std::fixed
        << std::setw(10) << step.sigma << "\n";
  }
  out << "network calls per image (nfe): " << plan.nfe() << "\n";
  return out.str();
}

std::string to_json(const Plan& plan) {
  std::string text = "{";
  if (const auto* noise = std::get_if<EtaNoise>(&plan.options.noise)) {
    text += "\"noise\":\"eta\",\"eta\":" + exact(noise->eta);
  } else {
    text += "\"noise\":\"sigma-hat\"";
  }
  text += ",\"clip\":\"" + std::string(name_of(plan.options.clip)) +
          "\",\"nfe\":" + std::to_string(plan.nfe()) + ",\"steps\":[";
  for (const Step& step : plan.steps) {
    if (text.back() == '}') text += ',';
    text += "{\"t\":" + std::to_string(step.t) + ",\"t_prev\":" + std::to_string(step.t_prev) +
            ",\"sqrt_alpha_bar\":" + exact(std::sqrt(step.alpha_bar)) +
            ",\"snr\":" + exact(signal_to_noise(step)) + ",\"sigma\":" + exact(step.sigma) + "}";
  }
  return text + "]}";
}

}  // namespace ddim::diffusion
