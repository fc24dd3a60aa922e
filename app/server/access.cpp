#include "access.h"

#include <arpa/inet.h>
#include <ddim/error.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "http_parser.h"
#include "request_error.h"

namespace ddim::server {
namespace {

bool same_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(b.empty() ? '\0' : b[i % b.size()]);
  return difference == 0;
}

/// "LocalHost:8080" -> "localhost", "[::1]:8080" -> "[::1]"
std::string name_of(const std::string& with_port) {
  const std::string host = lower(with_port);
  const std::size_t end = host.starts_with('[') ? host.find(']') : host.rfind(':');
  if (end == std::string::npos) return host;
  return host.substr(0, host[end] == ']' ? end + 1 : end);
}

bool is_address(const std::string& host) {
  in6_addr buffer{};
  if (host.starts_with('[') && host.ends_with(']'))
    return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &buffer) == 1;
  return inet_pton(AF_INET, host.c_str(), &buffer) == 1;
}

/// Of letters and digits of ASCII, and `more`.
bool has_only(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x80 && std::isalnum(byte) != 0) || more.find(c) != std::string_view::npos;
  });
}

/// HOST or HOST:PORT
bool is_host(const std::string& text) {
  const std::string name = name_of(text), port = text.substr(name.size());
  if (name.empty() || !(is_address(name) || has_only(name, "-._"))) return false;
  if (port.empty()) return true;
  const std::int64_t number = whole_number<std::int64_t>(port.substr(1)).value_or(0);
  return port.starts_with(':') && number >= 1 && number <= 65'535;
}

std::string checked_host(const std::string& said) {
  if (is_host(said)) return name_of(said);
  throw Error(ErrorCode::user,
              fmt::format("--allow-host {}: must be the name of a host as browsers send it, such "
                          "as pictures.example (one of other letters begins with xn--)",
                          said));
}

std::string checked_origin(const std::string& said) {
  if (said == "null") return said;  // of pages that are files
  std::string origin = lower(said);
  const std::size_t end = origin.find("://");
  const std::string scheme = origin.substr(0, end);
  if (origin.ends_with('/')) origin.pop_back();
  const bool has_scheme = end != std::string::npos && !scheme.empty() && has_only(scheme, "+-.");
  if (!has_scheme || origin.size() <= end + 3 || !is_host(origin.substr(end + 3)))
    throw Error(ErrorCode::user,
                fmt::format("--allow-origin {}: must be SCHEME://HOST or SCHEME://HOST:PORT as "
                            "browsers send it, such as https://example.org; give each page's own",
                            said));
  for (const std::string usual : {"http:80", "https:443"}) {
    const std::string port = usual.substr(usual.find(':'));
    if (scheme + port == usual && origin.ends_with(port))
      origin.resize(origin.size() - port.size());
  }
  return origin;
}

void check_text_of_key(const std::string& key) {
  const bool is_ascii = std::ranges::all_of(key, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_ascii || key.starts_with(' ') || key.ends_with(' '))
    throw Error(ErrorCode::user,
                "--api-key (or DDIM_API_KEY): must consist of letters, digits and signs of ASCII, "
                "and have no space at an end: requests can bring no other");
}

}  // namespace

AccessRules checked(AccessRules rules) {
  check_text_of_key(rules.api_key);
  for (std::string& host : rules.hosts) host = checked_host(host);
  for (std::string& origin : rules.origins) origin = checked_origin(origin);
  return rules;
}

// A name that an attacker's DNS points at this machine is none of these (DNS rebinding).
void Access::check_host(const Request& request) const {
  // HTTP/1.0 needs no Host, and no browser leaves it out.
  if (!request.headers.contains("host") && rules_.is_own_machine) return;
  const std::string host = name_of(request.header("host"));
  const bool is_known = host == "localhost" || is_address(host) ||
                        std::ranges::find(rules_.hosts, host) != rules_.hosts.end();
  if (!is_known)
    throw RequestError(403, "Host",
                       "Host: this server does not answer to this name; "
                       "start it with --allow-host to change that");
}

bool Access::is_allowed_origin(const std::string& origin) const {
  return std::ranges::find(rules_.origins, lower(origin)) != rules_.origins.end();
}

void Access::check_origin(const Request& request) const {
  const std::string origin = lower(request.header("origin"));
  if (is_allowed_origin(origin)) return;
  const std::string host = lower(request.header("host"));
  // Before a server without TLS there may be a proxy with it, which has the page's address. A page
  // that came without TLS may be anybody's on the way, and is no page of a server with it.
  const bool is_own = origin == rules_.scheme + "://" + host || origin == "https://" + host;
  const bool is_strange = origin.empty() ? request.header("sec-fetch-site") == "cross-site" &&
                                               request.header("sec-fetch-mode") != "navigate"
                                         : !is_own;
  if (is_strange)
    throw RequestError(403, "Origin",
                       "Origin: pages of others may not call this server; start it with "
                       "--allow-origin to change that, or let the proxy before it pass Host on");
}

void Access::check_key(const Request& request) const {
  if (rules_.api_key.empty()) return;
  constexpr std::string_view kScheme = "bearer ";
  const std::string given = request.header("authorization");
  if (lower(given.substr(0, kScheme.size())) == kScheme &&
      same_in_constant_time(given.substr(kScheme.size()), rules_.api_key))
    return;
  throw RequestError(401, "Authorization",
                     "Authorization: this server needs its key: Authorization: Bearer KEY");
}

// Whoever says that a proxy serves TLS is told addresses with it, and decides nothing else.
std::string Access::address_for(const Request& request) const {
  const std::string host = request.header("host");
  if (host.empty()) return "";
  const std::string outside = lower(request.header("x-forwarded-proto"));
  const bool has_tls = outside.substr(0, outside.find(',')) == "https" ||
                       lower(request.header("origin")) == "https://" + lower(host);
  return (has_tls ? "https" : rules_.scheme) + "://" + host;
}

}  // namespace ddim::server
