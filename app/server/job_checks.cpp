#include "job_checks.h"

#include <ddim/file_bytes.h>
#include <ddim/interpolate.h>
#include <ddim/model.h>
#include <ddim/plan.h>
#include <ddim/preset.h>
#include <ddim/words.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "job_memory.h"
#include "request_error.h"

namespace ddim::server {
namespace {

/// Fields that mean something to some tasks only.
const std::map<std::string, std::set<std::string>> kOfTasks = {
    {"count", {"sample", "filmstrip"}},
    {"seed", {"sample", "filmstrip"}},
    {"first_image", {"sample", "filmstrip"}},
    {"init_image", {"sample"}},
    {"mask", {"sample"}},
    {"strength", {"sample"}},
    {"init_by", {"sample"}},
    {"resize", {"sample", "interpolate", "encode"}},
    {"ends", {"interpolate"}},
    {"frames", {"interpolate", "filmstrip"}},
    {"pictures", {"encode"}},
    {"exact", {"encode"}},
    {"dequantise", {"encode"}},
    {"codes", {"decode"}},
    {"other_weights", {"decode", "interpolate"}},
    {"as", {"sample", "filmstrip"}},
    {"sampler", {"sample", "filmstrip", "interpolate"}},
    {"eta", {"sample", "filmstrip", "interpolate"}},
    {"sigma_hat", {"sample", "filmstrip", "interpolate"}},
    {"tolerance", {"sample", "interpolate"}},
    {"final_alpha", {"sample", "filmstrip", "interpolate"}},
    {"steps_offset", {"sample", "filmstrip", "interpolate"}},
    {"clip", {"sample", "filmstrip", "interpolate", "decode"}},
    {"clip_range", {"sample", "filmstrip", "interpolate", "decode"}},
    {"threshold", {"sample", "filmstrip", "interpolate"}},
    {"threshold_max", {"sample", "filmstrip", "interpolate"}},
    {"steps", {"sample", "filmstrip", "interpolate", "encode"}},
    {"tau", {"sample", "filmstrip", "interpolate", "encode"}},
    {"preview_every", {"sample", "filmstrip", "interpolate"}},
};

void refuse_contradictions(const Wishes& wishes) {
  const auto refuse_if = [&](const char* field, bool wrong, const std::string& message) {
    if (wishes.has(field) && wrong) refuse(field, message);
  };
  for (const auto& [field, tasks] : kOfTasks)
    if (wishes.has(field) && !tasks.contains(wishes.task))
      refuse(field, fmt::format("is for {}, not for {}", fmt::join(tasks, ", "), wishes.task));
  const PlanOptions said{.tau = wishes.tau,
                         .clip = *value_named<Clip>(wishes.clip),
                         .sampler = *value_named<Sampler>(wishes.sampler)};
  for (const char* field :
       {"eta", "tolerance", "steps", "tau", "clip_range", "threshold", "threshold_max"}) {
    const std::string problem = why_no_effect(field, said);
    refuse_if(field, !problem.empty(), problem);
  }
  refuse_if("eta", wishes.sigma_hat, "leave it out with sigma_hat");
  for (const char* field : {"mask", "strength", "init_by"})
    refuse_if(field, wishes.init_image.empty(), "needs init_image");
  if (wishes.as == "diffusers")
    for (const char* field : {"tau", "sampler", "sigma_hat", "clip", "final_alpha", "steps_offset"})
      refuse_if(field, true, "as diffusers takes this from the model's scheduler file");
}

EncodeMethod method_of(const Wishes& wishes) {
  return wishes.exact ? EncodeMethod::exact : EncodeMethod::euler;
}

PlanOptions plan_of(const Wishes& wishes, const Model& model) {
  PlanOptions plan{
      .steps = wishes.has("steps") ? wishes.steps : usual_steps(model.info().process.T),
      .tau = wishes.has("tau") ? wishes.tau : usual_tau(method_of(wishes)),
      .eta = wishes.sigma_hat ? Eta(SigmaHat{}) : Eta(wishes.eta),
      .clip = *value_named<Clip>(wishes.clip),
      .sampler = *value_named<Sampler>(wishes.sampler),
      .final_alpha = *value_named<FinalAlpha>(wishes.final_alpha),
      .steps_offset = wishes.steps_offset,
      .tolerance = wishes.tolerance,
      .strength = 1.0};
  plan.clip.range = wishes.clip_range;
  plan.clip.quantile = wishes.threshold;
  plan.clip.max = wishes.threshold_max;
  if (wishes.as == "diffusers") {
    const PlanOptions said = plan;
    plan = as_diffusers(model).options;
    plan.steps = said.steps;
    plan.eta = said.eta;
  }
  plan.strength = wishes.strength.value_or(
      wishes.init_image.empty() ? 1.0 : usual_strength(!wishes.mask.empty(), plan.sampler));
  return plan;
}

ClassChoice classes_of(const Wishes& wishes, const ModelInfo& info) {
  ClassChoice choice{.guidance = wishes.guidance, .null_class = wishes.null_class};
  for (const WishItem& one : wishes.classes) {
    if (const auto* number = std::get_if<std::uint64_t>(&one)) {
      choice.classes.push_back(static_cast<std::int64_t>(
          std::min<std::uint64_t>(*number, std::numeric_limits<int>::max())));
      continue;
    }
    add_classes(std::get<std::string>(one), info, "class", choice);
  }
  return choice;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Whether the commands would not look for a picture in a file of this name, whatever is in it.
bool is_read_as_tensors(const std::string& name) {
  std::string ending = std::filesystem::path(name).extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char letter) { return std::tolower(letter); });
  return ending == ".safetensors" || ending == ".npz" || ending == ".npy";
}

/// What requests refer to, with the shape of a model's pictures.
class References {
 public:
  References(const RequestContext& context, const Model& model, Fit fit)
      : context_(context), model_(model), fit_(fit), budget_{.most = context.limits.pixels} {}

