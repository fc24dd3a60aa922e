#include <ddim/c.h>
#include <ddim/ddim.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ddim_model {
  ddim::Model model;
};
struct ddim_options {
  ddim::Recipe recipe = {};  ///< what was said, by the names that recipes use
  std::int64_t batch = ddim::RunOptions{}.batch;
  int threads = 0;
  bool exact = false;
  bool other_weights = false;
  ddim::Dequantise dequantise = ddim::Dequantise::none;
  std::string classes = {};  ///< numbers and names with commas, or "all"
  ddim::LoadOptions loading = {};
  std::optional<ddim::FloatImages> x_T = {};
  bool has_count_of_x_T = false;  ///< no other was said since
  std::optional<ddim::InitImage> init = {};
  ddim::InitBy init_by = ddim::InitBy::noise;
  ddim_progress progress = nullptr;
  void* user = nullptr;
};
struct ddim_images {
  ddim::FloatImages images;
};
struct ddim_codes {
  ddim::Codes codes;
};

namespace ddim {
namespace {

std::string& last_error() {
  thread_local std::string message;
  return message;
}

ddim_status failed(const std::exception_ptr& caught) noexcept {
  try {
    const Error error = as_error(caught);
    last_error() = error.what();
    return static_cast<ddim_status>(error.code());
  } catch (...) {  // no memory for the message
    last_error().clear();
    return DDIM_USER;
  }
}

/// Calls `work`; what it throws becomes a status and a message.
template <class Work>
ddim_status guarded(Work&& work) noexcept {
  try {
    work();
    return DDIM_OK;
  } catch (...) {
    return failed(std::current_exception());
  }
}

/// Arguments that must not be NULL, named for the message.
void require_given(std::initializer_list<std::pair<const void*, const char*>> arguments) {
  for (const auto& [argument, name] : arguments)
    if (argument == nullptr) throw Error(ErrorCode::user, std::string(name) + " is NULL");
}

template <class Number>
Number number_of(const std::string& name, const std::string& value, Number least, Number most) {
  Number number{};
  const char* const end = value.data() + value.size();
  const auto [next, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || next != end || number < least || number > most)
    throw Error(ErrorCode::user, name + " must be a whole number from " + std::to_string(least) +
                                     " to " + std::to_string(most) + "; got " + value);
  return number;
}

constexpr std::string_view kOfRecipes[] = {
    "sampler",   "steps", "tau",         "steps_offset", "tolerance",     "eta",
    "sigma_hat", "clip",  "clip_range",  "threshold",    "threshold_max", "final_alpha",
    "count",     "seed",  "first_image", "guidance",     "null_class",    "strength"};
/// Those of them that ddim_encode() and ddim_decode() use.
constexpr std::string_view kOfEncoding[] = {"steps", "tau", "steps_offset", "guidance",
                                            "null_class"};
constexpr std::string_view kOfDecoding[] = {"clip",          "clip_range", "threshold",
                                            "threshold_max", "guidance",   "null_class"};
/// The others.
constexpr std::string_view kOwn[] = {"class",      "init_by",   "exact",  "other_weights",
                                     "dequantise", "precision", "memory", "device",
                                     "weights",    "threads",   "batch"};

bool is_yes(const std::string& name, const std::string& value) {
  if (value != "yes" && value != "no")
    throw Error(ErrorCode::user, name + " must be \"yes\" or \"no\"; got " + value);
  return value == "yes";
}

/// As options_of() finds it, under the option's own name. Of eta and sigma_hat the last one counts.
void set_of_recipe(ddim_options& options, const std::string& name, const std::string& value) {
  if (name == "sigma_hat" && value == "false") {
    options.recipe.erase(name);
    return;
  }
  try {
    options_of({{name, value}});
  } catch (const Error& error) {
    const std::string said = error.what(), source = "recipe: ";
    const bool has_choices = said.starts_with(source + name + ": ");
    throw Error(ErrorCode::user, has_choices
                                     ? said.substr(source.size())
                                     : name + ": \"" + value + "\" is not a value that it takes");
  }
  if (name == "eta") options.recipe.erase("sigma_hat");
  if (name == "sigma_hat") options.recipe.erase("eta");
  if (name == "count") options.has_count_of_x_T = false;
  options.recipe[name] = value;
}

[[noreturn]] void refuse_name(const std::string& name) {
  std::string names;
  for (const std::span<const std::string_view> some :
       {std::span<const std::string_view>(kOfRecipes), std::span<const std::string_view>(kOwn)})
    for (const std::string_view each : some)
      names += (names.empty() ? "" : ", ") + std::string(each);
  throw Error(ErrorCode::usage, "there is no option " + name + "; there are " + names);
}

void set(ddim_options& options, std::string name, const std::string& value) {
  std::ranges::replace(name, '-', '_');
  constexpr std::int64_t kMaxBatch = 1 << 20;
  if (name == "threads") {
    options.threads = number_of(name, value, 0, kMaxThreads);
  } else if (name == "batch") {
    options.batch = number_of<std::int64_t>(name, value, 1, kMaxBatch);
  } else if (name == "exact") {
    options.exact = is_yes(name, value);
  } else if (name == "other_weights") {
    options.other_weights = is_yes(name, value);
  } else if (name == "dequantise") {
    options.dequantise = value_of_word<Dequantise>(name, value);
  } else if (name == "class") {
    options.classes = value;
  } else if (name == "init_by") {
    options.init_by = value_of_word<InitBy>(name, value);
  } else if (name == "precision") {
    options.loading.precision = value_of_word<Precision>(name, value);
  } else if (name == "memory") {
    options.loading.memory_use = value_of_word<MemoryUse>(name, value);
  } else if (name == "device") {
    options.loading.device = value_of_word<DeviceKind>(name, value);
  } else if (name == "weights") {
    options.loading.weights = value_of_word<WeightSet>(name, value);
  } else if (std::ranges::find(kOfRecipes, name) != std::end(kOfRecipes)) {
    set_of_recipe(options, name, value);
  } else {
    refuse_name(name);
  }
}

/// What was said under these names and of classes, for this model.
SampleOptions sampling_of(const ddim_options& options, const Model& model,
                          std::span<const std::string_view> used) {
  Recipe said;
  for (const auto& [name, value] : options.recipe)
    if (std::ranges::find(used, name) != used.end()) said[name] = value;
  check_effects(said);
  SampleOptions sampling = options_of(said);
  if (!said.contains("steps")) sampling.plan.steps = usual_steps(model.info().process.T);
  ClassChoice& choice = sampling.class_choice;
  const std::string& words = options.classes;
  for (std::size_t begin = 0; !words.empty() && begin <= words.size();) {
    const std::size_t end = std::min(words.find(',', begin), words.size());
    add_classes(words.substr(begin, end - begin), model.info(), "class", choice);
    begin = end + 1;
  }
  return sampling;
}

/// Ends a run when the caller's progress function says so.
class Watch {
 public:
  explicit Watch(const ddim_options& options) {
    if (options.progress == nullptr) return;
    run_.stop = stop_.get_token();
    run_.progress = [this, &options](const RunProgress& progress) {
      if (options.progress(options.user, progress.evaluations_done, progress.evaluations) != 0)
        stop_.request_stop();
    };
  }
  /// A stop that was asked for by the last call, after which nobody looks.
  void require_no_stop() const {
    if (stop_.stop_requested()) throw Error(ErrorCode::interrupted, "stopped");
  }
  RunOptions run(const ddim_options& options) const {
    RunOptions run = run_;
    run.batch = options.batch;
    run.threads = options.threads;
    return run;
  }

