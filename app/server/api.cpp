#include "api.h"

#include <ddim/counts.h>
#include <ddim/file_bytes.h>
#include <ddim/version.h>
#include <ddim/words.h>
#include <dirent.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "http_parser.h"
#include "job_checks.h"
#include "json_views.h"
#include "request_error.h"
#include "web_files.h"

namespace ddim::server {
namespace {

constexpr const char* kPng = "image/png";
constexpr const char* kJson = "application/json";
constexpr const char* kBytes = "application/octet-stream";

/// Nothing from elsewhere, nothing inline.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Of a method that an address does not take.
class WrongMethod : public RequestError {
 public:
  explicit WrongMethod(const std::string& allowed)
      : RequestError(405, "", "this address takes " + allowed), allowed_(allowed) {}
  const std::string& allowed() const { return allowed_; }

 private:
  std::string allowed_;
};

/// What stands in `path` for the parts in braces of `pattern`; no part is empty or has a slash.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parts;
  while (!pattern.empty()) {
    if (pattern.front() != '{') {
      if (path.empty() || path.front() != pattern.front()) return std::nullopt;
      pattern.remove_prefix(1);
      path.remove_prefix(1);
      continue;
    }
    pattern.remove_prefix(pattern.find('}') + 1);
    const std::size_t end = std::min(path.find_first_of("/."), path.size());
    if (end == 0) return std::nullopt;
    parts.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  if (!path.empty()) return std::nullopt;
  return parts;
}

std::int64_t number_in(const std::string& field, const std::string& text, std::int64_t least,
                       std::int64_t most, int status) {
  const auto number = whole_number<std::int64_t>(text);
  if (!number || *number < least || *number > most)
    throw RequestError(status, field,
                       fmt::format("{}: must be a whole number from {} to {}", field, least, most));
  return *number;
}

/// A number after '?', if it is there.
std::optional<std::int64_t> query_number(const Request& request, const std::string& name,
                                         std::int64_t least, std::int64_t most) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return std::nullopt;
  return number_in(name, found->second, least, most, 400);
}

void check_png(const FloatImages& images) {
  if (images.shape.channels > 4)
    throw RequestError(404, "", "pictures of so many channels have no PNG; take pictures.npz");
}

/// ?scale=, of so many of these pictures in one answer of at most `most_pixels`.
std::int64_t scale_of(const Request& request, const FloatImages& images, std::int64_t count,
                      std::int64_t most_pixels) {
  const std::int64_t scale = query_number(request, "scale", 1, kMostScale).value_or(1);
  const PictureShape& shape = images.shape;
  if (scale > 1 && count * shape.width * shape.height * scale * scale > most_pixels)
    throw RequestError(
        400, "scale",
        fmt::format("scale: {} of {}x{} would have more than {} pixels in all "
                    "(--max-pixels)",
                    count_of(count, "pictures"), shape.width, shape.height, most_pixels));
  return scale;
}

std::int64_t picture_number(const std::string& text, const FloatImages& images) {
  return number_in("picture", text, 0, images.count - 1, 404);
}

/// The part of a client's name for a file that can be one here; without its middle where it is
/// long.
std::string file_name_of(const std::string& said) {
  constexpr std::size_t kMost = 100, kMostOfEnding = 20;
  const std::filesystem::path path = std::filesystem::path(said).filename();
  std::string stem = path.stem().string();
  const std::string ending = path.extension().string();
  if (stem.empty() || stem == "." || stem == "..") return "upload";
  if (stem.size() + ending.size() <= kMost) return stem + ending;
  if (ending.size() > kMostOfEnding) stem += ending;
  std::size_t size = ending.size() > kMostOfEnding ? kMost : kMost - ending.size();
  const auto is_inside_letter = [&] {
    return size < stem.size() && (static_cast<unsigned char>(stem[size]) & 0xC0U) == 0x80U;
  };
  while (size > 0 && is_inside_letter()) --size;
  stem.resize(size);
  return ending.size() > kMostOfEnding ? stem : stem + ending;
}

/// The bytes of `name` that a quoted text of a header line may have are given as they are (RFC
/// 6266).
Response file_named(const std::string& name, std::string bytes) {
  std::string plain, encoded;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_ascii = byte >= 0x20 && byte < 0x7f;
    plain += is_ascii && c != '"' && c != '\\' ? c : '_';
    encoded +=
        is_ascii && std::isalnum(byte) != 0 ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return {.type = kBytes,
          .body = std::move(bytes),
          .headers = {
              {"Content-Disposition",
               fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", plain, encoded)}}};
}

bool is_preflight(const Request& request) {
  return request.method == "OPTIONS" && !request.header("origin").empty();
}

/// nullptr where the page has none.
const WebFile* page_file_of(const std::string& path) {
  const std::string_view name = path == "/" ? std::string_view("/index.html") : path;
  const auto files = web_files();
  const auto found = std::ranges::find(files, name, &WebFile::path);
  return found == files.end() ? nullptr : &*found;
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::int64_t open_descriptors() {
  // The iterators of std::filesystem end the process where there is no memory.
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  constexpr std::int64_t kOthers = 3;  // ., .. and the folder itself
  std::int64_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return std::max<std::int64_t>(count - kOthers, 0);
}

}  // namespace

Api::Api(ModelShelf& shelf, JobBoard& board, Limits limits, AccessRules rules)
    : shelf_(shelf), board_(board), limits_(limits), access_(std::move(rules)), reader_(limits) {
  add_routes();
  add_result_routes();
}

void Api::add_routes() {
  const auto add = [this](std::string method, std::string path, std::string summary,
                          std::string answers,
                          std::function<Reply(const Request&, const Parts&)> handle) {
    routes_.push_back({std::move(method), std::move(path), std::move(summary), std::move(answers),
                       std::move(handle)});
  };
  add("GET", "/healthz", "Whether the server is there", "text/plain",
      [this](const Request&, const Parts&) {
        return board_.is_stopped() ? Response{503, "text/plain", "stopping\n", {}}
                                   : Response{200, "text/plain", "ok\n", {}};
      });
  add("GET", "/metrics", "Counts, in Prometheus' text format", "text/plain",
      [this](const Request&, const Parts&) {
        return Response{200, "text/plain; version=0.0.4", metrics(), {}};
      });
  add("GET", "/api/openapi.json", "This description", kJson,
      [this](const Request&, const Parts&) { return Response{.body = openapi()}; });
  add("GET", "/api/models", "The models, and what can be chosen", kJson,
      [this](const Request&, const Parts&) {
        return Response{.body = models_json(shelf_, limits_)};
      });
  add("POST", "/api/uploads",
      "Keep a picture or codes, by the name ?name=, for fields of jobs that take an id", kJson,
      [this](const Request& request, const Parts&) {
        if (request.body.empty()) throw RequestError(400, "body", "body: is empty");
        const auto name = request.query.find("name");
        const auto upload = board_.add_upload(
            file_name_of(name == request.query.end() ? "" : name->second), request.body);
        return Response{.status = 201, .body = upload_json(*upload)};
      });
  add("GET", "/api/uploads/{id}", "The file again, by its own name", kBytes,
      [this](const Request&, const Parts& parts) {
        if (const auto upload = board_.find_upload(parts[0]))
          return file_named(upload->name, upload->bytes);
        throw RequestError(404, "id", "id: there is no such upload; it may be too old");
      });
  add("POST", "/api/jobs", "Start a job", kJson, [this](const Request& request, const Parts&) {
    const auto entry = board_.submit(parse_job(request.body, {shelf_, board_, limits_, reader_}));
    const std::string& model = entry->request.model;
    return Response{.status = 202,
                    .body = job_json(*entry, board_.status(*entry), *shelf_.find(model)),
                    .headers = {{"Location", "/api/jobs/" + entry->id}}};
  });
  add("GET", "/api/jobs/{id}", "What a job is at", kJson,
      [this](const Request&, const Parts& parts) {
        const auto found = entry(parts[0]);
        return Response{
            .body = job_json(*found, board_.status(*found), *shelf_.find(found->request.model))};
      });
  add("DELETE", "/api/jobs/{id}", "Cancel a job, at its next step", kJson,
      [this](const Request&, const Parts& parts) {
        const auto found = entry(parts[0]);
        board_.cancel(found);
        return Response{
            .body = job_json(*found, board_.status(*found), *shelf_.find(found->request.model))};
      });
  add("GET", "/api/jobs/{id}/events",
      "Server-sent events state, progress and preview, until the job ends; Last-Event-ID resumes",
      "text/event-stream", [this](const Request& request, const Parts& parts) -> Reply {
        const std::string last = request.header("last-event-id");
        auto after = static_cast<std::uint64_t>(
            last.empty() ? 0 : number_in("Last-Event-ID", last, 0, 1LL << 53U, 400));
        const auto found = entry(parts[0]);
        const EventLog& events = found->events;
        if (after > events.last_id()) after = 0;  // of another server, or a mistake
        // A browser's EventSource comes back for ever unless it is told so.
        if (events.is_complete() && !events.next(after)) return Response{.status = 204, .type = ""};
        return EventStream{found, after, {}};
      });
  add("POST", "/v1/images/generations", "Draw pictures, in the form of OpenAI's API for images",
      kJson, [this](const Request& request, const Parts&) -> Reply {
        ImagesRequest images = parse_images(request.body, {shelf_, board_, limits_, reader_});
        const auto entry = board_.submit(std::move(images.job));
        return WhenDone{
            entry, [this, entry, here = access_.address_for(request), images = images.form] {
              const EntryStatus status = board_.status(*entry);
              if (status.result)
                return Response{.body = images_json(entry->id, *status.result, images, here)};
              const bool failed = status.state == EntryState::failed;
              return problem(failed ? 500 : 503, "",
                             failed ? status.error : "the job was cancelled");
            }};
      });
}

void Api::add_result_routes() {
  const auto add =
      [this](std::string path, std::string summary, std::string answers,
             std::function<Response(const Request&, const JobResult&, const Parts&)> make) {
        routes_.push_back(
            {"GET", "/api/jobs/{id}" + path, std::move(summary), std::move(answers),
             [this, make = std::move(make)](const Request& request, const Parts& parts) {
               return make(request, *result(parts[0]), parts);
             }});
      };
  add("/pictures/{k}.png", "A picture with its recipe; ?scale= enlarges its pixels", kPng,
      [this](const Request& request, const JobResult& job, const Parts& parts) {
        check_png(job.samples.x_0);
        const std::int64_t k = picture_number(parts[1], job.samples.x_0);
        const std::int64_t scale = scale_of(request, job.samples.x_0, 1, limits_.pixels);
        return Response{.type = kPng, .body = picture_png(job, k, scale)};
      });
  add("/pictures/{k}.json", "A picture's recipe, and the command that makes it", kJson,
      [this](const Request&, const JobResult& job, const Parts& parts) {
        const std::int64_t k = picture_number(parts[1], job.samples.x_0);
        const auto of = entry(parts[0]);
        const Recipe own = recipe_of_picture(job, k);
        return Response{.body = recipe_json(of->request, own, job.samples.recipe,
                                            shelf_.find(of->request.model)->place)};
      });
  add("/grid.png", "All pictures in one, as the command makes it; ?columns= and ?scale=", kPng,
      [this](const Request& request, const JobResult& job, const Parts&) {
        const FloatImages& images = job.samples.x_0;
        check_png(images);
        GridOptions grid{.columns = query_number(request, "columns", 1, kMostColumns)};
        if (!grid.columns) grid.columns = job.columns;
        grid.scale = scale_of(request, images, images.count, limits_.pixels);
        check_grid(images.shape, images.count, grid);
        return Response{.type = kPng, .body = text_of(png_grid_bytes(job.samples, grid))};
      });
  add("/pictures.npz",
      "All pictures: arr_0 [N,H,W,C] of bytes, and the classes of drawn ones, arr_1 [N]", kBytes,
      [](const Request&, const JobResult& job, const Parts&) {
        return file_named("pictures.npz", text_of(npz_bytes(job.samples.x_0, job.classes)));
      });
  add("/pictures.safetensors", "All pictures: x_0 [N,C,H,W] as floats, not clamped", kBytes,
      [](const Request&, const JobResult& job, const Parts&) {
        return file_named("pictures.safetensors", text_of(tensor_bytes("x_0", job.samples.x_0)));
      });
  add("/codes.safetensors", "What an encode job found: x_T [N,C,H,W] and tau", kBytes,
      [](const Request&, const JobResult& job, const Parts&) {
        if (job.codes.x_T.count == 0) throw RequestError(404, "", "this job encoded nothing");
        return file_named("codes.safetensors", text_of(codes_bytes(job.codes)));
      });
  add("/frames/{f}/{what}/{k}.png", "A frame of a film: what is x_t or x_0", kPng,
      [this](const Request& request, const JobResult& job, const Parts& parts) {
        if (job.frames.empty()) throw RequestError(404, "", "this job made no film");
        const auto f = static_cast<std::size_t>(
            number_in("frame", parts[1], 0, std::ssize(job.frames) - 1, 404));
        if (parts[2] != "x_t" && parts[2] != "x_0")
          throw RequestError(404, "", "a frame has x_t and x_0");
        const FloatImages& images = parts[2] == "x_t" ? job.frames[f].x_t : job.frames[f].x0_pred;
        check_png(images);
        const Image image = to_image(images, picture_number(parts[3], images));
        const std::int64_t scale = scale_of(request, images, 1, limits_.pixels);
        return Response{
            .type = kPng,
            .body = text_of(png_bytes(make_grid(std::span(&image, 1), {.scale = scale})))};
      });
}

template <class Make>
Reply Api::made_or_refused(const Make& make) const {
  try {
    return make();
  } catch (const WrongMethod& error) {
    Response refused = problem(error.status(), "", error.what());
    refused.headers.emplace_back("Allow", error.allowed());
    return refused;
  } catch (const RequestError& error) {
    return problem(error.status(), error.field(), error.what());
  } catch (const Error& error) {
    return problem(error.code() == ErrorCode::user ? 400 : 500, "", error.what());
  } catch (const std::bad_alloc&) {
    return problem(503, "", "not enough memory");
  } catch (const std::exception& error) {
    return problem(500, "", fmt::format("internal error: {}", error.what()));
  }
}

Response Api::problem(int status, const std::string& field, const std::string& message) {
  Response refused{.status = status, .body = error_json(status, field, message)};
  if (status == 429) refused.headers.emplace_back("Retry-After", "5");
  if (status == 401) refused.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refused;
}

Reply Api::handle(const Request& request) {
  Reply reply = made_or_refused([&] { return answer(request); });
  if (auto* now = std::get_if<Response>(&reply)) {
    add_common_headers(request, now->headers);
  } else if (auto* stream = std::get_if<EventStream>(&reply)) {
    add_common_headers(request, stream->headers);
  } else if (auto* later = std::get_if<WhenDone>(&reply)) {
    Headers common;
    add_common_headers(request, common);
    later->make = [this, make = std::move(later->make), common = std::move(common)] {
      auto response = std::get<Response>(made_or_refused([&] { return Reply(make()); }));
      response.headers.insert(response.headers.end(), common.begin(), common.end());
      return response;
    };
  }
  return reply;
}

const Api::Route* Api::route_of(const Request& request, Parts& parts) const {
  access_.check_host(request);
  access_.check_origin(request);
  if (is_preflight(request)) return nullptr;
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string allowed;
  for (const Route& route : routes_) {
    auto found = match(route.path, request.path);
    if (!found) continue;
    allowed += (allowed.empty() ? "" : ", ") + (route.method == "GET" ? "GET, HEAD" : route.method);
    if (route.method != method) continue;
    if (route.path != "/healthz") access_.check_key(request);
    if (method == "POST" && board_.is_stopped())
      throw RequestError(503, "", "the server is stopping");
    parts = std::move(*found);
    return &route;
  }
  if (allowed.empty() && page_file_of(request.path) != nullptr) {
    if (method == "GET") return nullptr;
    allowed = "GET, HEAD";
  }
  if (!allowed.empty()) throw WrongMethod(allowed);
  throw RequestError(404, "", "there is nothing at this address");
}

Reply Api::answer(const Request& request) const {
  Parts parts;
  if (const Route* route = route_of(request, parts)) return route->handle(request, parts);
  return is_preflight(request) ? preflight(request) : page_file(request);
}

std::optional<Response> Api::refusal_by_head(const Request& head) const {
  constexpr int kNone = 0;
  auto refused = std::get<Response>(made_or_refused([&] {
    Parts parts;
    route_of(head, parts);
    return Reply(Response{.status = kNone});
  }));
  if (refused.status == kNone) return std::nullopt;
  add_common_headers(head, refused.headers);
  return refused;
}

Response Api::refusal(int status, const std::string& message, const Request& request) const {
  Response refused = problem(status, "", message);
  if (status == 503) refused.headers.emplace_back("Retry-After", "5");
  add_common_headers(request, refused.headers);
  return refused;
}

std::int64_t Api::body_limit(const std::string& method, const std::string& path) const {
  return method == "POST" && path == "/api/uploads" ? limits_.upload_bytes : limits_.body_bytes;
}

void Api::count(int status) {
  const std::lock_guard lock(mutex_);
  ++answers_[status];
}

Response Api::preflight(const Request& request) const {
  if (!access_.is_allowed_origin(request.header("origin")))
    throw RequestError(403, "Origin", "Origin: pages of others may not call this server");
  return {
      .status = 204,
      .type = "",
      .headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                  {"Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID"},
                  {"Access-Control-Max-Age", "600"}}};
}

Response Api::page_file(const Request& request) const {
  const WebFile& file = *page_file_of(request.path);
  const std::string tag = fmt::format("\"{:016x}\"", std::hash<std::string_view>()(file.content));
  if (request.header("if-none-match") == tag)
    return {.status = 304, .type = "", .headers = {{"ETag", tag}}};
  return {.type = std::string(file.type),
          .body = std::string(file.content),
          .headers = {{"ETag", tag}}};
}

void Api::add_common_headers(const Request& request, Headers& headers) const {
  const bool is_api = request.path.starts_with("/api/") || request.path.starts_with("/v1/");
  headers.insert(headers.end(), {{"Content-Security-Policy", kContentPolicy},
                                 {"X-Content-Type-Options", "nosniff"},
                                 {"Referrer-Policy", "no-referrer"},
                                 {"Cross-Origin-Opener-Policy", "same-origin"},
                                 {"Cache-Control", is_api ? "no-store" : "no-cache"}});
  const std::string origin = request.header("origin");
  if (access_.is_allowed_origin(origin)) {
    headers.emplace_back("Access-Control-Allow-Origin", origin);
    headers.emplace_back("Access-Control-Expose-Headers", "Location, Retry-After");
    headers.emplace_back("Vary", "Origin");
  } else {
    headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  }
}

std::shared_ptr<Entry> Api::entry(const std::string& id) const {
  if (auto found = board_.find(id)) return found;
  throw RequestError(404, "id", "id: there is no such job; it may be too old");
}

std::shared_ptr<const JobResult> Api::result(const std::string& id) const {
  if (auto done = board_.status(*entry(id)).result) return done;
  throw RequestError(409, "id", "id: this job has no result, or not yet");
}

std::string Api::metrics() const {
  const BoardCounts counts = board_.counts();
  const ConnectionCounts connections = connections_ ? connections_() : ConnectionCounts{};
  std::string text;
  const auto add = [&text](const char* name, const char* type, const char* help,
                           std::initializer_list<std::pair<std::string, std::int64_t>> values) {
    text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    for (const auto& [labels, value] : values)
      text += fmt::format("{}{} {}\n", name, labels, value);
  };
  text += "# HELP ddim_answers_total Answers by status\n# TYPE ddim_answers_total counter\n";
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [status, number] : answers_)
      text += fmt::format("ddim_answers_total{{status=\"{}\"}} {}\n", status, number);
  }
  add("ddim_jobs_total", "counter", "Jobs that ended",
      {{"{state=\"done\"}", counts.done},
       {"{state=\"failed\"}", counts.failed},
       {"{state=\"cancelled\"}", counts.cancelled}});
  add("ddim_jobs", "gauge", "Jobs that wait and run",
      {{"{state=\"waiting\"}", counts.waiting}, {"{state=\"running\"}", counts.running}});
  add("ddim_jobs_batched_total", "counter", "Jobs that were drawn with others in a batch",
      {{"", counts.batched}});
  add("ddim_pictures_total", "counter", "Pictures that were drawn", {{"", counts.pictures}});
  add("ddim_kept_bytes", "gauge", "Results and uploads that are kept", {{"", counts.kept_bytes}});
  add("ddim_connections", "gauge", "Open connections", {{"", connections.open}});
  add("ddim_connections_refused_total", "counter", "Connections that were one too many",
      {{"", connections.refused}});
  add("process_resident_memory_bytes", "gauge", "Resident memory", {{"", resident_bytes()}});
  add("process_open_fds", "gauge", "Open file descriptors", {{"", open_descriptors()}});
  return text;
}

}  // namespace ddim::server