  /// A file of a picture, and its name.
  struct File {
    std::string name, bytes;
  };
  File picture(const std::string& field, const std::string& reference) {
    const std::size_t slash = reference.find('/');
    if (slash == std::string::npos) return uploaded(field, reference);
    const std::string id = reference.substr(0, slash);
    const auto result = result_of(field, id);
    const std::string number = reference.substr(slash + 1);
    const std::int64_t k = whole_number<std::int64_t>(number).value_or(-1);
    const FloatImages& pictures = result->samples.x_0;
    if (k < 0 || k >= pictures.count)
      throw RequestError(404, field,
                         fmt::format("{}: job {} has no picture {}", field, id, number));
    if (pictures.shape.channels > 4) refuse(field, "pictures of so many channels have no file");
    const Bytes png = png_bytes(to_image(pictures, k));
    return {given(fmt::format("{}-{}.png", id.substr(0, 8), k), id,
                  fmt::format("/api/jobs/{}/pictures/{}.png", id, k)),
            {reinterpret_cast<const char*>(png.data()), png.size()}};
  }
  FloatImages picture_values(const std::string& field, const std::string& reference,
                             std::string* name = nullptr) {
    const File file = picture(field, reference);
    if (name != nullptr) *name = file.name;
    return guarded(field, [&] {
      return picture_from_bytes(model_, bytes_of(file.bytes), file.name, fit_, budget_);
    });
  }
  FloatImages mask(const std::string& reference, std::string& name) {
    const File file = picture("mask", reference);
    name = file.name;
    return guarded("mask", [&] {
      return mask_from_bytes(model_, bytes_of(file.bytes), file.name, fit_, budget_);
    });
  }
  /// `name` becomes that of their file.
  Codes codes(const std::string& field, const std::string& reference, std::string& name) {
    constexpr const char* kName = "codes.safetensors";
    if (const auto upload = context_.board.find_upload(reference)) {
      name = given(upload->name.ends_with(".safetensors") ? upload->name : kName, reference,
                   "/api/uploads/" + reference);
      return guarded(field,
                     [&] { return codes_from_bytes(bytes_of(upload->bytes), upload->name); });
    }
    const auto result = result_of(field, reference);
    if (result->codes.x_T.count == 0) refuse(field, "job " + reference + " encoded nothing");
    name = given(kName, reference, fmt::format("/api/jobs/{}/{}", reference, kName));
    return result->codes;
  }
  std::vector<GivenFile> take_files() { return std::move(files_); }

  /// read(), whose errors are those of the field.
  template <class Read>
  static auto guarded(const std::string& field, const Read& read) -> decltype(read()) {
    try {
      return read();
    } catch (const Error& error) {
      refuse(field, error.what());
    }
  }

 private:
  /// The name of a file that the job is given: its own, unless another has it.
  std::string given(std::string name, const std::string& id, const std::string& address) {
    const auto same = std::ranges::find(files_, address, &GivenFile::address);
    if (same != files_.end()) return same->name;
    if (std::ranges::find(files_, name, &GivenFile::name) != files_.end())
      name = id.substr(0, 8) + "-" + name;
    files_.push_back({name, address});
    return name;
  }
  File uploaded(const std::string& field, const std::string& id) {
    const auto upload = context_.board.find_upload(id);
    if (!upload)
      throw RequestError(404, field,
                         fmt::format("{}: there is no upload {}; it may be too old", field, id));
    std::string name = upload->name;
    if (is_read_as_tensors(name)) name += ".png";
    return {given(name, id, "/api/uploads/" + id), upload->bytes};
  }
  std::shared_ptr<const JobResult> result_of(const std::string& field,
                                             const std::string& id) const {
    const auto entry = context_.board.find(id);
    if (!entry)
      throw RequestError(404, field,
                         fmt::format("{}: there is no job {}; it may be too old", field, id));
    auto result = context_.board.status(*entry).result;
    if (!result) throw RequestError(409, field, fmt::format("{}: job {} is not done", field, id));
    return result;
  }