 private:
  std::stop_source stop_;
  RunOptions run_;
};

Fit fit_of(const char* name) {
  return name == nullptr ? Fit::none : value_of_word<Fit>("fit", name);
}

const ddim_options& or_defaults(const ddim_options* options) {
  static const ddim_options defaults;
  return options == nullptr ? defaults : *options;
}

}  // namespace
}  // namespace ddim

using namespace ddim;

const char* ddim_version() { return version(); }
const char* ddim_last_error() { return last_error().c_str(); }

ddim_status ddim_model_load(const char* name, ddim_model** model) {
  return ddim_model_load_with(name, nullptr, model);
}

ddim_status ddim_model_load_with(const char* name, const ddim_options* options,
                                 ddim_model** model) {
  return guarded([&] {
    require_given({{name, "name"}, {model, "model"}});
    Model loaded = Model::load(find_model(name), or_defaults(options).loading);
    *model = std::make_unique<ddim_model>(ddim_model{std::move(loaded)}).release();
  });
}

void ddim_model_free(ddim_model* model) { delete model; }

ddim_status ddim_model_shape(const ddim_model* model, std::int64_t* width, std::int64_t* height,
                             std::int64_t* channels) {
  return guarded([&] {
    require_given({{model, "model"}});
    const PictureShape& shape = model->model.info().shape;
    if (width != nullptr) *width = shape.width;
    if (height != nullptr) *height = shape.height;
    if (channels != nullptr) *channels = shape.channels;
  });
}

std::int64_t ddim_model_num_classes(const ddim_model* model) {
  return model == nullptr ? 0 : model->model.info().num_classes;
}

const char* ddim_model_class_name(const ddim_model* model, std::int64_t number) {
  if (model == nullptr || number < 0) return nullptr;
  const std::vector<std::string>& names = model->model.info().class_names;
  const auto place = static_cast<std::size_t>(number);
  return place < names.size() ? names[place].c_str() : nullptr;
}

