#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ddim::hub_test {

struct Request {
  std::string method = {};
  std::string path = {};
  std::map<std::string, std::string> headers = {};  ///< names in lower case

  std::string header(const std::string& name) const;
};

/// What a server answers, well or badly.
struct Reply {
  int status = 200;
  std::map<std::string, std::string> headers =
      {};  ///< Content-Length is added when it is not there
  std::string body = {};
  std::optional<std::size_t> cut_after = {};  ///< the connection ends after so many bytes of it
  std::optional<std::size_t> stall_after =
      {};  ///< or nothing follows them, as long as the server is
};

/// A server on a free port of 127.0.0.1, with a thread for each connection.
class HttpServer {
 public:
  explicit HttpServer(std::function<Reply(const Request&)> answer);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  std::string url() const;  ///< "http://127.0.0.1:PORT"
  std::vector<Request> requests() const;

 private:
  void accept_all();
  void serve(int connection);

  std::function<Reply(const Request&)> answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace ddim::hub_test