  const RequestContext& context_;
  const Model& model_;
  const Fit fit_;
  PixelBudget budget_;
  std::vector<GivenFile> files_;
};

End end_of(const WishItem& word, References& references) {
  constexpr std::string_view kCodes = "codes:";
  if (const auto* seed = std::get_if<std::uint64_t>(&word))
    return {.name = std::to_string(*seed), .seed = *seed};
  const auto& text = std::get<std::string>(word);
  if (text.starts_with(kCodes)) {
    End end;
    end.codes = references.codes("ends", text.substr(kCodes.size()), end.name);
    if (end.codes.x_T.count != 1) refuse("ends", "codes must be those of one picture");
    return end;
  }
  End end;
  end.picture = references.picture_values("ends", text, &end.name);
  return end;
}

void check_ends(const JobRequest& request, const Model& model, const Plan& plan) {
  if (request.ends.size() != 2 && request.ends.size() != 4)
    refuse("ends", fmt::format("must be two or four; got {}", request.ends.size()));
  FloatImages states = draw_noise(model, 0);
  const auto is_picture = [](const End& end) { return end.picture.count > 0; };
  if (std::ranges::any_of(request.ends, is_picture))
    check_encode(model, encoding_for(request.sample));
  for (const End& end : request.ends) {
    FloatImages values = states;
    if (end.codes.x_T.count > 0) {
      values = end.codes.x_T;
      // Their shape; whose they are is found when the job runs.
      References::guarded("ends", [&] { check_codes(model, {.x_T = values}, end.name); });
    }
    check_sample(model, plan,
                 {.count = 1, .class_choice = request.sample.class_choice, .x_T = values});
  }
}

/// Fills in what belongs to the task, and checks it.
void complete(JobRequest& request, const Wishes& wishes, References& references,
              const Model& model) {
  SampleOptions& options = request.sample;
  switch (request.task) {
    case Task::sample:
    case Task::filmstrip: {
      if (!wishes.init_image.empty()) {
        InitImage init{.by = *value_named<InitBy>(wishes.init_by)};
        init.origin.fit = *value_named<Fit>(wishes.resize);
        init.images = references.picture_values("init_image", wishes.init_image,
                                                &init.origin.images.emplace_back());
        if (!wishes.mask.empty()) init.mask = references.mask(wishes.mask, init.origin.mask);
        options.init = std::move(init);
      }
      const Plan plan = make_plan(model, options.plan);
      check_sample(model, plan, options);
      if (request.task == Task::filmstrip) filmstrip_times(plan, request.frames);
      break;
    }
    case Task::interpolate: {
      for (const WishItem& word : wishes.ends) request.ends.push_back(end_of(word, references));
      if (wishes.other_weights)
        for (End& end : request.ends) end.codes.model_hash.clear();
      check_ends(request, model, make_plan(model, options.plan));
      break;
    }
    case Task::encode: {
      std::optional<FloatImages> all;
      for (const WishItem& word : wishes.pictures) {
        const auto* id = std::get_if<std::string>(&word);
        if (id == nullptr) refuse("pictures", "must be ids, which are texts");
        const FloatImages one = references.picture_values("pictures", *id);
        all = all ? join(*all, one) : one;
      }
      if (!all) refuse("pictures", "is missing");
      request.pictures = std::move(*all);
      check_encode(
          model,
          {.plan = options.plan, .method = request.method, .class_choice = options.class_choice});
      break;
    }
    case Task::decode: {
      if (wishes.codes.empty()) refuse("codes", "is missing");
      std::string name;
      request.codes = references.codes("codes", wishes.codes, name);
      if (wishes.other_weights) request.codes.model_hash.clear();
      if (request.codes.tau.empty()) refuse("codes", "the file does not say which steps to take");
      check_decode(model, request.codes,
                   {.clip = options.plan.clip, .class_choice = options.class_choice});
      break;
    }
  }
}

/// The field that says how many pictures a job makes.
const char* field_of_number(Task task) {
  switch (task) {
    case Task::interpolate:
      return "frames";
    case Task::encode:
      return "pictures";
    case Task::decode:
      return "codes";
    default:
      return "count";
  }
}

/// The field by which a task is given codes; "" where it has none.
std::string field_of_codes(Task task) {
  return task == Task::decode ? "codes" : task == Task::interpolate ? "ends" : "";
}

/// With the field that an error of the library is about. What the task has no field for, such as
/// the steps of `decode`, came with codes.
[[noreturn]] void refuse_by(const Error& error, Task task, const WishReader& reader) {
  const std::string field = reader.field_in(error.what()), of_codes = field_of_codes(task);
  const auto tasks = kOfTasks.find(field);
  const bool has_field =
      tasks == kOfTasks.end() || tasks->second.contains(std::string(to_string(task)));
  if (!has_field && !of_codes.empty()) refuse(of_codes, error.what());
  throw RequestError(400, field, error.what());
}

const ModelSource& source_of(const std::string& name, const RequestContext& context) {
  const ModelSource* source =
      name.empty() ? &context.shelf.sources().front() : context.shelf.find(name);
  if (source != nullptr) return *source;
  throw RequestError(404, "model",
                     fmt::format("model: there is no model {}; /api/models lists "
                                 "those that are there",
                                 name));
}

JobRequest request_of(const Wishes& wishes, const RequestContext& context) {
  refuse_contradictions(wishes);
  const ModelSource& source = source_of(wishes.model, context);
  const Model model = context.shelf.described(source.name);
  const Task task = *value_named<Task>(wishes.task);
  JobRequest request{.task = task,
                     .model = source.name,
                     .preview_every = wishes.preview_every,
                     .frames = wishes.frames.value_or(usual_frames(task)),
                     .method = method_of(wishes),
                     .dequantise = *value_named<Dequantise>(wishes.dequantise),
                     .fit = *value_named<Fit>(wishes.resize),
                     .other_weights = wishes.other_weights};
  try {
    request.sample.plan = plan_of(wishes, model);
    request.sample.count = wishes.count;
    request.sample.seed = wishes.seed;
    request.sample.first_image = wishes.first_image;
    request.sample.class_choice = classes_of(wishes, model.info());
    request.names_like_numbers = has_names_like_numbers(model.info());
    References references(context, model, request.fit);
    complete(request, wishes, references, model);
    request.files = references.take_files();
  } catch (const Error& error) {
    refuse_by(error, request.task, context.reader);
  }
  const std::int64_t pictures = num_pictures(request);
  const std::string field = field_of_number(request.task);
  if (pictures > context.limits.pictures)
    refuse(field, fmt::format("{} pictures are too many; a job may have {}", pictures,
                              context.limits.pictures));
  if (result_bytes(request, model.info().shape) > context.limits.kept_bytes / 4)
    refuse(field, "the result would be too large to be kept; ask for less at once");
  return request;
}

}  // namespace

