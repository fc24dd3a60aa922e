#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "hub/settings.h"

namespace ddim::engine::hub {

/// Something that may be gone when it is tried again: a broken connection, an overloaded server.
class TransientFailure : public std::runtime_error {
 public:
  explicit TransientFailure(const std::string& message,
                            std::optional<std::chrono::seconds> retry_after = {})
      : std::runtime_error(message), retry_after_(retry_after) {}
  /// How long the server asks to be left alone.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  std::optional<std::chrono::seconds> retry_after_;
};

/// The status and headers of an answer.
struct HttpHead {
  int status = 0;
  std::map<std::string, std::string> headers = {};  ///< names in lower case
  std::string redirect = {};                        ///< absolute; where a 3xx points

  /// "" when there is none.
  const std::string& header(const std::string& name) const;
};

struct HttpRequest {
  std::string url;
  std::string token = {};                 ///< sent to this host only, never where it redirects to
  std::vector<std::string> headers = {};  ///< "Name: value"
};

/// Takes the next bytes of a body. What it throws ends the transfer and is passed on.
using BodySink = std::function<void(const HttpHead&, std::span<const std::byte>)>;

/// Speaks HTTP and HTTPS. Not thread-safe. TransientFailure when the connection fails or stalls,
/// Error(io) when trying again would not help, Error(interrupted) when `stop` was requested.
class HttpClient {
 public:
  /// Error(user) when this program was built without libcurl.
  HttpClient(const Settings& settings, std::stop_token stop);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// Follows no redirect.
  HttpHead head(const HttpRequest& request);
  /// Follows redirects, never from https to http. `sink` gets the body of a 2xx answer; other
  /// bodies are dropped.
  HttpHead get(const HttpRequest& request, const BodySink& sink);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Whether two URLs have the same scheme, host and port.
bool same_origin(const std::string& url, const std::string& other);

}  // namespace ddim::engine::hub
