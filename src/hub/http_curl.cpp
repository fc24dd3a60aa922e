#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <string_view>

#include "base/error.h"
#include "hub/http.h"

namespace ddim::engine::hub {
namespace {

template <auto destroy>
struct Destroy {
  void operator()(auto* handle) const { destroy(handle); }
};
using Easy = std::unique_ptr<CURL, Destroy<curl_easy_cleanup>>;
using Url = std::unique_ptr<CURLU, Destroy<curl_url_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, Destroy<curl_slist_free_all>>;

constexpr std::size_t kMaxHeaderBytes = 256 * 1024;
constexpr long kMaxRedirects = 10;
constexpr long kMinBytesPerSecond = 100;

/// One exchange: what curl's callbacks, which must not throw, work on.
struct Exchange {
  const BodySink& sink;
  const std::stop_token& stop;
  HttpHead head = {};
  std::size_t header_bytes = 0;
  std::string proxy_variable = {};  ///< of the environment, that names the proxy in use
  std::exception_ptr error = {};
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

void take_header_line(Exchange& exchange, std::string_view line) {
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kMaxHeaderBytes)
    fail(ErrorCode::io, "the server's answer does not end its headers");
  if (line.starts_with("HTTP/")) {  // of the next answer, when there was a redirect before
    exchange.head = {};
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(trimmed(line.substr(0, colon)));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  exchange.head.headers[name] = trimmed(line.substr(colon + 1));
}

/// Runs `work` for a callback of curl; what it throws is kept. Whether it ended well.
template <class Work>
bool guarded(Exchange& exchange, const Work& work) {
  try {
    work();
    return true;
  } catch (...) {
    exchange.error = std::current_exception();
    return false;
  }
}

struct Transfer {
  CURL* easy;
  Exchange exchange;
};

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const bool done = guarded(transfer.exchange, [&] {
    take_header_line(transfer.exchange, {data, size});
  });
  return done ? size : CURL_WRITEFUNC_ERROR;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  Exchange& exchange = transfer.exchange;
  if (exchange.head.status == 0) {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    exchange.head.status = static_cast<int>(status);
  }
  if (exchange.head.status / 100 != 2) return size;
  const auto bytes = std::as_bytes(std::span(data, size));
  return guarded(exchange, [&] { exchange.sink(exchange.head, bytes); }) ? size
                                                                         : CURL_WRITEFUNC_ERROR;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->exchange.stop.stop_requested() ? 1 : 0;
}

/// What curl tells of its work: where it has the proxy from, anew for each redirect.
/// (CURLINFO_USED_PROXY, which names no variable, is of curl 8.7.)
int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
  constexpr std::string_view kUses = "Uses proxy env variable ", kAgain = "Issue another request";
  const std::string_view text(data, size);
  if (type != CURLINFO_TEXT || !(text.starts_with(kUses) || text.starts_with(kAgain))) return 0;
  std::string_view name = text.starts_with(kUses) ? text.substr(kUses.size()) : "";
  name = name.substr(0, name.find(' '));
  if (name == "no_proxy" || name == "NO_PROXY") name = "";  // the hosts that need none
  Exchange& exchange = static_cast<Transfer*>(user)->exchange;
  guarded(exchange, [&] { exchange.proxy_variable = name; });
  return 0;
}

/// Whether the same request may go well a moment later.
bool is_transient(CURLcode code) {
  constexpr std::array kTransient = {CURLE_COULDNT_RESOLVE_PROXY,
                                     CURLE_COULDNT_RESOLVE_HOST,
                                     CURLE_COULDNT_CONNECT,
                                     CURLE_OPERATION_TIMEDOUT,
                                     CURLE_PARTIAL_FILE,
                                     CURLE_GOT_NOTHING,
                                     CURLE_SEND_ERROR,
                                     CURLE_RECV_ERROR,
                                     CURLE_SSL_CONNECT_ERROR,
                                     CURLE_HTTP2,
                                     CURLE_HTTP2_STREAM,
                                     CURLE_WEIRD_SERVER_REPLY};
  return std::ranges::find(kTransient, code) != kTransient.end();
}

curl_off_t number_of(CURL* curl, CURLINFO info) {
  curl_off_t number = 0;
  return curl_easy_getinfo(curl, info, &number) == CURLE_OK ? number : 0;
}

/// What went wrong, in words that do not depend on curl's version where a user may often see them;
/// otherwise `details`, which are curl's. `proxy` is the variable that names one, if one is in use.
std::string reason_of(CURL* curl, CURLcode code, const Patience& patience, std::string_view proxy,
                      std::string_view details) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "there is no host of this name, or no network";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return concat("the proxy's host is not found (see ", proxy, ")");
    case CURLE_COULDNT_CONNECT:
      return proxy.empty() ? "no server answers there"
                           : concat("the proxy does not answer (see ", proxy, ")");
    case CURLE_GOT_NOTHING:
      return "the server closed the connection without an answer";
    case CURLE_OPERATION_TIMEDOUT:
      if (number_of(curl, CURLINFO_CONNECT_TIME_T) == 0)
        return concat("no connection within ", patience.connect_timeout.count(), " s",
                      proxy.empty() ? "" : concat(" through the proxy (see ", proxy, ")"));
      return concat("the server sent less than ", kMinBytesPerSecond, " bytes/s for ",
                    patience.stall_timeout.count(), " s");
    case CURLE_PARTIAL_FILE:
      return concat("the connection ended after ", number_of(curl, CURLINFO_SIZE_DOWNLOAD_T),
                    " of ", number_of(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T), " bytes");
    default:
      return std::string(details.empty() ? curl_easy_strerror(code) : details);
  }
}

