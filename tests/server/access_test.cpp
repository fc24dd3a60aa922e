// Who may ask: names, pages of others, keys, proxies.
#include "access.h"

#include <fmt/core.h>

#include "request_error.h"
#include "tests/server/running_service.h"
#include "tests/support/expect_error.h"

namespace ddim::server_test {
namespace {

using test::expect_error;

class Access : public Served {};

TEST_F(Access, AnswersToItsOwnNamesAlone) {
  for (const char* host :
       {"localhost", "LocalHost:1", "127.0.0.1", "10.1.2.3:80", "[::1]:80", "[0:0::1]"})
    EXPECT_EQ(get("/healthz", {{"Host", host}}).status, 200) << host;
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "", "[evil]", "1.2.3"})
    EXPECT_EQ(get("/healthz", {{"Host", host}}).status, 403) << host;
}

TEST_F(Access, RefusesPagesOfOthers) {
  const std::string own = fmt::format("http://127.0.0.1:{}", port());
  EXPECT_EQ(get("/api/models", {{"Origin", own}}).status, 200);
  for (const char* origin :
       {"http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"})
    EXPECT_EQ(get("/api/models", {{"Origin", origin}}).status, 403) << origin;
  const Answer job = ask(port(), "POST", "/api/jobs", "{}", {{"Origin", "http://evil.example"}});
  EXPECT_EQ(job.status, 403);
  EXPECT_EQ(field_of(job), "Origin");
  EXPECT_EQ(get("/api/models", {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(get("/", {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}}).status,
            200);
}

TEST_F(Access, LetsThoseInThatAreNamed) {
  ServiceOptions open = options();
  open.access.hosts = {"pictures.example"};
  open.access.origins = {"https://friend.example"};
  start(open);
  EXPECT_EQ(get("/healthz", {{"Host", "pictures.example:80"}}).status, 200);
  const Lines friendly = {{"Origin", "https://friend.example"}};
  const Answer answer = get("/api/models", friendly);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("access-control-allow-origin"), "https://friend.example");
  EXPECT_EQ(answer.headers.at("access-control-expose-headers"), "Location, Retry-After");
  EXPECT_EQ(get("/healthz", {{"Host", "PICTURES.example"}}).status, 200);
  const Answer large = parse_answer(raw(
      head("POST /api/jobs", "Origin: https://friend.example\r\nContent-Length: 99999999\r\n")));
  EXPECT_EQ(large.status, 413);
  EXPECT_EQ(large.headers.at("access-control-allow-origin"), "https://friend.example");
  EXPECT_EQ(ask(port(), "OPTIONS", "/api/jobs", "", friendly).status, 204);
  EXPECT_EQ(ask(port(), "OPTIONS", "/api/jobs", "", {{"Origin", "https://evil.example"}}).status,
            403);
}

TEST_F(Access, WantsTheKey) {
  ServiceOptions locked = options();
  locked.access.api_key = "open sesame";
  start(locked);
  for (const char* target : {"/api/models", "/api/jobs/0", "/metrics", "/api/openapi.json"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 401) << target;
    EXPECT_EQ(answer.headers.at("www-authenticate"), "Bearer");
    EXPECT_EQ(get(target, {{"Authorization", "Bearer open"}}).status, 401);
    for (const char* word : {"Bearer", "bearer", "BEARER"})
      EXPECT_NE(get(target, {{"Authorization", word + std::string(" open sesame")}}).status, 401);
  }
  EXPECT_EQ(post("/v1/images/generations", "{}").status, 401);
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(Access, IsReachedByOthersOnlyWithAKeyOrOnPurpose) {
  const auto serve_at = [](const std::string& address, const std::string& key,
                           Service::Reach reach) {
    ServiceOptions where = options();
    where.listen.address = address;
    where.access.api_key = key;
    const Service service(
        {source("m", formula_model(milliseconds(0)))}, where, [](const std::string&) {}, reach);
  };
  using Reach = Service::Reach;
  for (const char* address : {"0.0.0.0", "::"})
    expect_error(ErrorCode::user, "--insecure",
                 [&] { serve_at(address, "", Reach::own_machine_or_key); });
  serve_at("0.0.0.0", "key", Reach::own_machine_or_key);
  serve_at("0.0.0.0", "", Reach::anybody);
  serve_at("127.0.0.2", "", Reach::own_machine_or_key);
  for (const char* address : {"localhost", "::1", "[::1]", "0:0:0:0:0:0:0:1"})
    serve_at(address, "", Reach::own_machine_or_key);
  // What is no address is told first, not how others are kept from it.
  for (const char* address : {"example.org", "127.1.2.3.4", "[127.0.0.1", ""})
    expect_error(ErrorCode::user, "in numbers",
                 [&] { serve_at(address, "", Reach::own_machine_or_key); });
  expect_error(ErrorCode::user, "two models", [&] {
    const Model model = formula_model(milliseconds(0));
    const Service service({source("m", model), source("m", model)}, options(),
                          [](const std::string&) {});
  });
  expect_error(ErrorCode::io, "in use", [&] {
    ServiceOptions same = options();
    same.listen.port = port();
    const Service service({source("m", formula_model(milliseconds(0)))}, same,
                          [](const std::string&) {});
  });
}

TEST_F(Access, TakesRulesAsPeopleWriteThem) {
  ServiceOptions open = options();
  open.access.hosts = {"Other.ORG:8443", "[::1]:80", "my_machine"};
  open.access.origins = {"https://Friend.example/", "http://friend.example:80",
                         "https://friend.example:8443", "null"};
  start(open);
  for (const char* host : {"other.org:8443", "OTHER.org", "my_machine:1"})
    EXPECT_EQ(get("/healthz", {{"Host", host}}).status, 200) << host;
  for (const char* origin :
       {"https://friend.example", "http://friend.example", "https://friend.example:8443", "null"}) {
    const Answer answer = get("/api/models", {{"Origin", origin}});
    EXPECT_EQ(answer.status, 200) << origin;
    EXPECT_EQ(answer.headers.at("access-control-allow-origin"), origin);
  }
}

TEST_F(Access, RefusesRulesThatNoRequestMatches) {
  const auto serve_with = [](const server::AccessRules& rules) {
    ServiceOptions with = options();
    with.access = rules;
    const Service service({source("m", formula_model(milliseconds(0)))}, with,
                          [](const std::string&) {});
  };
  for (const char* host :
       {"", "*", "*.example.org", "http://other.org", "other.org/", "other.org:", "other.org:x",
        "other.org:0", "other.org:65536", "other org", "[::1", "[::1]x80", "b\xc3\xbc.example"})
    expect_error(ErrorCode::user, fmt::format("--allow-host {}: must be", host), [&] {
      serve_with({.hosts = {"ok.example", host}});
    });
  for (const char* origin :
       {"", "*", "ok.example", "://ok.example", "https://", "https:///", "https://ok.example/page",
        "https://ok.example//", "https://ok.example:x", "https://*.example", "https://a@b.example",
        "https://b\xc3\xbc.example"})
    expect_error(ErrorCode::user, fmt::format("--allow-origin {}: must be", origin), [&] {
      serve_with({.origins = {"https://ok.example", origin}});
    });
  for (const char* key : {" spaced", "spaced ", " ", "cl\xc3\xa9", "a\tb", "a\n", "\x7f"})
    expect_error(ErrorCode::user,
                 testing::AllOf(testing::HasSubstr("--api-key (or DDIM_API_KEY): must"),
                                testing::Not(testing::HasSubstr("spaced"))),  // it is a secret
                 [&] { serve_with({.api_key = key}); });
}

TEST_F(Access, AnswersAPageThatAProxyServesOverTls) {
  for (const std::string host : {"192.168.1.5", "localhost:8443", "LocalHost"}) {
    const auto status_for = [&](const std::string& origin) {
      return ask(port(), "POST", "/api/jobs", "{}", {{"Host", host}, {"Origin", origin}}).status;
    };
    EXPECT_EQ(status_for("https://" + host), 202) << host;
    EXPECT_EQ(status_for("http://" + host), 202) << host;
    for (const std::string& other :
         {"https://" + host + "1", "https://" + host + ".evil.example", "ftp://" + host,
          std::string("https://evil.example"), std::string("https://")})
      EXPECT_EQ(status_for(other), 403) << other;
  }
  // A page that came without TLS may have been made by whoever is on the way.
  const server::Access tls({.scheme = "https"});
  const auto check = [&tls](const std::string& origin) {
    server::Request request;
    request.headers = {{"host", "localhost"}, {"origin", origin}};
    tls.check_origin(request);
  };
  check("https://localhost");
  EXPECT_THROW(check("http://localhost"), server::RequestError);
}

TEST_F(Access, GivesAddressesAsTheClientCameByThem) {
  const auto url_for = [this](const Lines& lines) {
    Lines head = lines;
    head["Host"] = "localhost:8443";
    const Answer answer = ask(port(), "POST", "/v1/images/generations",
                              R"({"prompt": "", "steps": 1, "response_format": "url"})", head);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const std::string url = Json::parse(answer.body).at("data")[0].at("url");
    return url.substr(0, url.find("/api/"));
  };
  EXPECT_EQ(url_for({}), "http://localhost:8443");
  for (const char* proxy : {"https", "HTTPS", "https, http"})
    EXPECT_EQ(url_for({{"X-Forwarded-Proto", proxy}}), "https://localhost:8443") << proxy;
  for (const char* proxy : {"http", "http, https", "javascript"})
    EXPECT_EQ(url_for({{"X-Forwarded-Proto", proxy}}), "http://localhost:8443") << proxy;
  EXPECT_EQ(url_for({{"Origin", "https://localhost:8443"}}), "https://localhost:8443");
}

}  // namespace
}  // namespace ddim::server_test