const char* ddim_model_hash(const ddim_model* model) {
  const char* hash = "";
  guarded([&] {
    if (model != nullptr) hash = model->model.weights_hash().c_str();
  });
  return hash;
}

ddim_options* ddim_options_new() { return new (std::nothrow) ddim_options; }

void ddim_options_free(ddim_options* options) { delete options; }

ddim_status ddim_options_set(ddim_options* options, const char* name, const char* value) {
  return guarded([&] {
    require_given({{options, "options"}, {name, "name"}, {value, "value"}});
    set(*options, name, value);
  });
}

void ddim_options_set_progress(ddim_options* options, ddim_progress progress, void* user) {
  if (options == nullptr) return;
  options->progress = progress;
  options->user = user;
}

ddim_status ddim_options_set_noise(ddim_options* options, const ddim_images* states) {
  return guarded([&] {
    require_given({{options, "options"}});
    options->x_T = states == nullptr ? std::nullopt : std::optional(states->images);
    options->has_count_of_x_T = true;
  });
}

ddim_status ddim_options_set_init(ddim_options* options, const ddim_images* pictures,
                                  const ddim_images* mask) {
  return guarded([&] {
    require_given({{options, "options"}});
    if (pictures == nullptr && mask != nullptr)
      throw Error(ErrorCode::user, "mask: there are no pictures that it could keep parts of");
    std::optional<InitImage> init;
    if (pictures != nullptr) init = InitImage{.images = pictures->images};
    if (mask != nullptr) init->mask = mask->images;
    options->init = std::move(init);
  });
}

ddim_status ddim_images_new(std::int64_t count, std::int64_t width, std::int64_t height,
                            std::int64_t channels, const float* values, ddim_images** images) {
  return guarded([&] {
    require_given({{values, "values"}, {images, "images"}});
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    std::int64_t size = 1;
    for (const std::int64_t side : {count, width, height, channels}) {
      if (side < 1 || side > kMost / size)
        throw Error(ErrorCode::user,
                    "the sizes of images must be 1 or greater, and their product "
                    "at most 2^31");
      size *= side;
    }
    *images = std::make_unique<ddim_images>(
                  ddim_images{{.count = count,
                               .shape = {.channels = channels, .height = height, .width = width},
                               .values = std::vector<float>(values, values + size)}})
                  .release();
  });
}

ddim_status ddim_images_load(const ddim_model* model, const char* const* paths,
                             std::size_t num_paths, const char* fit, ddim_images** images) {
  return guarded([&] {
    require_given({{model, "model"}, {paths, "paths"}, {images, "images"}});
    std::vector<std::filesystem::path> files;
    for (std::size_t i = 0; i < num_paths; ++i) {
      require_given({{paths[i], "a path"}});
      files.emplace_back(paths[i]);
    }
    *images =
        std::make_unique<ddim_images>(ddim_images{load_pictures(model->model, files, fit_of(fit))})
            .release();
  });
}

ddim_status ddim_mask_load(const ddim_model* model, const char* path, const char* fit,
                           ddim_images** mask) {
  return guarded([&] {
    require_given({{model, "model"}, {path, "path"}, {mask, "mask"}});
    *mask = std::make_unique<ddim_images>(ddim_images{load_mask(model->model, path, fit_of(fit))})
                .release();
  });
}

void ddim_images_free(ddim_images* images) { delete images; }

ddim_status ddim_images_size(const ddim_images* images, std::int64_t* count, std::int64_t* width,
                             std::int64_t* height, std::int64_t* channels) {
  return guarded([&] {
    require_given({{images, "images"}});
    if (count != nullptr) *count = images->images.count;
    if (width != nullptr) *width = images->images.shape.width;
    if (height != nullptr) *height = images->images.shape.height;
    if (channels != nullptr) *channels = images->images.shape.channels;
  });
}

const float* ddim_images_values(const ddim_images* images) {
  return images == nullptr ? nullptr : images->images.values.data();
}

ddim_status ddim_images_bytes(const ddim_images* images, std::uint8_t* bytes, std::size_t size) {
  return guarded([&] {
    require_given({{images, "images"}, {bytes, "bytes"}});
    if (size != images->images.values.size())
      throw Error(ErrorCode::user, "size is " + std::to_string(size) + ", but there are " +
                                       std::to_string(images->images.values.size()) + " values");
    std::vector<std::uint8_t> all;  // bytes stay as they are where a picture cannot be one
    for (std::int64_t k = 0; k < images->images.count; ++k) {
      const Image image = to_image(images->images, k);
      all.insert(all.end(), image.pixels.begin(), image.pixels.end());
    }
    std::ranges::copy(all, bytes);
  });
}

