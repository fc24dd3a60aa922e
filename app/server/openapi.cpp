#include <ddim/json.h>
#include <ddim/version.h>

#include <algorithm>
#include <map>

#include "api.h"
#include "wishes.h"

namespace ddim::server {
namespace {

const char* const kJson = "application/json";

Json reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }
Json text(const char* description) { return {{"type", "string"}, {"description", description}}; }
Json of_type(const char* type) { return {{"type", type}}; }
Json list_of(const Json& items) { return {{"type", "array"}, {"items", items}}; }
Json object_of(const Json& properties, std::initializer_list<Json> required) {
  return {{"type", "object"}, {"required", Json::list(required)}, {"properties", properties}};
}
Json number_within(std::int64_t least, std::int64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}

Json problem_response(const char* description) {
  return {{"description", description}, {"content", {{kJson, {{"schema", reference("Error")}}}}}};
}

Json body_of(const char* type, const Json& schema) {
  return {{"required", true}, {"content", {{type, {{"schema", schema}}}}}};
}

/// What a part of a path, a value after '?' or a header line may be.
Json schema_of_parameter(const std::string& name) {
  static const std::map<std::string, Json> kSchemas = {
      {"id", of_type("string")},
      {"k", {{"type", "integer"}, {"minimum", 0}}},
      {"f", {{"type", "integer"}, {"minimum", 0}}},
      {"what", {{"type", "string"}, {"enum", Json::list({"x_t", "x_0"})}}},
      {"scale", number_within(1, kMostScale)},
      {"columns", number_within(1, kMostColumns)},
      {"name", {{"type", "string"}, {"description", "The file's own name"}}},
      {"Last-Event-ID", {{"type", "integer"}, {"minimum", 0}}}};
  return kSchemas.at(name);
}

/// Those that stand in braces, and those that the summary names: ?name=, or the header's name.
Json parameters_of(const std::string& path, const std::string& summary) {
  Json parameters = Json::list();
  const auto add = [&parameters](const std::string& name, const char* in) {
    Json parameter{{"name", name}, {"in", in}, {"schema", schema_of_parameter(name)}};
    if (std::string(in) == "path") parameter["required"] = true;
    parameters.push_back(parameter);
  };
  for (std::size_t at = 0; (at = path.find('{', at)) != std::string::npos; ++at)
    add(path.substr(at + 1, path.find('}', at) - at - 1), "path");
  for (std::size_t at = 0; (at = summary.find('?', at)) != std::string::npos; ++at)
    add(summary.substr(at + 1, summary.find('=', at) - at - 1), "query");
  if (summary.find("Last-Event-ID") != std::string::npos) add("Last-Event-ID", "header");
  return parameters;
}

/// What an address answers with, of such a type.
Json schema_of_answer(const std::string& path, const std::string& type) {
  if (type == kJson) {
    if (path == "/api/models") return reference("Models");
    if (path == "/api/uploads") return reference("Upload");
    if (path.ends_with(".json") && path != "/api/openapi.json") return reference("Recipe");
    if (path.starts_with("/v1/")) return reference("ImagesAnswer");
    return path.starts_with("/api/jobs") ? reference("JobState") : of_type("object");
  }
  if (type.starts_with("text/")) return of_type("string");
  return {{"type", "string"}, {"format", "binary"}};
}

Json answer_schemas() {
  const Json any = of_type("object");
  return {
      {"Error", object_of({{"error", object_of({{"message", of_type("string")},
                                                {"type", of_type("string")},
                                                {"code", of_type("integer")},
                                                {"param",
                                                 {{"type", "string"},
                                                  {"nullable", true},
                                                  {"description", "The field that is wrong"}}}},
                                               {"message", "type", "code", "param"})}},
                          {"error"})},
      {"JobState",
       object_of({{"id", of_type("string")},
                  {"task", of_type("string")},
                  {"model", of_type("string")},
                  {"state", text("waiting, running, done, failed or cancelled")},
                  {"waiting_before", {{"type", "integer"}, {"minimum", 0}}},
                  {"evaluations_done", {{"type", "integer"}, {"minimum", 0}}},
                  {"evaluations", {{"type", "integer"}, {"minimum", 0}}},
                  {"seconds", of_type("number")},
                  {"seconds_left", of_type("number")},
                  {"events", text("The address of its events")},
                  {"results", {{"type", "object"}, {"description", "Their addresses, if done"}}},
                  {"recipe", any},
                  {"command", text("The command that does the same")},
                  {"files", {{"type", "object"}, {"description", "What it reads, by name"}}},
                  {"error", any}},
                 {"id", "task", "model", "state", "seconds", "events"})},
      {"Models",
       object_of({{"models", list_of(object_of({{"name", of_type("string")},
                                                {"width", of_type("integer")},
                                                {"height", of_type("integer")},
                                                {"channels", of_type("integer")},
                                                {"T", of_type("integer")},
                                                {"num_classes", of_type("integer")},
                                                {"class_names", list_of(of_type("string"))},
                                                {"loaded", of_type("boolean")}},
                                               {"name", "width", "height", "channels"}))},
                  {"version", of_type("string")},
                  {"most_pictures", {{"type", "integer"}, {"description", "Of a job"}}},
                  {"choices", any}},
                 {"models", "version", "most_pictures", "choices"})},
      {"Upload",
       object_of(
           {{"id", of_type("string")}, {"name", of_type("string")}, {"bytes", of_type("integer")}},
           {"id", "name", "bytes"})},
      {"Recipe", object_of({{"recipe", any},
                            {"command", of_type("string")},
                            {"makes", text("picture, or all: those of the job, in one")},
                            {"files", any}},
                           {"recipe", "command", "makes", "files"})},
      {"ImagesAnswer",
       object_of(
           {{"created", of_type("integer")},
            {"data", list_of(object_of(
                         {{"b64_json", of_type("string")}, {"url", of_type("string")}}, {}))}},
           {"created", "data"})}};
}

}  // namespace

