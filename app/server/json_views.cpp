#include "json_views.h"

#include <ddim/file_bytes.h>
#include <ddim/json.h>
#include <ddim/preset.h>
#include <ddim/version.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace ddim::server {
namespace {

const char* type_of(int status) {
  if (status >= 500) return "server_error";
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return "invalid_request_error";
}

Json seconds_json(double seconds) { return std::round(seconds * 1000.0) / 1000.0; }

Json state_of(const EntryStatus& status) {
  Json json{{"state", to_string(status.state)}};
  if (status.state == EntryState::waiting) json["waiting_before"] = status.waiting_before;
  if (status.progress.evaluations > 0) {
    json["evaluations_done"] = status.progress.evaluations_done;
    json["evaluations"] = status.progress.evaluations;
  }
  json["seconds"] = seconds_json(status.seconds);
  if (status.seconds_left) json["seconds_left"] = seconds_json(*status.seconds_left);
  if (status.state == EntryState::failed)
    json["error"] = {{"message", status.error},
                     {"code", static_cast<int>(status.code.value_or(ErrorCode::internal))}};
  return json;
}

Json statistic_json(const CodeStatistic& statistic) {
  return {{"value", statistic.value},
          {"expected", statistic.expected},
          {"standard_error", statistic.standard_error}};
}

/// Whether PNG files can hold such pictures.
bool has_png(const PictureShape& shape) { return shape.channels <= 4; }

Json results_json(const Entry& entry, const JobResult& result) {
  const std::string at = "/api/jobs/" + entry.id;
  const FloatImages& pictures = result.samples.x_0;
  Json json;
  json["pictures"] = pictures.count;
  if (has_png(pictures.shape)) {
    json["picture"] = at + "/pictures/{k}.png";
    json["grid"] = at + "/grid.png";
  }
  if (entry.request.task == Task::encode) {
    json["codes"] = at + "/codes.safetensors";
    json["residual"] = result.codes.residual;
    json["statistics"] = {{"mean", statistic_json(result.statistics.mean)},
                          {"variance", statistic_json(result.statistics.variance)},
                          {"kurtosis", statistic_json(result.statistics.kurtosis)},
                          {"correlation", statistic_json(result.statistics.correlation)}};
  } else {
    json["recipe"] = at + "/pictures/{k}.json";
    json["npz"] = at + "/pictures.npz";
    json["safetensors"] = at + "/pictures.safetensors";
  }
  if (!result.frames.empty()) {
    json["frame"] = at + "/frames/{f}/{x_t|x_0}/{k}.png";
    for (const FilmFrame& frame : result.frames) json["frames"].push_back(frame.t);
  }
  json["nfe"] = result.samples.nfe;
  json["sampling_seconds"] = seconds_json(result.samples.seconds);
  return json;
}

/// name -> address
Json files_json(const JobRequest& request) {
  Json files = Json::object();
  for (const GivenFile& file : request.files) files[file.name] = file.address;
  return files;
}

Json model_json(const std::string& name, const Model& described, bool is_loaded) {
  const ModelInfo& info = described.info();
  Json json{{"name", name},
            {"recipe_name", info.name},  // what recipes call it
            {"width", info.shape.width},
            {"height", info.shape.height},
            {"channels", info.shape.channels},
            {"num_parameters", info.num_parameters},
            {"T", info.process.T},
            {"precision", to_string(info.precision)},
            {"prediction", to_string(info.process.prediction)},
            {"learns_variance", info.learns_variance},
            {"num_classes", info.num_classes},
            {"class_names", info.class_names},
            {"loaded", is_loaded}};
  if (info.null_class) json["null_class"] = *info.null_class;
  return json;
}

Image enlarged(const Image& image, std::int64_t scale) {
  return make_grid(std::span(&image, 1), {.scale = scale});
}

}  // namespace

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string base64(std::string_view bytes) {
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t num = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < num ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= num ? kLetters[group >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

std::string error_json(int status, const std::string& field, const std::string& message) {
  Json error{{"message", message}, {"type", type_of(status)}, {"code", status}};
  error["param"] = field.empty() ? Json(nullptr) : Json(field);
  return Json{{"error", error}}.text();
}

std::string job_json(const Entry& entry, const EntryStatus& status, const ModelSource& source) {
  Json json{
      {"id", entry.id}, {"task", to_string(entry.request.task)}, {"model", entry.request.model}};
  const Json state = state_of(status);
  for (const auto& [name, value] : state.members()) json.append(name, value);
  json["events"] = "/api/jobs/" + entry.id + "/events";
  if (!status.result) return json.text();
  json["results"] = results_json(entry, *status.result);
  const Recipe& recipe = status.result->samples.recipe;
  if (!recipe.empty()) {
    json["recipe"] = recipe;
    json["command"] = command_of(entry.request, recipe, source.place);
    json["files"] = files_json(entry.request);
  }
  return json.text();
}

std::string state_json(const EntryStatus& status) { return state_of(status).text(); }

std::string progress_json(const JobStatus& status) {
  Json json{{"evaluations_done", status.progress.evaluations_done},
            {"evaluations", status.progress.evaluations},
            {"seconds", seconds_json(status.seconds)}};
  if (status.seconds_left) json["seconds_left"] = seconds_json(*status.seconds_left);
  return json.text();
}

std::string preview_json(std::int64_t first, const StepPreview& preview) {
  const FloatImages& pictures = preview.x0_pred;
  std::vector<Image> images;
  for (std::int64_t k = 0; k < pictures.count; ++k) images.push_back(to_image(pictures, k));
  const Image row = make_grid(images, {.columns = pictures.count, .padding = 0});
  return Json{{"first", first},           {"count", pictures.count},
              {"step", preview.step},     {"t", preview.t},
              {"t_prev", preview.t_prev}, {"png", base64(text_of(png_bytes(row)))}}
      .text();
}

std::string recipe_json(const JobRequest& request, const Recipe& own, const Recipe& of_all,
                        const std::string& place) {
  const bool is_alone = request.task == Task::sample;
  return Json{{"recipe", own},
              {"command", command_of(request, is_alone ? own : of_all, place)},
              {"makes", is_alone ? "picture" : "all"},
              {"files", files_json(request)}}
      .text();
}

std::string upload_json(const Upload& upload) {
  return Json{{"id", upload.id}, {"name", upload.name}, {"bytes", upload.bytes.size()}}.text();
}

std::string models_json(const ModelShelf& shelf, const Limits& limits) {
  Json models = Json::list();
  for (const ModelSource& source : shelf.sources())
    models.push_back(
        model_json(source.name, shelf.described(source.name), shelf.is_loaded(source.name)));
  return Json{{"models", models},
              {"version", version()},
              {"most_pictures", limits.pictures},
              {"choices",
               {{"sampler", names_of<Sampler>()},
                {"tau", names_of<TauKind>()},
                {"clip", names_of<Clip>()}}}}
      .text();
}

std::string images_json(const std::string& id, const JobResult& result, const ImagesForm& form,
                        const std::string& here) {
  Json data = Json::list();
  for (std::int64_t k = 0; k < result.samples.x_0.count; ++k) {
    if (form.as_address) {
      const std::string scale = form.scale == 1 ? "" : fmt::format("?scale={}", form.scale);
      data.push_back(
          {{"url", fmt::format("{}/api/jobs/{}/pictures/{}.png{}", here, id, k, scale)}});
    } else {
      data.push_back({{"b64_json", base64(picture_png(result, k, form.scale))}});
    }
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Json{{"created", std::chrono::duration_cast<std::chrono::seconds>(now).count()},
              {"data", data}}
      .text();
}

std::string access_json(const std::string& time, const std::string& peer, const std::string& method,
                        const std::string& target, int status, std::int64_t bytes, double ms) {
  return Json{{"time", time},
              {"peer", peer},
              {"method", method},
              {"target", target},
              {"status", status},
              {"bytes", bytes},
              {"ms", std::round(ms * 1000.0) / 1000.0}}
      .text();
}

std::string picture_png(const JobResult& result, std::int64_t k, std::int64_t scale) {
  const Image image = to_image(result.samples.x_0, k);
  Recipe recipe = recipe_of_picture(result, k);
  if (scale == 1) return text_of(png_bytes(image, recipe));
  recipe["scale"] = std::to_string(scale);
  return text_of(png_bytes(enlarged(image, scale), recipe));
}

}  // namespace ddim::server
