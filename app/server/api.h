#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "access.h"
#include "http_message.h"
#include "job_board.h"
#include "model_shelf.h"
#include "server_limits.h"
#include "wishes.h"

namespace ddim::server {

/// What a server of connections counts, for /metrics.
struct ConnectionCounts {
  std::int64_t open = 0, refused = 0;
};

/// Answers requests: the addresses of the server, and what is behind each. Knows no sockets. May be
/// used from all threads.
class Api {
 public:
  Api(ModelShelf& shelf, JobBoard& board, Limits limits, AccessRules rules);

  /// Throws nothing: what is wrong is a response too.
  Reply handle(const Request& request);
  /// The answer to a request that is refused for its head, whatever its body; nothing for others.
  std::optional<Response> refusal_by_head(const Request& head) const;
  /// The answer to what is no request, or to one that is refused by limits. Of `request`, what is
  /// known of it.
  Response refusal(int status, const std::string& message, const Request& request) const;
  /// The most bytes that the body of such a request may have.
  std::int64_t body_limit(const std::string& method, const std::string& path) const;
  void cancel(const std::shared_ptr<Entry>& entry) { board_.cancel(entry); }

  /// Counts an answer that was sent, for /metrics.
  void count(int status);
  void watch_connections(std::function<ConnectionCounts()> counts) {
    connections_ = std::move(counts);
  }

 private:
  using Parts = std::vector<std::string>;  ///< what a path has in place of "{...}"
  struct Route {
    std::string method;
    std::string path;  ///< "/api/jobs/{id}/pictures/{k}.png"
    std::string summary;
    std::string answers;  ///< the type of its response
    std::function<Reply(const Request&, const Parts&)> handle;
  };
  void add_routes();
  void add_result_routes();
  Reply answer(const Request& request) const;
  /// The route that a request may take; nullptr for a preflight or a file of the page. Throws
  /// RequestError where it may take none.
  const Route* route_of(const Request& request, Parts& parts) const;
  /// What `make` makes, or an answer that says why it cannot.
  template <class Make>
  Reply made_or_refused(const Make& make) const;
  static Response problem(int status, const std::string& field, const std::string& message);
  Response preflight(const Request& request) const;
  Response page_file(const Request& request) const;
  void add_common_headers(const Request& request, Headers& headers) const;

  std::shared_ptr<Entry> entry(const std::string& id) const;
  std::shared_ptr<const JobResult> result(const std::string& id) const;
  std::string openapi() const;
  std::string metrics() const;

  ModelShelf& shelf_;
  JobBoard& board_;
  const Limits limits_;
  const Access access_;
  const WishReader reader_;
  std::vector<Route> routes_;
  std::function<ConnectionCounts()> connections_;
  mutable std::mutex mutex_;
  std::map<int, std::int64_t> answers_;
};

}  // namespace ddim::server
