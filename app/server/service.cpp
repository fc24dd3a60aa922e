#include "service.h"

#include <ddim/counts.h>
#include <ddim/error.h>
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "json_views.h"

namespace ddim::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kForLastAnswers{2000};
// To fetch what the last jobs made: until nobody asks for so long, at most.
constexpr milliseconds kQuietBeforeEnd{2000}, kForLastResults{10'000};

bool is_own_machine(const std::string& address) {
  return address == "::1" || address.starts_with("127.");
}

ServiceOptions checked(ServiceOptions options, Service::Reach reach) {
  std::string& address = options.listen.address;
  address = address_in_numbers(address);
  if (!is_own_machine(address) && options.access.api_key.empty() &&
      reach != Service::Reach::anybody)
    throw Error(ErrorCode::user,
                fmt::format("--address {}: others can reach this address; set --api-key (or "
                            "DDIM_API_KEY), or say --insecure",
                            address));
  if (options.listen.certificate.empty() != options.listen.key.empty())
    throw Error(ErrorCode::user, "--tls-certificate and --tls-key belong together; give both");
  options.access = checked(std::move(options.access));
  return options;
}

std::vector<ModelSource> checked(std::vector<ModelSource> models) {
  if (models.empty()) throw Error(ErrorCode::user, "serve: there is no model");
  for (std::size_t i = 0; i < models.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (models[i].name == models[k].name)
        throw Error(ErrorCode::user, fmt::format("--model: two models have the name {}; give one "
                                                 "another name: NAME=MODEL",
                                                 models[i].name));
  return models;
}

std::string now_text() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

AccessRules rules_at(AccessRules rules, const ListenOptions& listen) {
  rules.scheme = listen.certificate.empty() ? "http" : "https";
  rules.is_own_machine = is_own_machine(listen.address);
  return rules;
}

/// A target on one line of words, whatever it holds.
std::string printable(const std::string& target) {
  std::string text;
  for (const char c : target) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte > 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return text;
}

}  // namespace

Service::Service(std::vector<ModelSource> models, ServiceOptions options,
                 std::function<void(const std::string& line)> write, Reach reach)
    : options_(checked(std::move(options), reach)),
      write_(std::move(write)),
      shelf_(checked(std::move(models)), options_.keep),
      board_(shelf_, options_.limits, options_.run),
      api_(shelf_, board_, options_.limits, rules_at(options_.access, options_.listen)),
      server_(api_, options_.limits, options_.listen,
              [this](const AccessRecord& record) { log(record); }) {}

// Nothing is told to sessions that are being closed.
Service::~Service() {
  board_.shut_down();
  server_.stop();
}

std::string Service::url() const {
  const std::string& address = options_.listen.address;
  const std::string host = address.find(':') == std::string::npos ? address : "[" + address + "]";
  return fmt::format("{}://{}:{}/", options_.listen.certificate.empty() ? "http" : "https", host,
                     port());
}

void Service::log(const AccessRecord& record) {
  if (options_.log == LogStyle::none) return;
  if (options_.log == LogStyle::json)
    return write_(access_json(now_text(), record.peer, record.method, record.target, record.status,
                              record.bytes, record.ms));
  write_(fmt::format("{} {} {} {} {} {} {:.1f}ms", now_text(), record.peer, record.method,
                     printable(record.target), record.status, record.bytes, record.ms));
}

std::string Service::stop() {
  const BoardCounts before = board_.counts();
  board_.stop();
  const bool finished = board_.wait_until_idle(options_.limits.stop_time);
  if (!finished) board_.shut_down();
  if (finished && before.running > 0) server_.wait_until_quiet(kQuietBeforeEnd, kForLastResults);
  server_.stop_accepting();
  server_.wait_for_answers(kForLastAnswers);
  if (before.running == 0) return "no job was running";
  return fmt::format("{} {}; {} waiting cancelled", count_of(before.running, "running jobs"),
                     finished ? "finished" : "did not finish in time and cancelled",
                     with_thousands(before.waiting));
}

}  // namespace ddim::server
