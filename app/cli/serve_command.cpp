#include <ddim/error.h>
#include <ddim/model.h>
#include <ddim/pull.h>
#include <fmt/core.h>

#include <condition_variable>
#include <memory>
#include <mutex>

#include "choice_flag.h"
#include "commands.h"
#include "device_flags.h"
#include "interrupts.h"
#include "service.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

using server::Limits;

constexpr std::int64_t kMiB = 1 << 20;

struct ServeCommandFlags {
  std::vector<std::string> models;
  bool pull = false;
  DeviceFlags device;
  server::ServiceOptions service;
  std::int64_t port = server::ListenOptions{}.port;
  bool insecure = false;
  bool quiet = false;
  ChoiceFlag<server::LogStyle> log;
  // In the units of the flags.
  std::int64_t upload_mib = Limits{}.upload_bytes / kMiB;
  std::int64_t kept_mib = Limits{}.kept_bytes / kMiB;
  std::int64_t kept_minutes = Limits{}.kept_time.count() / 60;
  std::int64_t unload_minutes = Limits{}.unload_time.count() / 60;
  std::int64_t header_seconds = Limits{}.header_time.count();
  std::int64_t body_seconds = Limits{}.body_time.count();
  std::int64_t idle_seconds = Limits{}.idle_time.count();
  std::int64_t stop_seconds = Limits{}.stop_time.count();
};

/// NAME=MODEL, or MODEL, whose name is its own. A path that is there is a MODEL, whatever it holds.
server::ModelSource source_of(const std::string& word, const ServeCommandFlags& flags,
                              const std::stop_token& stop) {
  std::error_code ignored;
  const std::size_t equals =
      std::filesystem::exists(word, ignored) ? std::string::npos : word.find('=');
  const std::string place = equals == std::string::npos ? word : word.substr(equals + 1);
  const auto find = [place, missing = flags.pull ? MissingModel::pull : MissingModel::refuse,
                     stop] {
    return find_model(place, missing, {.show_progress = ShowProgress::on_stderr, .stop = stop});
  };
  const LoadOptions options = flags.device.options();
  Model described = Model::without_weights(find(), options);
  std::string name = equals == std::string::npos ? described.info().name : word.substr(0, equals);
  if (name.empty())
    throw Error(ErrorCode::user, fmt::format("--model {}: give it a name: NAME={}", word, place));
  return {.name = std::move(name),
          .place = place,
          .described = std::move(described),
          .load = [find, options]() -> server::LoadedModel {
            const std::filesystem::path folder = find();
            return {.model = Model::load(folder, options),
                    .described = Model::without_weights(folder, options)};
          }};
}

void wait_for(const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait(lock, stop, [] { return false; });
}

void run(ServeCommandFlags& flags) {
  const Interrupts interrupts;
  server::ServiceOptions& options = flags.service;
  Limits& limits = options.limits;
  options.listen.port = static_cast<std::uint16_t>(flags.port);
  options.log = flags.quiet ? server::LogStyle::none : flags.log.value();
  limits.upload_bytes = flags.upload_mib * kMiB;
  limits.kept_bytes = flags.kept_mib * kMiB;
  limits.kept_time = std::chrono::minutes(flags.kept_minutes);
  limits.unload_time = std::chrono::minutes(flags.unload_minutes);
  limits.header_time = std::chrono::seconds(flags.header_seconds);
  limits.body_time = std::chrono::seconds(flags.body_seconds);
  limits.idle_time = std::chrono::seconds(flags.idle_seconds);
  limits.stop_time = std::chrono::seconds(flags.stop_seconds);

  std::vector<server::ModelSource> sources;
  for (const std::string& word : flags.models)
    sources.push_back(source_of(word, flags, interrupts.token()));
  using Reach = server::Service::Reach;
  server::Service service(
      std::move(sources), options, [](const std::string& line) { print_err("{}\n", line); },
      flags.insecure ? Reach::anybody : Reach::own_machine_or_key);
  print_out("ddim: serving at {} (Ctrl-C ends it)\n", service.url());
  flush_output();
  wait_for(interrupts.token());
  if (!flags.quiet) print_err("ddim: stopping; another Ctrl-C ends it at once\n");
  const std::string stopped = service.stop();
  if (!flags.quiet) print_err("ddim: stopped; {}\n", stopped);
}