std::string Api::openapi() const {
  Json paths = Json::object();
  for (const Route& route : routes_) {
    std::string method = route.method;
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 32); });
    const bool is_post = route.method == "POST";
    Json operation{{"summary", route.summary}};
    if (const Json parameters = parameters_of(route.path, route.summary); parameters.size() > 0)
      operation["parameters"] = parameters;
    if (route.path == "/api/jobs") operation["requestBody"] = body_of(kJson, reference("Job"));
    if (route.path == "/v1/images/generations")
      operation["requestBody"] = body_of(kJson, reference("Images"));
    if (route.path == "/api/uploads")
      operation["requestBody"] =
          body_of("application/octet-stream", {{"type", "string"}, {"format", "binary"}});
    const char* status = route.path == "/api/uploads"           ? "201"
                         : route.path == "/api/jobs" && is_post ? "202"
                                                                : "200";
    Json& responses = operation["responses"];
    responses[status] = {
        {"description", "Done"},
        {"content", {{route.answers, {{"schema", schema_of_answer(route.path, route.answers)}}}}}};
    if (route.path.ends_with("/events"))
      responses["204"] = {{"description", "The job has ended, and all of it is known"}};
    responses["4XX"] = problem_response("What is wrong with the request");
    responses["5XX"] = problem_response("What is wrong with the server");
    if (route.path == "/healthz")
      responses["503"] = {{"description", "It is stopping"},
                          {"content", {{route.answers, {{"schema", of_type("string")}}}}}};
    if (route.path != "/healthz") operation["security"] = Json::list({Json{{"key", Json::list()}}});
    paths[route.path][method] = operation;
  }
  Json schemas = answer_schemas();
  schemas["Job"] = reader_.job_schema();
  schemas["Images"] = reader_.images_schema();
  const Json description = {
      {"openapi", "3.0.3"},
      {"info",
       {{"title", "ddim serve"},
        {"version", version()},
        {"description", "Denoising diffusion implicit models (arXiv:2010.02502)"}}},
      {"paths", paths},
      {"components",
       {{"schemas", schemas},
        {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return description.text({.indent = 1});
}

}  // namespace ddim::server