std::string part_of(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

std::string origin_of(const std::string& text) {
  const Url url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return "";
  std::string host = part_of(url, CURLUPART_HOST);
  std::ranges::transform(host, host.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return part_of(url, CURLUPART_SCHEME) + "://" + host + ":" + part_of(url, CURLUPART_PORT);
}

}  // namespace

struct HttpClient::Implementation {
  enum class Method { head, get };

  HttpHead perform(const HttpRequest& request, Method method, const BodySink& sink);
  void set_options(const HttpRequest& request, Method method, const curl_slist* headers) const;

  Easy easy;
  Settings settings;
  std::stop_token stop;
};

void HttpClient::Implementation::set_options(const HttpRequest& request, Method method,
                                             const curl_slist* headers) const {
  CURL* curl = easy.get();
  curl_easy_reset(curl);  // keeps open connections
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, settings.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   request.url.starts_with("https:") ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_NOBODY, method == Method::head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, method == Method::head ? 0L : 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMaxRedirects);
  if (!request.token.empty()) {
    // As curl's own credentials, not as a header: it then keeps them from other hosts.
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.token.c_str());
    curl_easy_setopt(curl, CURLOPT_UNRESTRICTED_AUTH, 0L);
  }
  const Patience& patience = settings.patience;
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                   static_cast<long>(patience.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kMinBytesPerSecond);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(patience.stall_timeout.count()));
}

HttpHead HttpClient::Implementation::perform(const HttpRequest& request, Method method,
                                             const BodySink& sink) {
  HeaderList headers(curl_slist_append(nullptr, "Accept-Encoding: identity"));
  for (const std::string& header : request.headers)
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  set_options(request, method, headers.get());

  CURL* curl = easy.get();
  Transfer transfer{curl, {.sink = sink, .stop = stop}};
  std::array<char, CURL_ERROR_SIZE> text{};
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text.data());
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);  // it asks on_debug()
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 0L);

  if (transfer.exchange.error) std::rethrow_exception(transfer.exchange.error);
  if (code == CURLE_ABORTED_BY_CALLBACK)
    fail(ErrorCode::interrupted, "stopped; run the command again to continue");
  if (code != CURLE_OK) {
    const std::string reason =
        reason_of(curl, code, settings.patience, transfer.exchange.proxy_variable, text.data());
    const std::string message = concat(request.url, ": ", reason);
    if (is_transient(code)) throw TransientFailure(message);
    fail(ErrorCode::io, message);
  }
  HttpHead head = std::move(transfer.exchange.head);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  head.status = static_cast<int>(status);
  const char* redirect = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
  if (redirect != nullptr) head.redirect = redirect;
  return head;
}

HttpClient::HttpClient(const Settings& settings, std::stop_token stop)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->easy.reset(curl_easy_init());
  if (!implementation_->easy) throw std::bad_alloc();
  implementation_->settings = settings;
  implementation_->stop = std::move(stop);
}

HttpClient::~HttpClient() = default;

HttpHead HttpClient::head(const HttpRequest& request) {
  return implementation_->perform(request, Implementation::Method::head, {});
}

HttpHead HttpClient::get(const HttpRequest& request, const BodySink& sink) {
  return implementation_->perform(request, Implementation::Method::get, sink);
}

bool same_origin(const std::string& url, const std::string& other) {
  const std::string origin = origin_of(url);
  return !origin.empty() && origin == origin_of(other);
}

}  // namespace ddim::engine::hub
