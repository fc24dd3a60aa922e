#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ddim::server {

struct Entry;

/// A request, once all of it is there.
struct Request {
  std::string method;
  std::string path;                            ///< before '?', as it was sent
  std::map<std::string, std::string> query;    ///< decoded
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string peer;  ///< the client's address

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body = {};
  Headers headers = {};
};

/// A stream of a job's events, those after `after` first.
struct EventStream {
  std::shared_ptr<Entry> entry;
  std::uint64_t after = 0;
  Headers headers = {};
};

/// A response that waits for a job's end. A client that leaves before cancels it.
struct WhenDone {
  std::shared_ptr<Entry> entry;
  std::function<Response()> make;
};

using Reply = std::variant<Response, EventStream, WhenDone>;

}  // namespace ddim::server
