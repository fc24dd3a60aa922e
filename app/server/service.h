#pragma once

#include <ddim/names.h>
#include <ddim/run_options.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "http_server.h"
#include "model_shelf.h"
#include "server_limits.h"

namespace ddim::server {

/// A line for each request.
enum class LogStyle { text, json, none };

}  // namespace ddim::server

template <>
struct ddim::Names<ddim::server::LogStyle> {
  using LogStyle = server::LogStyle;
  static constexpr Named<LogStyle> kAll[] = {
      {LogStyle::text, "text"}, {LogStyle::json, "json"}, {LogStyle::none, "none"}};
  static constexpr std::span<const Named<LogStyle>> all() { return kAll; }
};

namespace ddim::server {

struct ServiceOptions {
  ListenOptions listen = {};
  Limits limits = {};
  AccessRules access = {};
  std::int64_t keep = 2;  ///< models that are loaded at the same time
  RunOptions run = {};
  LogStyle log = LogStyle::text;
};

/// A server from its sockets to its models, which serves while it lives.
class Service {
 public:
  /// `write` gets the log's lines, one call at a time. Error(user) without a model, for two of the
  /// same name, for rules that nothing matches, and for an address that others can reach without
  /// `access.api_key`, unless Reach::anybody may; other errors as HttpServer's.
  enum class Reach { own_machine_or_key, anybody };
  Service(std::vector<ModelSource> models, ServiceOptions options,
          std::function<void(const std::string& line)> write,
          Reach reach = Reach::own_machine_or_key);
  ~Service();

  std::uint16_t port() const { return server_.port(); }
  std::string url() const;
  JobBoard& board() { return board_; }

  /// Takes no more jobs and cancels those that wait; lets those that run finish, at most for
  /// Limits::stop_time, and their clients fetch what they made, for some seconds; then ends. The
  /// sentence says what became of them.
  std::string stop();

 private:
  void log(const AccessRecord& record);

  const ServiceOptions options_;
  const std::function<void(const std::string&)> write_;
  ModelShelf shelf_;
  JobBoard board_;
  Api api_;
  HttpServer server_;
};

}  // namespace ddim::server
