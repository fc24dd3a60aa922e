// Compiled instead of http_curl.cpp where there is no libcurl: the cache can be read, but nothing
// can be fetched.

#include "base/error.h"
#include "hub/http.h"

namespace ddim::engine::hub {
namespace {

[[noreturn]] void fail_missing() {
  fail(ErrorCode::user,
       "this ddim was built without libcurl and cannot fetch models: install "
       "libcurl4-openssl-dev and build it again");
}

}  // namespace

struct HttpClient::Implementation {};

HttpClient::HttpClient(const Settings&, std::stop_token) { fail_missing(); }
HttpClient::~HttpClient() = default;
HttpHead HttpClient::head(const HttpRequest&) { fail_missing(); }
HttpHead HttpClient::get(const HttpRequest&, const BodySink&) { fail_missing(); }
bool same_origin(const std::string&, const std::string&) { fail_missing(); }

}  // namespace ddim::engine::hub
