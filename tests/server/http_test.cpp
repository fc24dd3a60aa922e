// What comes over the wire that should not: limits, nonsense, slowness. Small versions of what
// `make torture-server` does at length.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "http_parser.h"
#include "model_shelf.h"
#include "tests/server/running_service.h"
#include "tests/support/expect_error.h"

namespace ddim::server_test {
namespace {

using test::expect_error;

class Http : public Served {
 protected:
  bool is_healthy() const { return get("/healthz").status == 200; }
  /// More than a server keeps of requests that it refuses, with what the allocator holds back.
  static constexpr std::int64_t kMemoryOfNonsense = 64 << 20;
  void expect_memory_at_most(std::int64_t most) const {
    EXPECT_LE(metric_at_most("process_resident_memory_bytes", most), most);
  }
};

TEST_F(Http, KeepsConnectionsAndAnswersInOrder) {
  const Connection connection(port());
  connection.send(head("GET /healthz") + head("GET /nowhere") + head("HEAD /healthz") +
                  head("GET /healthz", "Connection: close\r\n"));
  const std::string all = connection.receive_all();
  std::vector<std::string> statuses;
  for (std::size_t at = 0; (at = all.find("HTTP/1.1 ", at)) != std::string::npos; ++at)
    statuses.push_back(all.substr(at + 9, 3));
  EXPECT_EQ(statuses, (std::vector<std::string>{"200", "404", "200", "200"}));
  EXPECT_TRUE(all.ends_with("ok\n"));
  EXPECT_EQ(all.find("ok\n"), all.find("ok\n", 0));
  for (const char* host : {"Host: localhost\r\n", ""}) {
    const std::string answer = raw(fmt::format("GET /healthz HTTP/1.0\r\n{}\r\n", host));
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("ok\n")) << answer;
  }
}

TEST_F(Http, SendsNoEventsToWhoAsksForTheirHeadAlone) {
  const std::string job = submit(R"({"model": "slow", "steps": 1000, "preview_every": 1})");
  wait_for_state(job, "running");
  const Connection connection(port());
  connection.send(head("HEAD /api/jobs/" + job + "/events"));
  EXPECT_TRUE(connection.receive_until("\r\n\r\n").ends_with("keep-alive\r\n\r\n"));
  EXPECT_EQ(connection.receive(milliseconds(250)), "");  // of a job that goes on
  connection.send(head("GET /healthz"));
  const std::string answer = connection.receive_until("ok\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
}

TEST_F(Http, SaysItsRulesToBrowsers) {
  for (const char* target : {"/", "/api/models", "/nowhere", "/healthz"}) {
    const Answer answer = get(target);
    EXPECT_NE(answer.headers.at("content-security-policy").find("default-src 'none'"),
              std::string::npos);
    EXPECT_EQ(answer.headers.at("content-security-policy").find("unsafe"), std::string::npos);
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.headers.at("cross-origin-resource-policy"), "same-origin");
    EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
    EXPECT_TRUE(answer.headers.at("date").ends_with(" GMT"));
  }
  // Whatever the answer is, and whoever finds that out.
  for (const auto& [bytes, status] :
       std::map<std::string, int>{{head("POST /api/jobs", "Content-Length: 99999999\r\n"), 413},
                                  {head("POST /nowhere", "Content-Length: 1\r\n"), 404},
                                  {"no HTTP\r\n\r\n", 400}}) {
    const Answer answer = parse_answer(raw(bytes));
    EXPECT_EQ(answer.status, status);
    EXPECT_TRUE(answer.headers.contains("content-security-policy")) << status;
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
  }
  const Answer page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(get("/", {{"If-None-Match", page.headers.at("etag")}}).status, 304);
}

TEST_F(Http, LeadsNowhereElse) {
  for (const char* target :
       {"/../etc/passwd", "/..%2f..%2fetc/passwd", "/index.html/..", "//etc/passwd",
        "/api/jobs/../../etc/passwd", "/%2e%2e/main.cpp", "/api/jobs/<script>alert(1)</script>"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_EQ(answer.body.find("root:"), std::string::npos);
    EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  }
}

TEST_F(Http, RefusesByTheHeadBeforeABodyComes) {
  ServiceOptions locked = options();
  locked.access.api_key = "key";
  start(locked);
  const std::string body = "Expect: 100-continue\r\nContent-Length: 1000\r\n";
  const std::string key = "Authorization: Bearer key\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {head("POST /api/jobs", body), 401},
      {head("POST /api/uploads", "Transfer-Encoding: chunked\r\n"), 401},
      {head("POST /api/jobs", body + key + "Origin: http://evil.example\r\n"), 403},
      {"POST /api/jobs HTTP/1.1\r\nHost: evil.example\r\n" + body + key + "\r\n", 403},
      {head("POST /nowhere", body + key), 404},
      {head("POST /", body + key), 405},
      {head("PUT /api/jobs", body + key), 405}};
  for (const auto& [bytes, status] : cases) {
    const std::string text = raw(bytes);
    const Answer answer = parse_answer(text);
    EXPECT_EQ(answer.status, status) << text;  // not 100
    EXPECT_EQ(answer.headers.at("connection"), "close");
    EXPECT_EQ(answer.headers.contains("allow"), status == 405) << text;
  }
  EXPECT_EQ(ask(port(), "POST", "/", "", {}).headers.at("allow"), "GET, HEAD");
}

TEST_F(Http, HoldsSoMuchOfBodiesAndNoMore) {
  ServiceOptions small = options();
  small.limits.kept_bytes = 2 << 20;
  start(small);
  const auto upload = [](const std::string& lines) { return head("POST /api/uploads", lines); };
  const std::string large = "Content-Length: 1500000\r\n";
  auto first = std::make_unique<Connection>(port());
  first->send(upload(large) + std::string(1'400'000, 'x'));
  Answer second;
  for (int i = 0; i < 1000 && second.status != 429; ++i) {  // until it has come
    const Connection connection(port());
    connection.send(upload(large + "Expect: 100-continue\r\n"));
    second = parse_answer(connection.receive_until("\r\n\r\n"));
  }
  EXPECT_EQ(second.status, 429);
  EXPECT_TRUE(second.headers.contains("retry-after"));
  EXPECT_EQ(parse_answer(raw(upload("Transfer-Encoding: chunked\r\n") + "100000\r\n" +
                             std::string(0x100000, 'x')))
                .status,
            429);
  EXPECT_EQ(post("/api/uploads", std::string(1000, 'x')).status, 201);
  first.reset();
  EXPECT_EQ(metric_at_most("ddim_connections", 1), 1);
  EXPECT_EQ(post("/api/uploads", std::string(1'000'000, 'x')).status, 201);
}

TEST_F(Http, TellsThoseWhoAreOneTooMany) {
  for (const int status : {429, 503}) {
    ServiceOptions few = options();
    (status == 429 ? few.limits.connections_per_address : few.limits.connections) = 2;
    start(few);
    const std::string job = submit(R"({"model": "slow", "steps": 1000})");
    const Connection one(port()), two(port());
    for (const Connection* connection : {&one, &two}) {
      connection->send(head("GET /api/jobs/" + job + "/events"));
      connection->receive_until("data: ");
    }
    const Answer answer = get("/healthz");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.headers.at("retry-after"), "5");
  }
}

