#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "api.h"
#include "server_limits.h"

namespace ddim::server {

/// A request that has ended, for the log. What is not known of one that broke off is "-".
struct AccessRecord {
  std::string peer, method, target;
  int status = 0;          ///< 499 where the client left before the end of the answer
  std::int64_t bytes = 0;  ///< of the body
  double ms = 0.0;         ///< from the request's end to that of its answer
};

struct ListenOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;               ///< 0: any that is free
  std::filesystem::path certificate = {};  ///< both empty: no TLS
  std::filesystem::path key = {};
};

/// 127.0.0.1 for localhost, and others as they are usually written, without the brackets of ::1.
/// Error(user) for what is no address in numbers.
std::string address_in_numbers(const std::string& address);

/// Sockets, deadlines and connections. One thread serves all of them: a slow client costs a socket.
/// Two others work on requests that take a moment, so that /healthz never waits for them.
class HttpServer {
 public:
  /// Listens. Error(io) when the address cannot be had, Error(user) for one that is none, and for
  /// files that hold no certificate and its key. `log` is called once for each request that began,
  /// from one thread at a time.
  HttpServer(Api& api, const Limits& limits, const ListenOptions& options,
             std::function<void(const AccessRecord&)> log);
  /// As stop().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  /// No new connections; idle ones are closed, and the others after their answer.
  void stop_accepting();
  /// Waits until no request has been answered for `quiet`, at most for `time`.
  void wait_until_quiet(std::chrono::milliseconds quiet, std::chrono::milliseconds time);
  /// Waits until no connection is open, at most so long.
  void wait_for_answers(std::chrono::milliseconds time);
  /// Closes everything.
  void stop();

  struct Implementation;  ///< http_session.h's

 private:
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ddim::server
