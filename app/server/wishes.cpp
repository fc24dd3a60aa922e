#include "wishes.h"

#include <ddim/error.h>
#include <ddim/init_image.h>
#include <ddim/words.h>

#include "field_list.h"
#include "job_request.h"
#include "request_error.h"

namespace ddim::server {
namespace {

/// Steps, and other numbers that count steps.
constexpr std::int64_t kMostSteps = 100'000;
constexpr std::int64_t kMostFrames = 256;
constexpr std::size_t kMostListed = 100'000;  // items of a list
constexpr std::size_t kMostNames = 100;
constexpr int kDeepest = 4;  // levels of lists and objects
constexpr std::size_t kLongestPrompt = 32'000;
/// Fields of OpenAI's that mean nothing here.
constexpr const char* kNotLookedAt[] = {
    "quality", "style", "user", "background", "moderation", "output_compression", "partial_images"};

void set_tau(const Field& field, const Json& value, Wishes& wishes) {
  if (value.is_string()) {
    const auto kind = value_named<TauKind>(value.string());
    if (!kind)
      refuse(field.name, fmt::format("must be a list of numbers, or one of the names that "
                                     "/api/models lists; got {}",
                                     found(value)));
    wishes.tau = *kind;
    return;
  }
  if (!value.is_list() || value.size() == 0 || value.size() > kMostListed)
    refuse(field.name, "must be a name or a list of numbers; got " + found(value));
  std::vector<double> list;
  for (const Json& t : value.items()) {
    if (!t.is_number() ||
        !(t.number<double>() >= 0.0 && t.number<double>() < static_cast<double>(kMostSteps)))
      refuse(field.name, "must be numbers from 0 on; got " + found(t));
    list.push_back(t.number<double>());
  }
  wishes.tau = std::move(list);
}

void set_null_class(const Field& field, const Json& said, Wishes& wishes) {
  const Json value = as_integer(said);
  if (!value.is_unsigned() || value.number<std::uint64_t>() > 1'000'000)
    refuse(field.name, "must be a class, a number from 0 to 1000000; got " + found(value));
  wishes.null_class = value.number<std::int64_t>();
}

void add_plan_fields(FieldList& list) {
  list.integer("steps", &Wishes::steps, 1, kMostSteps, "Number of sampling steps, 1 to T");
  list.add(
      "tau",
      {{"description", "Training steps to visit: a name that /api/models lists, or rising numbers"},
       {"oneOf", Json::list({{{"type", "string"}, {"enum", names_of<TauKind>()}},
                             {{"type", "array"},
                              {"items",
                               {{"type", "number"},
                                {"minimum", 0},
                                {"maximum", kMostSteps},
                                {"exclusiveMaximum", true}}},
                              {"minItems", 1},
                              {"maxItems", kMostListed}}})},
       {"default", "linear"}},
      set_tau);
  list.choice("as", &Wishes::as, {"paper", "diffusers"},
              "Sampling convention: the paper's, or that of the model's scheduler file");
  list.choice<Sampler>("sampler", &Wishes::sampler, "Sampler");
  list.number("eta", &Wishes::eta, 0, 1000,
              "Noise added in each step by ddim and euler: 0 is DDIM, 1 is DDPM");
  list.truth("sigma_hat", &Wishes::sigma_hat, "DDPM's larger variance instead of eta");
  list.choice<Clip>("clip", &Wishes::clip, "What becomes of the predicted x_0 in each step");
  list.number("clip_range", &Wishes::clip_range, 0, 1e6, "Clamp x_0 to [-R, R]",
              FieldList::Least::too_small);
  list.number("threshold", &Wishes::threshold, 0, 1, "Quantile of |x_0| for dynamic thresholds",
              FieldList::Least::too_small);
  list.number("threshold_max", &Wishes::threshold_max, 1, 1e6, "Upper limit of the threshold");
  list.choice<FinalAlpha>("final_alpha", &Wishes::final_alpha, "Where the last step leads");
  list.integer("steps_offset", &Wishes::steps_offset, 0, kMostSteps,
               "Added to each step of tau diffusers-leading");
  list.number("tolerance", &Wishes::tolerance, 0, 1000, "Error of a step, of sampler adaptive",
              FieldList::Least::too_small);
}

/// Of every request that draws or encodes: which pictures.
void add_picture_fields(FieldList& list, const Limits& limits) {
  list.integer("count", &Wishes::count, 1, limits.pictures, "Number of pictures");
  list.integer("seed", &Wishes::seed, 0, std::numeric_limits<std::uint64_t>::max(),
               "Random seed; picture k of a seed is always the same");
  list.integer("first_image", &Wishes::first_image, 0, std::numeric_limits<std::uint32_t>::max(),
               "Number of the first picture");
  list.items("class", &Wishes::classes, {.most = 1024, .type = "integer"},
             "Class number or name, several in turn, or all, of a model that has classes");
  list.number("guidance", &Wishes::guidance, 0, 1000,
              "Classifier-free guidance; 1 is none, others cost two network calls a step");
  list.add("null_class",
           {{"type", "integer"},
            {"description", "The class that stands for none"},
            {"minimum", 0},
            {"maximum", 1'000'000}},
           set_null_class);
}

void add_job_fields(FieldList& list, const Limits& limits) {
  list.choice<Task>("task", &Wishes::task, "What to do");
  list.text("model", &Wishes::model, "A model that /api/models lists; default: the first");
  add_plan_fields(list);
  add_picture_fields(list, limits);
  const std::string reference = ": the id of an upload, or JOB/K, picture K of a job";
  list.reference("init_image", &Wishes::init_image, "Picture to start from" + reference);
  list.reference("mask", &Wishes::mask, "White is drawn anew, black is kept" + reference);
  list.number("strength", &Wishes::strength, 0, 1,
              fmt::format("Fraction of the steps, with init_image. Default: {}, or {} with mask or "
                          "sampler adaptive",
                          usual_strength(false), usual_strength(true)),
              FieldList::Least::too_small);
  list.choice<InitBy>("init_by", &Wishes::init_by, "How init_image becomes the first state");
  list.choice<Fit>("resize", &Wishes::resize, "How uploads of another size fit the model");
  list.items("ends", &Wishes::ends, {.least = 2, .most = 4, .type = "integer"},
             "Of interpolate: two or four seeds, or pictures" + reference +
                 ", or codes:ID with that of an upload or of a job that encoded one picture");
  list.integer("frames", &Wishes::frames, 2, kMostFrames,
               fmt::format("Of interpolate and filmstrip: pictures in a line, or frames of the "
                           "film. Default: {} or {}",
                           usual_frames(Task::interpolate), usual_frames(Task::filmstrip)));
  list.items("pictures", &Wishes::pictures, {.most = 64, .type = "string"},
             "Of encode" + reference);
  list.truth("exact", &Wishes::exact,
             fmt::format("Of encode: undo the decoder's steps one by one; the default of tau is "
                         "then {}",
                         to_string(usual_tau(EncodeMethod::exact))));
  list.choice<Dequantise>("dequantise", &Wishes::dequantise,
                          "Of encode: noise of about a grey level");
  list.reference("codes", &Wishes::codes,
                 "Of decode: the id of an upload or of a job that encoded");
  list.truth(
      "other_weights", &Wishes::other_weights,
      "Of decode and interpolate: draw even if a model with different weights made the codes");
  list.integer("preview_every", &Wishes::preview_every, 0, kMostSteps,
               "Send a preview of the pictures every so many steps; 0: never");
}

Json parse_object(std::string_view text) {
  Json json;
  try {
    json = Json::parse(text, {.depth = kDeepest, .names = kMostNames});
  } catch (const Error& error) {
    refuse("body", std::string("must be JSON: ") + error.what());
  }
  if (!json.is_object()) refuse("body", "must be a JSON object; got " + found(json));
  return json;
}

/// `names` are those of all fields that the request could have.
void read(const Json& json, const FieldList& list, const std::vector<std::string>& names,
          Wishes& wishes) {
  for (const auto& [name, value] : json.members()) {
    const Field* field = list.find(name);
    if (field == nullptr) {
      if (name.empty()) refuse("body", "has a field without a name");
      const std::string shown = name.substr(0, 60);
      throw RequestError(
          400, shown,
          fmt::format("{}: no such field; there are {}", shown, fmt::join(names, ", ")));
    }
    field->set(value, wishes);
    wishes.given.insert(name);
  }
}

void add_images_fields(FieldList& list, const Limits& limits) {
  list.text("model", &Wishes::model, "A model that /api/models lists; default: the first");
  list.integer("n", &Wishes::count, 1, std::min<std::int64_t>(limits.pictures, 64),
               "Number of pictures");
  list.integer("seed", &Wishes::seed, 0, std::numeric_limits<std::uint64_t>::max(),
               "Random seed; default: another each time");
  list.integer("steps", &Wishes::steps, 1, kMostSteps, "Number of sampling steps, 1 to T");
  list.number("guidance", &Wishes::guidance, 0, 1000, "Classifier-free guidance");
}

}  // namespace

void refuse(const std::string& field, const std::string& message) {
  throw RequestError(400, field, fmt::format("{}: {}", field, message));
}

struct WishReader::Fields {
  FieldList job, images;
};

std::vector<std::string> WishReader::images_names() const {
  std::vector<std::string> names = fields_->images.names();
  names.insert(names.end(), {"prompt", "size", "response_format", "output_format", "stream"});
  names.insert(names.end(), std::begin(kNotLookedAt), std::end(kNotLookedAt));
  return names;
}

WishReader::WishReader(const Limits& limits)
    : fields_([&] {
        auto fields = std::make_unique<Fields>();
        add_job_fields(fields->job, limits);
        add_images_fields(fields->images, limits);
        return fields;
      }()) {}

WishReader::~WishReader() = default;

Wishes WishReader::read_job(std::string_view json) const {
  Wishes wishes;
  read(parse_object(json), fields_->job, fields_->job.names(), wishes);
  return wishes;
}

ImagesWishes WishReader::read_images(std::string_view text) const {
  Json json = parse_object(text);
  // Clients send null for what they leave out.
  const std::vector<std::string> names = images_names();
  for (const std::string& name : names)
    if (json.contains(name) && json.at(name).is_null()) json.erase(name);
  const auto take = [&json](const char* name, const std::string& otherwise,
                            std::size_t longest = kLongestText) {
    if (!json.contains(name)) return otherwise;
    std::string word = text_in(name, json.at(name), longest);
    json.erase(name);
    return word;
  };
  if (!json.contains("prompt")) refuse("prompt", "is missing");
  ImagesWishes images;
  images.prompt = take("prompt", "", kLongestPrompt);
  images.size = take("size", "auto");
  const std::string format = take("response_format", "b64_json");
  if (format != "b64_json" && format != "url")
    refuse("response_format", "must be b64_json or url; got " + found(format));
  images.as_address = format == "url";
  if (const std::string kind = take("output_format", "png"); kind != "png")
    refuse("output_format",
           "must be png: pictures are written in no other format; got " + found(kind));
  if (json.contains("stream")) {
    if (!json.at("stream").is_boolean() || json.at("stream").boolean())
      refuse("stream", "must be false: all pictures come in one answer; /api/jobs sends events");
    json.erase("stream");
  }
  for (const char* name : kNotLookedAt) json.erase(name);
  read(json, fields_->images, names, images.job);
  return images;
}

std::string WishReader::field_in(const std::string& message) const {
  std::string word;
  for (const char c : message + " ") {
    if ((c >= 'a' && c <= 'z') || c == '_') {
      word += c;
      continue;
    }
    if (fields_->job.find(word) != nullptr) return word;
    if (word == "classes") return "class";
    word.clear();
  }
  return "steps";
}

Json WishReader::job_schema() const {
  return {{"type", "object"},
          {"additionalProperties", false},
          {"properties", fields_->job.properties()}};
}

Json WishReader::images_schema() const {
  Json properties = fields_->images.properties();
  properties["prompt"] = text_schema(
      "A class of the model, or all, where it has classes; else any text", kLongestPrompt);
  properties["size"] = text_schema("auto, or WIDTHxHEIGHT: the model's own size times 1 to 64");
  properties["response_format"] = {{"type", "string"},
                                   {"description", "url: an address of this server, for a while"},
                                   {"enum", Json::list({"b64_json", "url"})},
                                   {"default", "b64_json"}};
  properties["output_format"] = {{"type", "string"}, {"enum", Json::list({"png"})}};
  properties["stream"] = {{"type", "boolean"}, {"enum", Json::list({false})}};
  for (const std::string& name : images_names()) {
    if (name == "prompt" || !properties.contains(name)) continue;
    Json& schema = properties[name];
    schema["nullable"] = true;
    if (schema.contains("enum")) schema["enum"].push_back(nullptr);  // it must be named there, too
  }
  for (const char* name : kNotLookedAt) properties[name] = {{"description", "Not looked at"}};
  return {{"type", "object"},
          {"additionalProperties", false},
          {"required", Json::list({"prompt"})},
          {"properties", properties}};
}

}  // namespace ddim::server