ddim_status ddim_images_write_grid(const ddim_images* images, const char* path) {
  return guarded([&] {
    require_given({{images, "images"}, {path, "path"}});
    std::vector<Image> cells;
    for (std::int64_t k = 0; k < images->images.count; ++k)
      cells.push_back(to_image(images->images, k));
    write_png(path, make_grid(cells));
  });
}

ddim_status ddim_sample(const ddim_model* model, const ddim_options* options,
                        ddim_images** pictures) {
  return guarded([&] {
    require_given({{model, "model"}, {pictures, "pictures"}});
    const ddim_options& said = or_defaults(options);
    const Watch watch(said);
    SampleOptions sampling = sampling_of(said, model->model, kOfRecipes);
    sampling.run = watch.run(said);
    if (said.init) {
      sampling.init = said.init;
      sampling.init->by = said.init_by;
      if (!said.recipe.contains("strength"))
        sampling.plan.strength = usual_strength(said.init->mask.has_value(), sampling.plan.sampler);
    } else {
      sampling.plan.strength = 1.0;
    }
    if (said.x_T) {
      sampling.x_T = said.x_T;
      if (said.has_count_of_x_T) sampling.count = said.x_T->count;
    }
    auto drawn = std::make_unique<ddim_images>(ddim_images{sample(model->model, sampling).x_0});
    watch.require_no_stop();
    *pictures = drawn.release();
  });
}

ddim_status ddim_draw_noise(const ddim_model* model, std::uint64_t seed, std::int64_t count,
                            ddim_images** states) {
  return guarded([&] {
    require_given({{model, "model"}, {states, "states"}});
    *states =
        std::make_unique<ddim_images>(ddim_images{draw_noise(model->model, seed, count)}).release();
  });
}

ddim_status ddim_interpolate(const ddim_images* ends, std::int64_t frames, ddim_images** states) {
  return guarded([&] {
    require_given({{ends, "ends"}, {states, "states"}});
    *states =
        std::make_unique<ddim_images>(ddim_images{interpolate(ends->images, frames)}).release();
  });
}

ddim_status ddim_encode(const ddim_model* model, const ddim_images* pictures,
                        const ddim_options* options, ddim_codes** codes) {
  return guarded([&] {
    require_given({{model, "model"}, {pictures, "pictures"}, {codes, "codes"}});
    const ddim_options& said = or_defaults(options);
    const Watch watch(said);
    SampleOptions sampling = sampling_of(said, model->model, kOfEncoding);
    const EncodeMethod method = said.exact ? EncodeMethod::exact : EncodeMethod::euler;
    if (!said.recipe.contains("tau")) sampling.plan.tau = usual_tau(method);
    const EncodeOptions encoding{.plan = sampling.plan,
                                 .method = method,
                                 .dequantise = said.dequantise,
                                 .class_choice = sampling.class_choice,
                                 .run = watch.run(said)};
    auto found =
        std::make_unique<ddim_codes>(ddim_codes{encode(model->model, pictures->images, encoding)});
    watch.require_no_stop();
    *codes = found.release();
  });
}

ddim_status ddim_decode(const ddim_model* model, const ddim_codes* codes,
                        const ddim_options* options, ddim_images** pictures) {
  return guarded([&] {
    require_given({{model, "model"}, {codes, "codes"}, {pictures, "pictures"}});
    const ddim_options& said = or_defaults(options);
    const Watch watch(said);
    const SampleOptions sampling = sampling_of(said, model->model, kOfDecoding);
    const DecodeOptions decoding{
        .clip = sampling.plan.clip, .class_choice = sampling.class_choice, .run = watch.run(said)};
    Codes states = codes->codes;
    if (said.other_weights) states.model_hash.clear();
    auto decoded =
        std::make_unique<ddim_images>(ddim_images{decode(model->model, states, decoding).x_0});
    watch.require_no_stop();
    *pictures = decoded.release();
  });
}

void ddim_codes_free(ddim_codes* codes) { delete codes; }

ddim_status ddim_codes_states(const ddim_codes* codes, ddim_images** states) {
  return guarded([&] {
    require_given({{codes, "codes"}, {states, "states"}});
    *states = std::make_unique<ddim_images>(ddim_images{codes->codes.x_T}).release();
  });
}

double ddim_codes_residual(const ddim_codes* codes) {
  return codes == nullptr ? 0.0 : codes->codes.residual;
}

ddim_status ddim_codes_read(const char* path, ddim_codes** codes) {
  return guarded([&] {
    require_given({{path, "path"}, {codes, "codes"}});
    *codes = std::make_unique<ddim_codes>(ddim_codes{read_codes(path)}).release();
  });
}

ddim_status ddim_codes_write(const ddim_codes* codes, const char* path) {
  return guarded([&] {
    require_given({{codes, "codes"}, {path, "path"}});
    write_codes(path, codes->codes);
  });
}
