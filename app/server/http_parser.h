#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http_message.h"
#include "server_limits.h"

namespace ddim::server {

/// With the letters of ASCII made small.
std::string lower(std::string_view text);

/// Reads one request from bytes as they come.
class HttpParser {
 public:
  enum class State {
    nothing,  ///< not a byte has come
    head,
    body,
    done,      ///< take() has it
    unwanted,  ///< `admit` does not want its body, which is not read
    refused    ///< status() and problem() say why; nothing more is read
  };
  /// The most bytes that the body of a request may have which has such a head, and says that its
  /// body has `length` bytes (0: in chunks). Nothing where the body is not wanted. Asked once, and
  /// not for a request without a body.
  using Admit =
      std::function<std::optional<std::int64_t>(const Request& head, std::int64_t length)>;

  HttpParser(const Limits& limits, Admit admit);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  /// Bytes behind the request's end are kept for rest().
  void put(std::string_view bytes);
  State state() const { return state_; }
  /// What is known of the head so far.
  const Request& head() const { return request_; }
  std::int64_t body_bytes() const;  ///< that have come
  /// Once, when the client waits for "100 Continue" before it sends the body.
  bool take_continue();
  /// Of a request that is refused: 400, 413, 415, 417, 431 or 505.
  int status() const { return status_; }
  const std::string& problem() const { return problem_; }

  Request take();
  bool keeps_alive() const;  ///< whether the connection is to stay
  bool is_http_1_0() const;
  std::string rest() { return std::move(buffer_); }

 private:
  struct Implementation;
  void refuse(int status, const std::string& problem);
  void check_head();
  void check_body();

  const Limits limits_;
  const Admit admit_;
  std::unique_ptr<Implementation> implementation_;
  std::string buffer_;
  State state_ = State::nothing;
  Request request_;
  int status_ = 0;
  std::string problem_;
  bool wants_continue_ = false;
};

}  // namespace ddim::server
