#pragma once

#include <string>
#include <vector>

#include "http_message.h"

namespace ddim::server {

/// Who may ask for what.
struct AccessRules {
  std::string api_key = {};               ///< empty: none is needed
  std::vector<std::string> hosts = {};    ///< besides localhost and addresses in numbers
  std::vector<std::string> origins = {};  ///< pages of others that may call (CORS)
  std::string scheme = "http";
  bool is_own_machine = true;  ///< others cannot reach the address
};

/// The same rules, with hosts and origins as browsers send them: in small letters, hosts without a
/// port, origins without a slash at the end and without the usual port of their scheme. Error(user)
/// for what no request can match: another host or origin than that, and a key that no line of a
/// head can hold.
AccessRules checked(AccessRules rules);

/// What the head of a request must have.
class Access {
 public:
  /// Of rules that checked() has made.
  explicit Access(AccessRules rules) : rules_(std::move(rules)) {}

  /// RequestError(403) for a name that is not the server's.
  void check_host(const Request& request) const;
  /// RequestError(403) for a page of others.
  void check_origin(const Request& request) const;
  /// RequestError(401) without the key.
  void check_key(const Request& request) const;
  /// Whether such pages of others may call.
  bool is_allowed_origin(const std::string& origin) const;
  /// Where the client has found the server, such as "https://127.0.0.1:8080"; "" where it does not
  /// say so.
  std::string address_for(const Request& request) const;

 private:
  const AccessRules rules_;
};

}  // namespace ddim::server