JobRequest parse_job(std::string_view json, const RequestContext& context) {
  return request_of(context.reader.read_job(json), context);
}

ImagesRequest parse_images(std::string_view json, const RequestContext& context) {
  auto [wishes, prompt, size, as_address] = context.reader.read_images(json);
  if (!wishes.has("seed")) wishes.seed = std::random_device()();
  const Model described = context.shelf.described(source_of(wishes.model, context).name);
  const ModelInfo& info = described.info();
  if (info.num_classes > 0) wishes.classes = {prompt};
  if (info.shape.channels > 4) refuse("model", "its pictures have too many channels for a PNG");
  ImagesRequest request;
  request.form.as_address = as_address;
  try {
    request.job = request_of(wishes, context);
  } catch (const RequestError& error) {  // which speaks of a job's field
    const std::string& field = error.field();
    if (field != "count" && field != "class") throw;
    const std::string name = field == "count" ? "n" : "prompt";
    std::string message = error.what();
    if (message.starts_with(field)) message.replace(0, field.size(), name);
    throw RequestError(error.status(), name, message);
  }
  if (size == "auto") return request;
  const auto size_at = [&](std::int64_t times) {
    return fmt::format("{}x{}", times * info.shape.width, times * info.shape.height);
  };
  std::int64_t& scale = request.form.scale;
  while (scale <= kMostScale && size_at(scale) != size) ++scale;
  if (scale > kMostScale)
    refuse("size",
           fmt::format("must be auto, or {} times 1 to {}; got {}", size_at(1), kMostScale, size));
  // Each is a PNG, and all are in one answer.
  const std::int64_t pixels = scale * info.shape.width * scale * info.shape.height;
  if (pixels * wishes.count > context.limits.pixels)
    refuse("size", fmt::format("{} pictures of {} have more than {} pixels (--max-pixels)",
                               wishes.count, size, context.limits.pixels));
  return request;
}

}  // namespace ddim::server