// T18
TEST_F(Http, RefusesWhatIsTooLarge) {
  const std::string chunked = head("POST /api/jobs", "Transfer-Encoding: chunked\r\n");
  std::string many_lines;
  for (int i = 0; i < 101; ++i) many_lines += fmt::format("X-{}: 1\r\n", i);
  const std::vector<std::pair<std::string, int>> cases = {
      {head("GET /healthz", "X: " + std::string(8192, 'x') + "\r\n"), 431},
      {"GET /" + std::string(9000, 'x'), 431},
      {head("GET /healthz", many_lines), 431},
      {head("POST /api/jobs", "Content-Length: 1048577\r\n"), 413},
      {head("POST /api/jobs", "Content-Length: 17179869184\r\n"), 413},
      {head("POST /api/jobs", "Content-Length: 99999999999999999999999\r\n"), 400},
      {head("POST /api/jobs", "Content-Length: -2\r\n"), 400},
      {head("POST /api/uploads", "Content-Length: 16777217\r\n"), 413},
      {chunked + "-2\r\n", 400},
      {chunked + "1;" + std::string(40'000, 'x'), 400},
      {chunked + "2\r\n{}\r\n0\r\nX: " + std::string(40'000, 'x'), 400},
      {chunked + "fffffffffffffffffff\r\n", 400},
      {chunked + "100001\r\n" + std::string(0x100001, 'x') + "\r\n0\r\n\r\n", 413},
      {head("POST /api/jobs", "Content-Encoding: gzip\r\nContent-Length: 3\r\n") + "abc", 415},
      {head("POST /api/jobs", "Expect: magic\r\nContent-Length: 3\r\n"), 417},
      {head("POST /api/jobs", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400},
      {head("POST /api/jobs", "Transfer-Encoding: gzip, chunked\r\n"), 400},
      {"GET /healthz HTTP/1.1\r\n\r\n", 400},
      {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 400},
      {head("GET /api/models?a=%zz"), 400},
      {"\x16\x03\x01 hello, TLS?\r\n\r\n", 400},
  };
  const std::int64_t memory = metric("process_resident_memory_bytes");
  for (const auto& [bytes, status] : cases) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string text = raw(bytes);
    EXPECT_EQ(parse_answer(text).status, status) << bytes.substr(0, 100) << "\n" << text;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  }
  EXPECT_TRUE(is_healthy());
  expect_memory_at_most(memory + kMemoryOfNonsense);
}

TEST_F(Http, TakesChunksAndSaysContinue) {
  const std::string chunked = head("POST /api/jobs", "Transfer-Encoding: chunked\r\n");
  EXPECT_EQ(parse_answer(raw(chunked + "6\r\n{\"step\r\n6\r\ns\": 3}\r\n0\r\n\r\n" +
                             head("GET /healthz", "Connection: close\r\n")))
                .status,
            202);
  const Connection connection(port());
  connection.send(head("POST /api/jobs", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
  EXPECT_TRUE(connection.receive_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  connection.send("{}");
  EXPECT_TRUE(connection.receive_until("}").starts_with("HTTP/1.1 202 "));
  EXPECT_TRUE(raw("POST /api/jobs HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
                  .starts_with("HTTP/1.0 202 "));  // which does not know "100 Continue"
}

// T17
TEST_F(Http, AnswersOthersWhileManyAreSlow) {
  ServiceOptions few = options();
  few.limits.connections_per_address = 40;
  start(few);
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(std::make_unique<Connection>(port()));
    slow.back()->send(i % 2 == 0 ? "GET /hea"
                                 : head("POST /api/jobs", "Content-Length: 100\r\n") + "{");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_healthy());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  }
  EXPECT_LE(metric("ddim_connections"), 41);
  EXPECT_GE(metric("ddim_connections_refused_total"), 20);
}

TEST_F(Http, GivesSlowClientsUp) {
  ServiceOptions hasty = options();
  hasty.limits.header_time = hasty.limits.body_time = hasty.limits.idle_time =
      std::chrono::seconds(1);
  start(hasty);
  const Connection in_head(port()), in_body(port()), silent(port()), idle(port());
  in_head.send("GET /hea");
  in_body.send(head("POST /api/jobs", "Content-Length: 100\r\n") + "{");
  idle.send(head("GET /healthz"));
  idle.receive_until("ok\n");
  const auto begin = std::chrono::steady_clock::now();
  for (const Connection* connection : {&in_head, &in_body}) {
    const std::string answer = connection->receive_all();
    EXPECT_EQ(parse_answer(answer).status, 408) << answer;
    EXPECT_NE(answer.find(connection == &in_head ? "the head" : "the body"), std::string::npos);
  }
  for (const Connection* connection : {&silent, &idle})
    EXPECT_EQ(connection->receive(std::chrono::seconds(20)), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(metric_at_most("ddim_connections", 1), 1);
}

TEST_F(Http, HoldsNoMoreForThoseWhoReadSlowly) {
  ServiceOptions small = options();
  small.limits.kept_bytes = (48 << 20) + (64 << 10);
  start(small);
  const std::string id = submit(R"({"model": "large", "steps": 1, "count": 3})");
  ASSERT_EQ(ended(id).at("state"), "done");
  const std::string target = "/api/jobs/" + id + "/pictures.safetensors";
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 4; ++i) {  // each of 12 MiB
    slow.push_back(std::make_unique<Connection>(port()));
    slow.back()->send(head("GET " + target));
    EXPECT_TRUE(slow.back()->receive().starts_with("HTTP/1.1 200"));
  }
  const Answer refused = get(target);
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  EXPECT_TRUE(is_healthy());
  // Nor for those who listen: they miss previews, and nothing else.
  const std::string job = submit(R"({"model": "large", "steps": 2, "preview_every": 1})");
  const std::string events = get("/api/jobs/" + job + "/events").body;
  EXPECT_NE(events.find(R"("state":"done")"), std::string::npos);
  EXPECT_EQ(events.find("event: preview"), std::string::npos);
  slow.pop_back();
  EXPECT_EQ(metric_at_most("ddim_connections", 4), 4);
  EXPECT_EQ(get(target).status, 200);
}

// T19: every value of every field that is out of its range, as the description says it.
TEST_F(Http, RefusesWhatTheDescriptionForbids) {
  const Json description = Json::parse(get("/api/openapi.json").body);
  const Json fields = description.at("components").at("schemas").at("Job").at("properties");
  EXPECT_GT(fields.size(), 30U);
  const auto refuses = [&](const std::string& name, const std::string& value) {
    const Answer answer = post("/api/jobs", fmt::format(R"({{"{}": {}}})", name, value));
    EXPECT_EQ(answer.status, 400) << name << ": " << value;
    if (answer.status == 400) {
      EXPECT_EQ(field_of(answer), name) << value << answer.body;
    }
  };
  for (const auto& [name, schema] : fields.items()) {
    for (const char* wrong : {"{}", "null", "[[]]", "[]", "true"})
      if (wrong != std::string("true") || schema.value("type", "") != "boolean")
        refuses(name, wrong);
    const std::string type = schema.value("type", "");
    if (type == "integer" || type == "number") {
      for (const char* wrong : {"\"x\"", "-1e30", "1e30", "[1]"}) refuses(name, wrong);
      if (schema.contains("minimum")) refuses(name, fmt::format("{}", -1001));
      if (schema.contains("exclusiveMinimum")) refuses(name, "0");
      if (name != "seed")  // whose largest is that of 64 bits
        refuses(name, fmt::format("{}", schema.at("maximum").get<double>() * 2.0));
    }
    if (type == "integer") refuses(name, "1.5");
    if (schema.contains("enum")) refuses(name, "\"nonsense\"");
    if (type == "string") refuses(name, "7");
    if (schema.contains("maxLength")) refuses(name, "\"" + std::string(300, 'x') + "\"");
  }
  refuses("seed", "18446744073709551616");
  refuses("nonsense", "1");
  for (const char* body : {"", "{", "[]", "7", "null", "{\"steps\": NaN}", "{\"steps\": 1e999}",
                           "{} {}", "\xff\xfe", "{\"\": 1}", "{\"steps\": 1,}"})
    EXPECT_EQ(field_of(post("/api/jobs", body)), "body") << body;
  std::string many = "{";
  for (int i = 0; i < 90'000; ++i) many += fmt::format("\"f{}\":1,", i);
  EXPECT_EQ(field_of(post("/api/jobs", many + "\"x\":1}")), "body");
  EXPECT_EQ(field_of(post("/api/jobs", std::string(500'000, '['))), "body");
  const std::vector<std::pair<std::string, std::string>> contradictions = {
      {R"({"steps": 2000})", "steps"},
      {R"({"sampler": "unipc", "eta": 1})", "eta"},
      {R"({"eta": 1, "sigma_hat": true})", "eta"},
      {R"({"tau": [1, 5], "steps": 2})", "steps"},
      {R"({"tau": [5, 1]})", "tau"},
      {R"({"sampler": "adaptive", "steps": 5})", "steps"},
      {R"({"clip_range": 2})", "clip_range"},
      {R"({"as": "diffusers", "clip": "none"})", "clip"},
      {R"({"strength": 0.5})", "strength"},
      {R"({"frames": 5})", "frames"},
      {R"({"task": "interpolate", "ends": [1, 2, 3]})", "ends"},
      {R"({"task": "interpolate", "ends": [1, "0123"]})", "ends"},
      {R"({"task": "interpolate", "ends": [1, "codes:x"]})", "ends"},
      {R"({"task": "encode"})", "pictures"},
      {R"({"task": "decode"})", "codes"},
      {R"({"task": "decode", "codes": "x"})", "codes"},
      {R"({"task": "filmstrip", "sampler": "adaptive"})", "sampler"},
      {R"({"model": "other"})", "model"},
      {R"({"guidance": 2})", "class"},
  };
  for (const auto& [body, field] : contradictions) {
    const Answer answer = post("/api/jobs", body);
    EXPECT_TRUE(answer.status == 400 || answer.status == 404) << body;
    EXPECT_EQ(field_of(answer), field) << body << answer.body;
  }
}

TEST_F(Http, IsAsItsDescriptionSays) {
  const Json paths = Json::parse(get("/api/openapi.json").body).at("paths");
  EXPECT_GT(paths.size(), 14U);
  for (const auto& [path, methods] : paths.items()) {
    std::string target = path;
    for (std::size_t at = 0; (at = target.find('{')) != std::string::npos;)
      target.replace(at, target.find('}', at) - at + 1, "0");
    // An address without the thing that it names is another 404 than no address.
    const Answer other = ask(port(), "PATCH", target);
    EXPECT_EQ(other.status, 405) << path;
    for (const auto& [method, operation] : methods.items()) {
      std::string name = method;
      for (char& c : name) c = static_cast<char>(std::toupper(c));
      EXPECT_NE(other.headers.at("allow").find(name), std::string::npos) << path;
      const Answer answer = ask(port(), name, target, name == "POST" ? "{\"steps\": 0}" : "");
      if (answer.status / 100 != 2) {
        EXPECT_FALSE(Json::parse(answer.body).at("error").at("message").empty()) << path;
        continue;
      }
      const std::string type = answer.headers.at("content-type");
      EXPECT_TRUE(operation.at("responses").contains(std::to_string(answer.status))) << path;
      EXPECT_TRUE(type.starts_with(operation.at("responses")
                                       .at(std::to_string(answer.status))
                                       .at("content")
                                       .items()
                                       .begin()
                                       .key()))
          << path << " " << type;
    }
  }
}

/// What OpenAPI 3.0 wants of a schema; `all` is the document.
void check_schema(const Json& schema, const Json& all, const std::string& at) {
  static const std::set<std::string> kKeys = {"$ref",
                                              "type",
                                              "description",
                                              "minimum",
                                              "maximum",
                                              "exclusiveMinimum",
                                              "enum",
                                              "default",
                                              "minLength",
                                              "maxLength",
                                              "minItems",
                                              "maxItems",
                                              "exclusiveMaximum",
                                              "required",
                                              "properties",
                                              "items",
                                              "oneOf",
                                              "nullable",
                                              "format",
                                              "additionalProperties"};
  static const std::set<std::string> kTypes = {"string",  "number", "integer",
                                               "boolean", "array",  "object"};
  ASSERT_TRUE(schema.is_object()) << at;
  for (const auto& [key, value] : schema.items()) EXPECT_TRUE(kKeys.contains(key)) << at << key;
  if (schema.contains("$ref")) {
    EXPECT_EQ(schema.size(), 1U) << at;
    const std::string to = schema.at("$ref");
    ASSERT_TRUE(to.starts_with("#/")) << to;
    EXPECT_TRUE(all.contains(Json::json_pointer(to.substr(1)))) << to;
  }
  if (schema.contains("type")) {
    EXPECT_TRUE(kTypes.contains(schema.at("type"))) << at;
  }
  for (const auto& [own, bound] :
       {std::pair("exclusiveMinimum", "minimum"), std::pair("exclusiveMaximum", "maximum")}) {
    if (!schema.contains(own)) continue;
    EXPECT_TRUE(schema.at(own).is_boolean()) << at;  // numbers are 3.1's
    EXPECT_TRUE(schema.contains(bound)) << at;
  }
  if (schema.contains("minimum") && schema.contains("maximum")) {
    EXPECT_LE(schema.at("minimum"), schema.at("maximum")) << at;
  }
  EXPECT_FALSE(schema.contains("nullable") && !schema.contains("type")) << at;
  if (schema.contains("enum") && schema.contains("default")) {
    const Json& values = schema.at("enum");
    EXPECT_NE(std::ranges::find(values, schema.at("default")), values.end()) << at;
  }
  EXPECT_EQ(schema.contains("items"), schema.value("type", "") == "array") << at;
  if (schema.contains("items")) check_schema(schema.at("items"), all, at + "/items");
  for (const Json& name : schema.value("required", Json::array()))
    EXPECT_TRUE(schema.at("properties").contains(name)) << at << name;
  if (schema.contains("properties"))
    for (const auto& [name, one] : schema.at("properties").items())
      check_schema(one, all, at + "/" + name);
  for (const Json& one : schema.value("oneOf", Json::array()))
    check_schema(one, all, at + "/oneOf");
}

/// The same of what is sent, in a body or a response.
void check_content(const Json& content, const Json& all, const std::string& at) {
  for (const auto& [type, media] : content.items()) {
    EXPECT_NE(type.find('/'), std::string::npos) << at;
    ASSERT_TRUE(media.contains("schema")) << at;
    check_schema(media.at("schema"), all, at + " " + type);
  }
}

TEST_F(Http, IsDescribedAsOpenApi30Wants) {
  const Json all = Json::parse(get("/api/openapi.json").body);
  EXPECT_TRUE(all.at("openapi").get<std::string>().starts_with("3.0."));
  EXPECT_TRUE(all.at("info").contains("title") && all.at("info").contains("version"));
  for (const auto& [name, schema] : all.at("components").at("schemas").items())
    check_schema(schema, all, name);
  for (const auto& [path, methods] : all.at("paths").items())
    for (const auto& [method, operation] : methods.items()) {
      const std::string at = method + " " + path;
      std::set<std::string> in_path;
      for (const Json& parameter : operation.value("parameters", Json::array())) {
        const std::string name = parameter.at("name"), in = parameter.at("in");
        EXPECT_TRUE(in == "path" || in == "query" || in == "header") << at;
        if (in != "path") {
          EXPECT_FALSE(parameter.value("required", false)) << at;
        } else {
          EXPECT_TRUE(parameter.at("required")) << at;
          EXPECT_TRUE(in_path.insert(name).second) << at;
          EXPECT_NE(path.find("{" + name + "}"), std::string::npos) << at;
        }
        check_schema(parameter.at("schema"), all, at + " " + name);
      }
      EXPECT_EQ(std::ssize(in_path), std::ranges::count(path, '{')) << at;
      EXPECT_EQ(operation.contains("requestBody"), method == "post") << at;
      if (method == "post") check_content(operation.at("requestBody").at("content"), all, at);
      EXPECT_TRUE(operation.at("responses").contains("4XX")) << at;
      EXPECT_TRUE(operation.at("responses").contains("5XX")) << at;
      for (const auto& [status, response] : operation.at("responses").items()) {
        EXPECT_TRUE(status.size() == 3 && status[0] >= '1' && status[0] <= '5') << at << status;
        EXPECT_FALSE(response.at("description").get<std::string>().empty()) << at;
        check_content(response.value("content", Json::object()), all, at + " " + status);
      }
      for (const Json& needed : operation.value("security", Json::array()))
        for (const auto& [name, scopes] : needed.items())
          EXPECT_TRUE(all.at("components").at("securitySchemes").contains(name)) << at;
    }
}

std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (std::size_t n = 1 + below(4); n > 0; --n) {
    const std::size_t at = below(text.size());
    if (below(3) == 0) {
      text.erase(at, 1 + below(4));
    } else if (below(2) == 0) {
      text[at] = static_cast<char>(below(256));
    } else {
      text.insert(at, text.substr(below(text.size()), 1 + below(6)));
    }
    if (text.empty()) text = "{";
  }
  return text;
}

// T19
TEST_F(Http, SurvivesMutatedRequests) {
  std::mt19937 random(5);
  const bool at_length = std::getenv("DDIM_TORTURE") != nullptr;  // scripts/torture_server.sh
  ServiceOptions small = options();
  small.limits.kept_bytes = 4 << 20;  // of results, which are not what memory must not grow by
  start(small);
  std::string drawn = submit(R"({"steps": 3})");
  ended(drawn);
  const std::int64_t memory = metric("process_resident_memory_bytes");
  const std::vector<std::pair<std::string, std::string>> bodies = {
      {"/api/jobs",
       R"({"task": "sample", "steps": 3, "tau": "quadratic", "eta": 0.5, "count": 2, "seed": 5})"},
      {"/api/jobs", R"({"model": "classes", "steps": 3, "class": ["bag", 1], "guidance": 2})"},
      {"/api/jobs", R"({"task": "interpolate", "ends": [5, "@/0"], "frames": 3, "steps": 2})"},
      {"/api/jobs", R"({"task": "encode", "pictures": ["@/0"], "tau": [1, 7], "exact": true})"},
      {"/api/jobs", R"({"init_image": "@/0", "strength": 0.5, "clip": "keep-eps", "steps": 2})"},
      {"/v1/images/generations",
       R"({"prompt": "bag", "model": "classes", "n": 1, "size": "16x16", "steps": 2})"}};
  for (int i = 0; i < (at_length ? 10'000 : 200); ++i) {
    if (i % 100 == 99) ended(drawn = submit(R"({"steps": 3})"));  // before it is forgotten
    const auto& [target, body] = bodies[static_cast<std::size_t>(i) % bodies.size()];
    std::string wrong = mutated(body, random);
    if (const std::size_t at = wrong.find('@'); at != std::string::npos)
      wrong.replace(at, 1, drawn);
    const Answer answer = post(target, wrong);
    EXPECT_TRUE(answer.status == (target == "/api/jobs" ? 202 : 200) || answer.status == 400 ||
                answer.status == 404 || answer.status == 429)
        << answer.status << " " << wrong;
    if (answer.status == 400) {
      EXPECT_NE(field_of(answer), "") << wrong << "\n" << answer.body;
    }
  }
  const std::string start = head("POST /api/jobs?name=a%20b",
                                 "Content-Type: application/json\r\nContent-Length: 2\r\n"
                                 "Connection: close\r\n") +
                            "{}";
  for (int i = 0; i < (at_length ? 1'000 : 200); ++i) {
    const Connection connection(port());
    connection.send(mutated(start, random));
    connection.end_sending();
    const std::string text = connection.receive_all();
    EXPECT_EQ(text.find("HTTP/1.1 5"), std::string::npos) << text;
  }
  EXPECT_TRUE(is_healthy());
  expect_memory_at_most(memory + kMemoryOfNonsense);
}

// T16
TEST_F(Http, ServesManyAtOnceWhileAJobRuns) {
  const std::string job = submit(R"({"model": "slow", "steps": 1000, "preview_every": 1})");
  const std::int64_t files_before = metric("process_open_fds");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i)
    clients.emplace_back([&, i] {
      const Connection connection(port());
      for (int k = 0; k < 50; ++k) {
        if (i == 0) {
          connection.send(head("GET /api/jobs/" + job));
        } else {
          connection.send(head("GET /healthz"));
        }
        if (!connection.receive_until(i == 0 ? "}" : "ok\n").starts_with("HTTP/1.1 200")) ++wrong;
      }
    });
  const Connection listener(port());
  listener.send(head("GET /api/jobs/" + job + "/events"));
  EXPECT_NE(listener.receive_until("event: preview").find("event: preview"), std::string::npos);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  // The listener has two ends in this process.
  EXPECT_LE(metric_at_most("process_open_fds", files_before + 2), files_before + 2);
}

TEST_F(Http, LogsALineForEachRequest) {
  get("/healthz");
  get("/api/models?key=secret");
  const std::string text = log();
  EXPECT_NE(text.find(" 127.0.0.1 GET /healthz 200 3 "), std::string::npos) << text;
  EXPECT_NE(text.find(" GET /api/models 200 "), std::string::npos) << text;
  EXPECT_EQ(text.find("secret"), std::string::npos);
  get("/\xc3\xa4");
  EXPECT_NE(log().find(" GET /%C3%A4 404 "), std::string::npos) << log();
  // A line also where the client leaves before the end.
  const std::string job = submit(R"({"model": "slow", "steps": 1000})");
  {
    const Connection in_head(port()), in_events(port());
    in_head.send("GET /hea");
    in_events.send(head("GET /api/jobs/" + job + "/events"));
    in_events.receive_until("data: ");
  }
  EXPECT_EQ(metric_at_most("ddim_connections", 1), 1);
  EXPECT_NE(log().find(" - - 499 "), std::string::npos) << log();
  EXPECT_NE(log().find(" GET /api/jobs/" + job + "/events 499 "), std::string::npos) << log();
  ServiceOptions other = options();
  other.log = server::LogStyle::json;
  start(other);
  log_.clear();
  get("/he\"althz");
  const Json line = Json::parse(log());
  EXPECT_EQ(line.at("target"), "/he\"althz");
  EXPECT_EQ(line.at("status"), 404);
  other.log = server::LogStyle::none;
  start(other);
  log_.clear();
  get("/healthz");
  EXPECT_EQ(log(), "");
}

TEST(Parser, SplitsWhereverBytesAreCut) {
  const std::string text =
      "POST /a/b?x=1+2&y=%41 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\n"
      "helloGET /next";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    server::HttpParser parser({}, [](const server::Request& head, std::int64_t length) {
      EXPECT_EQ(head.path, "/a/b");
      EXPECT_EQ(length, 5);
      return std::optional<std::int64_t>(10);
    });
    parser.put(text.substr(0, cut));
    parser.put(text.substr(cut));
    ASSERT_EQ(parser.state(), server::HttpParser::State::done) << cut << parser.problem();
    EXPECT_TRUE(parser.keeps_alive());
    const server::Request request = parser.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/a/b");
    EXPECT_EQ(request.query.at("x"), "1 2");
    EXPECT_EQ(request.query.at("y"), "A");
    EXPECT_EQ(request.header("x-a"), "1, 2");
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(parser.rest(), "GET /next");
  }
}

TEST(Shelf, KeepsSoManyModelsAndNoMore) {
  std::map<std::string, int> loads;
  std::vector<ModelSource> sources;
  for (const char* name : {"a", "b", "c"})
    sources.push_back(source(name, formula_model(milliseconds(0)), [&loads, name] {
      ++loads[name];
      return formula_model(milliseconds(0));
    }));
  server::ModelShelf shelf(sources, 2);
  for (const char* name : {"a", "b", "a", "c", "a"}) shelf.lease(name, {});
  EXPECT_EQ(loads["a"], 1);
  EXPECT_TRUE(shelf.is_loaded("c"));
  EXPECT_FALSE(shelf.is_loaded("b"));  // was not used for longest
  shelf.lease("b", {});
  EXPECT_EQ(loads["b"], 2);

  // While all that may be loaded are at work, the next one waits.
  auto first = shelf.lease("a", {}), second = shelf.lease("b", {});
  std::stop_source stop;
  stop.request_stop();
  expect_error(ErrorCode::interrupted, "", [&] { shelf.lease("c", stop.get_token()); });
  std::thread waiting([&] { shelf.lease("c", {}); });
  second.reset();
  waiting.join();
  EXPECT_FALSE(shelf.is_loaded("b"));
  EXPECT_TRUE(shelf.is_loaded("a"));
}

}  // namespace
}  // namespace ddim::server_test