void add_limits_to(Command command, ServeCommandFlags& flags) {
  Limits& limits = flags.service.limits;
  const auto add = [command](const char* name, std::int64_t& value, double least, double most,
                             const char* description) {
    command.add_option(name, value, description).within(least, most).show_default();
  };
  add("--queue", limits.queue, 0, 100'000, "Jobs that may wait; one more is answered by 429");
  add("--most-pictures", limits.pictures, 1, 100'000, "Most pictures of a job");
  add("--max-pixels", limits.pixels, 1, 1e12,
      "Most pixels of all pictures that a job is given, or that one answer enlarges");
  add("--keep-minutes", flags.kept_minutes, 1, 10'000, "How long results and uploads are kept");
  add("--keep-mib", flags.kept_mib, 16, 1'000'000,
      "Most memory of results and uploads that are kept, in MiB");
  add("--unload-minutes", flags.unload_minutes, 1, 1'000'000,
      "How long a model that nobody uses stays loaded");
  add("--max-header", limits.header_bytes, 1024, 1 << 20, "Most bytes of a request's head");
  add("--max-body", limits.body_bytes, 1024, 1 << 30, "Most bytes of a request's body");
  add("--max-upload", flags.upload_mib, 1, 1024, "Most size of an upload, in MiB");
  add("--connections", limits.connections, 1, 100'000, "Most open connections");
  add("--connections-per-address", limits.connections_per_address, 1, 100'000,
      "Most open connections of one address");
  add("--header-seconds", flags.header_seconds, 1, 3600, "Time for a request's head");
  add("--body-seconds", flags.body_seconds, 1, 3600, "Time for a request's body");
  add("--idle-seconds", flags.idle_seconds, 1, 86'400,
      "Time between requests, and for a client that does not read");
  add("--stop-seconds", flags.stop_seconds, 0, 86'400,
      "Time for running jobs to finish once the server is told to stop");
}

}  // namespace

void add_serve_command(Command root) {
  const Command command =
      root.add_command("serve", "Draw in a browser, and serve programs over HTTP");
  const auto flags = std::make_shared<ServeCommandFlags>();
  server::ServiceOptions& service = flags->service;
  command
      .add_option(
          "--model", flags->models,
          "Models, each a folder, a file, a run or OWNER/NAME as in ddim sample, by its own "
          "name or another: NAME=MODEL")
      .required()
      .envname("DDIM_MODEL")
      .delimiter(',')
      .type_name("[NAME=]MODEL[,...]");
  command.add_flag("--pull", flags->pull, "Download models that are not in the cache");
  command
      .add_option("--keep", service.keep,
                  "Models that stay loaded; the one that was not used for longest makes room")
      .within(1, 1000)
      .show_default();
  command
      .add_option("--address", service.listen.address,
                  "Address to listen at: localhost, or one in numbers; what others can reach "
                  "needs --api-key or --insecure")
      .type_name("ADDRESS")
      .show_default();
  command.add_option("--port", flags->port, "Port; 0 takes one that is free")
      .within(0, 65'535)
      .show_default();
  command
      .add_option("--api-key", service.access.api_key,
                  "Answer only requests with this key (Authorization: Bearer KEY). In DDIM_API_KEY "
                  "it is not seen in the list of processes")
      .envname("DDIM_API_KEY")
      .type_name("KEY");
  command.add_flag("--insecure", flags->insecure,
                   "Let anybody who reaches --address use the server without a key");
  command
      .add_option("--allow-host", service.access.hosts,
                  "Names by which browsers may call the server, besides localhost and addresses "
                  "in numbers")
      .delimiter(',')
      .type_name("NAME[,...]");
  command
      .add_option("--allow-origin", service.access.origins,
                  "Pages of others that may call the server (CORS), such as https://example.org")
      .delimiter(',')
      .type_name("ORIGIN[,...]");
  command
      .add_option("--tls-certificate", service.listen.certificate,
                  "Serve over TLS with the certificate in this PEM file")
      .type_name("FILE");
  command.add_option("--tls-key", service.listen.key, "Its private key, in PEM").type_name("FILE");
  add_limits_to(command, *flags);
  flags->log.add_to(command, "--log", "A line for each request: text, json or none");
  command.add_flag("--quiet", flags->quiet, "Print the address and errors only");
  flags->device.add_to(command);
  command.add_option("--batch", service.run.batch, "Most pictures in work at once")
      .envname("DDIM_BATCH")
      .within(1, 1 << 20)
      .show_default();
  command
      .add_option("--threads", service.run.threads,
                  "Number of threads (default: one per processor)")
      .envname("DDIM_THREADS")
      .within(1, kMaxThreads);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
