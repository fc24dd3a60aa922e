#include <ddim/json.h>
#include <ddim/version.h>

#include <algorithm>

#include "api.h"
#include "wishes.h"

namespace ddim::server {
namespace {

Json problem(const char* description) {
  return {
      {"description", description},
      {"content", {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}};
}

Json body_of(const std::string& type, const Json& schema) {
  return {{"required", true}, {"content", {{type, {{"schema", schema}}}}}};
}

/// Those that stand in braces, and those after '?' that the summary names as ?name=.
Json parameters_of(const std::string& path, const std::string& summary) {
  Json parameters = Json::list();
  for (std::size_t at = 0; (at = path.find('{', at)) != std::string::npos; ++at) {
    const std::string name = path.substr(at + 1, path.find('}', at) - at - 1);
    parameters.push_back(
        {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (std::size_t at = 0; (at = summary.find('?', at)) != std::string::npos; ++at) {
    const std::string name = summary.substr(at + 1, summary.find('=', at) - at - 1);
    parameters.push_back(
        {{"name", name}, {"in", "query"}, {"schema", {{"type", "integer"}, {"minimum", 1}}}});
  }
  return parameters;
}

}  // namespace

std::string Api::openapi() const {
  Json paths = Json::object();
  for (const Route& route : routes_) {
    std::string method = route.method;
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 32); });
    Json operation{{"summary", route.summary}};
    if (const Json parameters = parameters_of(route.path, route.summary); parameters.size() > 0)
      operation["parameters"] = parameters;
    if (route.path == "/api/jobs")
      operation["requestBody"] =
          body_of("application/json", {{"$ref", "#/components/schemas/Job"}});
    if (route.path == "/v1/images/generations")
      operation["requestBody"] =
          body_of("application/json", {{"$ref", "#/components/schemas/Images"}});
    if (route.path == "/api/uploads") {
      operation["parameters"] =
          Json::list({{{"name", "name"}, {"in", "query"}, {"schema", {{"type", "string"}}}}});
      operation["requestBody"] =
          body_of("application/octet-stream", {{"type", "string"}, {"format", "binary"}});
    }
    const char* status = route.path == "/api/uploads"                          ? "201"
                         : route.path == "/api/jobs" && route.method == "POST" ? "202"
                                                                               : "200";
    operation["responses"][status] = {{"description", "Done"},
                                      {"content", {{route.answers, Json::object()}}}};
    operation["responses"]["4XX"] = problem("What is wrong with the request");
    if (route.path != "/healthz") operation["security"] = Json::list({Json{{"key", Json::list()}}});
    paths[route.path][method] = operation;
  }
  const Json error_schema = {{"type", "object"},
                             {"properties",
                              {{"error",
                                {{"type", "object"},
                                 {"properties",
                                  {{"message", {{"type", "string"}}},
                                   {"type", {{"type", "string"}}},
                                   {"code", {{"type", "integer"}}},
                                   {"param",
                                    {{"type", "string"},
                                     {"nullable", true},
                                     {"description", "The field that is wrong"}}}}}}}}}};
  const Json description = {
      {"openapi", "3.0.3"},
      {"info",
       {{"title", "ddim serve"},
        {"version", version()},
        {"description", "Denoising diffusion implicit models (arXiv:2010.02502)"}}},
      {"paths", paths},
      {"components",
       {{"schemas",
         {{"Job", reader_.job_schema()},
          {"Images", reader_.images_schema()},
          {"Error", error_schema}}},
        {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return description.text({.indent = 1});
}

}  // namespace ddim::server
