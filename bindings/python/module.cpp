// ddim._core: the library for Python. What is comfortable about it is in ddim/__init__.py.

#include <ddim/ddim.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

namespace nb = nanobind;

namespace ddim::python {
namespace {

namespace fs = std::filesystem;

/// Text that may hold a file's name, whatever its bytes are: as Python's own functions give names.
nb::object text_of(const std::string& text) {
  return nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape"));
}

/// [N,H,W,C] of any library that speaks DLPack or NumPy's protocol, as fp32.
using ArrayIn = nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using ArrayOut = nb::ndarray<nb::numpy, float, nb::ndim<4>>;

FloatImages images_of(const ArrayIn& array) {
  FloatImages images{.count = static_cast<std::int64_t>(array.shape(0)),
                     .shape = {.channels = static_cast<std::int64_t>(array.shape(3)),
                               .height = static_cast<std::int64_t>(array.shape(1)),
                               .width = static_cast<std::int64_t>(array.shape(2))}};
  images.values.assign(array.data(), array.data() + array.size());
  return images;
}

/// Without a copy: the array owns the pictures.
ArrayOut array_of(FloatImages images) {
  auto owned = std::make_unique<FloatImages>(std::move(images));
  FloatImages* const held = owned.release();
  const nb::capsule owner(held, [](void* p) noexcept { delete static_cast<FloatImages*>(p); });
  return ArrayOut(
      held->values.data(),
      {static_cast<std::size_t>(held->count), static_cast<std::size_t>(held->shape.height),
       static_cast<std::size_t>(held->shape.width), static_cast<std::size_t>(held->shape.channels)},
      owner);
}

/// The calls of run() that go on. They must end before the interpreter does: a daemon thread that
/// comes out of one afterwards finds no interpreter to go on in.
class Runs {
 public:
  void begin(std::stop_source& stop) {
    const std::lock_guard lock(mutex_);
    if (has_ended_) throw Error(ErrorCode::interrupted, "the interpreter ends");
    running_.insert(&stop);
  }
  void end(std::stop_source& stop) {
    const std::lock_guard lock(mutex_);
    running_.erase(&stop);
    changed_.notify_all();
  }
  /// Stops them, and waits. The interpreter's lock must be free.
  void end_all() {
    if (::getpid() != owner_) return;  // after a fork, whose runs go on in the parent
    std::unique_lock lock(mutex_);
    has_ended_ = true;
    for (std::stop_source* stop : running_) stop->request_stop();
    changed_.wait(lock, [&] { return running_.empty(); });
  }

 private:
  const pid_t owner_ = ::getpid();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::stop_source*> running_;
  bool has_ended_ = false;
};

Runs& all_runs() {
  static Runs& runs = *new Runs;  // never destroyed: daemon threads may outlive what is static
  return runs;
}

class Running {
 public:
  explicit Running(std::stop_source& stop) : stop_(stop) { all_runs().begin(stop_); }
  ~Running() { all_runs().end(stop_); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::stop_source& stop_;
};

/// Calls `work` in a thread of its own, without the interpreter's lock, and looks for Ctrl-C
/// meanwhile, which stops it.
template <class Work>
auto run(Work&& work) {
  using Result = decltype(work(std::stop_token()));
  std::stop_source stop;
  std::optional<Result> result;
  std::exception_ptr failure;
  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false, is_interrupted = false;
  const Running running(stop);
  {
    const nb::gil_scoped_release release;
    const std::jthread worker([&] {
      try {
        result = work(stop.get_token());
      } catch (...) {
        failure = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      has_ended = true;
      ended.notify_one();
    });
    for (std::unique_lock lock(mutex); !has_ended;) {
      ended.wait_for(lock, std::chrono::milliseconds(50));
      if (has_ended || is_interrupted) continue;
      lock.unlock();
      {
        const nb::gil_scoped_acquire acquire;
        is_interrupted = PyErr_CheckSignals() != 0;
      }
      if (is_interrupted) stop.request_stop();
      lock.lock();
    }
  }
  if (is_interrupted) throw nb::python_error();  // the KeyboardInterrupt
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

using Callback = std::optional<std::function<void(std::int64_t, std::int64_t)>>;

/// Options of a run whose callback may raise: that ends the run, and is raised by rethrow().
class Watched {
 public:
  Watched(std::int64_t batch, int threads, const Callback& callback) {
    options_.batch = batch;
    options_.threads = threads;
    if (!callback) return;
    options_.progress = [this, callback](const RunProgress& progress) {
      const nb::gil_scoped_acquire acquire;
      if (raised_) return;
      try {
        (*callback)(progress.evaluations_done, progress.evaluations);
      } catch (...) {
        raised_ = std::current_exception();
        stop_.request_stop();
      }
    };
  }

  /// Of one run(): `work` gets the options.
  template <class Work>
  auto run(Work&& work) {
    try {
      auto result = python::run([&](const std::stop_token& interrupted) {
        const std::stop_callback link(interrupted, [this] { stop_.request_stop(); });
        options_.stop = stop_.get_token();
        return work(options_);
      });
      if (raised_) std::rethrow_exception(raised_);  // in the last call, after which nobody looks
      return result;
    } catch (const Error&) {
      if (raised_) std::rethrow_exception(raised_);
      throw;
    }
  }

 private:
  std::stop_source stop_;
  RunOptions options_;
  std::exception_ptr raised_;
};

nb::dict info_of(const ModelInfo& info) {
  nb::dict dict;
  dict["name"] = text_of(info.name);
  dict["width"] = info.shape.width;
  dict["height"] = info.shape.height;
  dict["channels"] = info.shape.channels;
  dict["num_parameters"] = info.num_parameters;
  dict["num_classes"] = info.num_classes;
  dict["class_names"] = info.class_names;
  dict["null_class"] = info.null_class;
  dict["T"] = info.process.T;
  dict["schedule"] = std::string(to_string(info.process.schedule));
  dict["beta_start"] = info.process.beta_start;
  dict["beta_end"] = info.process.beta_end;
  dict["prediction"] = std::string(to_string(info.process.prediction));
  dict["precision"] = std::string(to_string(info.precision));
  dict["device"] = info.device;
  dict["format"] = info.format;
  dict["step"] = info.step;
  nb::list notes;
  for (const std::string& note : info.notes) notes.append(text_of(note));
  dict["notes"] = notes;
  return dict;
}

/// The options that a caller's words ask for of a model, if there is one.
SampleOptions said_by(const Recipe& words, const Model* model) {
  try {
    SampleOptions options = options_of(words);
    check_effects(words);
    if (model != nullptr && !words.contains("steps"))
      options.plan.steps = usual_steps(model->info().process.T);
    return options;
  } catch (const Error& error) {  // of a recipe in a file it would be damage
    constexpr std::string_view kSource = "recipe: ";
    const std::string_view said = error.what();
    throw Error(error.code() == ErrorCode::corrupt ? ErrorCode::user : error.code(),
                std::string(said.starts_with(kSource) ? said.substr(kSource.size()) : said));
  }
}

Model load(const fs::path& name, const std::string& precision,
           const std::optional<std::string>& weights, const std::string& device,
           const std::string& memory, bool pull) {
  LoadOptions options{.device = value_of_word<DeviceKind>("device", device),
                      .precision = value_of_word<Precision>("precision", precision),
                      .memory_use = value_of_word<MemoryUse>("memory", memory)};
  if (weights) options.weights = value_of_word<WeightSet>("weights", *weights);
  return run([&](const std::stop_token& stop) {
    return Model::load(
        find_model(name.string(), pull ? MissingModel::pull : MissingModel::refuse, {.stop = stop}),
        options);
  });
}

using Predict = std::function<nb::object(nb::object, double)>;

Model from_function(const Predict& predict, std::int64_t height, std::int64_t width,
                    std::int64_t channels, const std::string& schedule, double beta_start,
                    double beta_end, std::int64_t T, const std::vector<double>& betas,
                    const std::string& prediction, const std::string& name) {
  Denoiser denoiser{.name = name,
                    .shape = {.channels = channels, .height = height, .width = width},
                    .process = {.schedule = value_of_word<BetaKind>("schedule", schedule),
                                .beta_start = beta_start,
                                .beta_end = beta_end,
                                .T = T,
                                .betas = betas,
                                .prediction = value_of_word<Prediction>("prediction", prediction)}};
  if (!betas.empty()) denoiser.process.schedule = BetaKind::list;
  denoiser.predict = [predict, shape = denoiser.shape](const Denoiser::Call& call,
                                                       std::span<float> output) {
    const nb::gil_scoped_acquire acquire;
    // A copy, which a function may keep.
    const nb::object x_t = nb::cast(array_of(
        {.count = call.count, .shape = shape, .values = {call.x_t.begin(), call.x_t.end()}}));
    const auto made = nb::cast<ArrayIn>(predict(x_t, call.t));
    if (made.size() != output.size())
      throw Error(ErrorCode::user, "the denoiser returned " + std::to_string(made.size()) +
                                       " values for a state of " + std::to_string(output.size()));
    std::copy(made.data(), made.data() + made.size(), output.begin());
  };
  return Model::from(std::move(denoiser));
}

/// `init` starts it where the recipe has init_by.
ArrayOut sample_images(const Model& model, const Recipe& recipe, const std::optional<ArrayIn>& x_T,
                       const std::optional<ArrayIn>& init, const std::optional<ArrayIn>& mask,
                       std::int64_t batch, int threads, const Callback& callback) {
  SampleOptions options = said_by(recipe, &model);
  if (init && options.init) options.init->images = images_of(*init);
  if (mask && options.init) options.init->mask = images_of(*mask);
  if (x_T) {
    options.x_T = images_of(*x_T);
    if (!recipe.contains("count")) options.count = options.x_T->count;
  }
  Watched watched(batch, threads, callback);
  return array_of(watched.run([&](const RunOptions& run) {
    options.run = run;
    return sample(model, options).x_0;
  }));
}

struct PythonCodes {
  Codes codes;
};

PythonCodes encode_images(const Model& model, const ArrayIn& pictures, const Recipe& recipe,
                          bool exact, const std::string& dequantise, std::int64_t batch,
                          int threads, const Callback& callback) {
  const SampleOptions said = said_by(recipe, &model);
  const FloatImages images = images_of(pictures);
  EncodeOptions options{.plan = said.plan,
                        .method = exact ? EncodeMethod::exact : EncodeMethod::euler,
                        .dequantise = value_of_word<Dequantise>("dequantise", dequantise),
                        .class_choice = said.class_choice};
  Watched watched(batch, threads, callback);
  return {watched.run([&](const RunOptions& run) {
    options.run = run;
    return encode(model, images, options);
  })};
}

ArrayOut decode_codes(const Model& model, const PythonCodes& codes, const Recipe& recipe,
                      std::int64_t batch, int threads, const Callback& callback) {
  const SampleOptions said = said_by(recipe, &model);
  DecodeOptions options{.clip = said.plan.clip, .class_choice = said.class_choice};
  Watched watched(batch, threads, callback);
  return array_of(watched.run([&](const RunOptions& run) {
    options.run = run;
    return decode(model, codes.codes, options).x_0;
  }));
}

/// What is judged: what `model` draws by a recipe, or a set of pictures or statistics.
nb::dict evaluate_sets(const Model* model, const Recipe& drawing, const fs::path& first,
                       const std::optional<fs::path>& second, const fs::path& extractor,
                       const std::string& fit, const std::string& resizing,
                       const std::optional<std::string>& split,
                       const std::optional<std::string>& second_split,
                       const std::optional<std::int64_t>& max_images, bool shrink,
                       std::uint64_t seed, const std::optional<fs::path>& statistics,
                       bool overwrite, std::int64_t batch, int threads, const Callback& callback) {
  SampleOptions sampling = said_by(drawing, model);
  const FeatureOptions features{.fit = value_of_word<Fit>("fit", fit)};
  const auto rule = value_of_word<Resizing>("resizing", resizing);
  const FewPictures few = shrink ? FewPictures::shrink : FewPictures::refuse;
  DataOptions of_first{.data = first, .max_images = max_images};
  if (split) of_first.split = value_of_word<DataSplit>("split", *split);
  DataOptions of_second = of_first;
  if (second) of_second.data = *second;
  if (second_split) of_second.split = value_of_word<DataSplit>("second_split", *second_split);
  const bool reads_first = model == nullptr && !holds_statistics(first);
  const bool reads_second = second && !holds_statistics(*second);
  for (const auto& [name, is_idle] :
       {std::pair("split", split && !reads_first && (second_split || !reads_second)),
        std::pair("second_split", second_split && !reads_second),
        std::pair("max_images", max_images && !reads_first && !reads_second)})
    if (is_idle)
      throw Error(ErrorCode::user, std::string(name) +
                                       " has nothing to choose from: no pictures "
                                       "are read there");
  Watched watched(batch, threads, callback);
  const std::optional<Quality> found = watched.run([&](const RunOptions& options) {
    std::error_code unknown;
    if (statistics && !overwrite && fs::exists(*statistics, unknown))  // before hours of work
      throw Error(ErrorCode::user,
                  statistics->string() + " exists already; overwrite=True replaces it");
    std::optional<FeatureExtractor> network;
    const auto loaded = [&]() -> const FeatureExtractor& {
      if (!network) network = FeatureExtractor::load(find_extractor(extractor.string()), rule);
      return *network;
    };
    std::optional<FeatureSet> reference;
    const auto read = [&](const DataOptions& set, bool has_pictures, const PictureFit& before) {
      if (!has_pictures) return read_statistics(set.data);
      FeatureOptions checked = features;
      checked.first = before;
      checked.check = [&](const FeatureSet& found) {
        if (reference)
          check_sets(found, *reference, few);
        else if (second)
          check_sets({.dimensions = found.dimensions}, found, few);
      };
      return loaded().extract(set, checked, options);
    };
    SeenAs seen;
    FeatureSet to_draw;
    Plan plan;
    if (model != nullptr) {
      sampling.run = options;
      plan = make_plan(*model, sampling.plan);
      check_sample(*model, plan, sampling);
      to_draw = loaded().set_to_draw(*model, sampling.count, features.fit, "what the model draws");
      if (second) check_sets(to_draw, {.dimensions = to_draw.dimensions}, few);
      if (reads_second) {
        seen = seen_by(*model, of_second);
        of_second.read.background = seen.background;
      }
    }
    if (second) reference = read(of_second, reads_second, seen.fit);
    if (model != nullptr && reference) check_sets(to_draw, *reference, few);
    const FeatureSet judged = model != nullptr ? loaded().extract(*model, plan, sampling, features)
                                               : read(of_first, reads_first, {});
    if (statistics)
      write_statistics(*statistics, judged, overwrite ? Overwrite::allow : Overwrite::refuse);
    std::optional<Quality> quality;
    if (reference)
      quality = compare_sets(
          judged, *reference,
          {.few_pictures = few, .seed = seed, .threads = threads, .stop = options.stop});
    return quality;
  });
  if (!found) return nb::dict();
  const Quality& quality = *found;
  nb::dict dict;
  const auto add = [&](const char* name, const std::optional<Measure>& measure) {
    if (measure) dict[name] = std::pair(measure->value, measure->half_width_95);
  };
  add("frechet_distance", quality.frechet_distance);
  add("kernel_distance", quality.kernel_distance);
  add("precision", quality.precision);
  add("recall", quality.recall);
  add("inception_score", quality.inception_score);
  return dict;
}

nb::dict eps_errors(const Model& model, const fs::path& data,
                    const std::optional<std::string>& split,
                    const std::optional<std::int64_t>& max_images,
                    const std::optional<std::string>& fit, const std::vector<std::int64_t>& t,
                    std::uint64_t seed, std::int64_t batch, int threads, const Callback& callback) {
  EpsErrorOptions options{.data = {.data = data, .max_images = max_images}, .t = t, .seed = seed};
  if (split) options.data.split = value_of_word<DataSplit>("split", *split);
  if (fit) options.fit = value_of_word<Fit>("fit", *fit);
  Watched watched(batch, threads, callback);
  const EpsErrors errors = watched.run([&](const RunOptions& run) {
    options.run = run;
    return eps_error(model, options);
  });
  nb::dict dict;
  for (const EpsErrorAt& at : errors.at)
    dict[nb::int_(at.t)] = std::pair(at.mean_squared_error, at.half_width_95);
  return dict;
}

nb::dict train(const std::optional<fs::path>& config, const fs::path& data, const fs::path& out,
               bool resume, const std::optional<fs::path>& init,
               const std::optional<std::int64_t>& max_steps, const std::string& device,
               const std::vector<std::string>& overrides,
               const std::optional<std::int64_t>& resume_from,
               const std::optional<std::function<void(nb::dict)>>& callback) {
  std::exception_ptr raised;
  TrainOptions options{.config = config ? load_train_config(*config) : config_of_run(out),
                       .data = data,
                       .out = out,
                       .start = resume ? Start::resume : Start::fresh,
                       .resume_from = resume_from,
                       .overrides = overrides,
                       .max_steps = max_steps,
                       .device = value_of_word<DeviceKind>("device", device)};
  if (init) options.init = find_model(init->string());
  const auto train_watched = [&](const std::stop_token& interrupted) {
    std::stop_source stop;
    const std::stop_callback link(interrupted, [&] { stop.request_stop(); });
    options.stop = stop.get_token();
    if (callback) {
      options.progress = [&](const TrainProgress& progress) {
        const nb::gil_scoped_acquire acquire;
        nb::dict dict;
        dict["step"] = progress.step;
        dict["last_step"] = progress.last_step;
        dict["epoch"] = progress.epoch;
        dict["loss"] = progress.loss;
        dict["mean_loss"] = progress.mean_loss;
        dict["validation_loss"] = progress.validation_loss;
        dict["gradient_norm"] = progress.gradient_norm;
        dict["learning_rate"] = progress.learning_rate;
        dict["seconds_left"] = progress.seconds_left;
        try {
          if (!raised) (*callback)(dict);
        } catch (...) {
          raised = std::current_exception();
          stop.request_stop();
        }
      };
    }
    return train_model(options);
  };
  TrainSummary summary;
  try {
    summary = run(train_watched);
  } catch (const Error&) {  // by what the callback raised, or after it
    if (raised) std::rethrow_exception(raised);
    throw;
  }
  if (raised) std::rethrow_exception(raised);
  nb::dict dict;
  dict["ending"] = std::string(to_string(summary.ending));
  dict["steps"] = summary.steps;
  dict["loss"] = summary.loss;
  dict["checkpoint"] = text_of(summary.checkpoint.string());
  return dict;
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const nb::python_error&) {
    throw;
  } catch (const nb::builtin_exception&) {
    throw;
  } catch (const std::bad_alloc&) {  // MemoryError
    throw;
  } catch (const std::exception&) {
    const Error error = as_error(thrown);
    const nb::object classes = nb::module_::import_("ddim.errors").attr("BY_CODE");
    const nb::object made =
        classes[nb::int_(static_cast<int>(error.code()))](text_of(error.what()));
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
  }
}

}  // namespace
}  // namespace ddim::python

NB_MODULE(_core, m) {
  using namespace ddim;
  using namespace ddim::python;
  using nb::arg;
  nb::register_exception_translator(translate);
  nb::set_leak_warnings(false);  // a daemon thread may keep what it uses beyond the end
  m.doc() = "The library, as the module `ddim` calls it. Use that: this one may change.";
  m.def(
      "usual_strength",
      [](bool has_mask, const std::string& sampler) {
        return usual_strength(has_mask, value_of_word<Sampler>("sampler", sampler));
      },
      arg("has_mask"), arg("sampler"));
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] {
    const nb::gil_scoped_release release;
    all_runs().end_all();
  }));
  m.def("version", [] { return std::string(version()); });
  m.def("version_details", &version_details, "The version, how it was built, and with what.");

  nb::class_<Model>(m, "Model", "A network with its forward process.")
      .def_prop_ro(
          "info", [](const Model& model) { return info_of(model.info()); },
          nb::sig("def info(self) -> dict[str, typing.Any]"),
          "name, width, height, channels, num_parameters, num_classes, class_names, T ...")
      .def_prop_ro(
          "weights_hash",
          [](const Model& model) {
            return run([&](const std::stop_token&) { return model.weights_hash(); });
          },
          "64 hexadecimal digits.")
      .def(
          "class_numbers",
          [](const Model& model, const std::vector<std::string>& words,
             std::optional<std::int64_t> null_class) {
            return run([&](const std::stop_token&) {
              ClassChoice choice{.null_class = null_class};
              for (const std::string& word : words)
                add_classes(word, model.info(), "class_", choice);
              return choice.classes;
            });
          },
          arg("words"), arg("null_class").none(),
          "What numbers, names and \"all\" mean as numbers of classes.")
      .def("sample", &sample_images, arg("recipe"), arg("x_T").none(), arg("init").none(),
           arg("mask").none(), arg("batch"), arg("threads"), arg("callback").none(),
           "Pictures [count,H,W,C]; of the states x_T [N,H,W,C]: [N,H,W,C]. init [N or 1,H,W,C], "
           "mask [1,H,W,C]: what to start from where the recipe has init_by.")
      .def("encode", &encode_images, arg("pictures"), arg("recipe"), arg("exact"),
           arg("dequantise"), arg("batch"), arg("threads"), arg("callback").none(),
           "Codes of pictures [N,H,W,C].")
      .def("decode", &decode_codes, arg("codes"), arg("recipe"), arg("batch"), arg("threads"),
           arg("callback").none(), "The pictures [N,H,W,C] of N codes.")
      .def(
          "draw_noise",
          [](const Model& model, std::uint64_t seed, std::int64_t count, std::int64_t first) {
            return array_of(
                run([&](const std::stop_token&) { return draw_noise(model, seed, count, first); }));
          },
          arg("seed"), arg("count"), arg("first_image"), "States [count,H,W,C].")
      .def(
          "load_pictures",
          [](const Model& model, const std::vector<fs::path>& files, const std::string& fit) {
            return array_of(run([&](const std::stop_token&) {
              return load_pictures(model, files, value_of_word<Fit>("fit", fit));
            }));
          },
          arg("files"), arg("fit"), "Pictures [N,H,W,C] of N files.")
      .def(
          "load_mask",
          [](const Model& model, const fs::path& file, const std::string& fit) {
            return array_of(run([&](const std::stop_token&) {
              return load_mask(model, file, value_of_word<Fit>("fit", fit));
            }));
          },
          arg("file"), arg("fit"), "A mask [1,H,W,C] of a file.")
      .def("eps_error", &eps_errors, arg("data"), arg("split").none(), arg("max_images").none(),
           arg("fit").none(), arg("t"), arg("seed"), arg("batch"), arg("threads"),
           arg("callback").none(),
           nb::sig("def eps_error(self, data: str | os.PathLike, split: str | None, "
                   "max_images: int | None, fit: str | None, t: collections.abc.Sequence[int], "
                   "seed: int, batch: int, threads: int, "
                   "callback: collections.abc.Callable[[int, int], None] | None) "
                   "-> dict[int, tuple[float, float]]"),
           "Error of the predicted noise at each t, with half of its 95 % interval.")
      .def(
          "plan",
          [](const Model& model, const Recipe& recipe) {
            return run([&](const std::stop_token&) {
              return to_json(make_plan(model, said_by(recipe, &model).plan));
            });
          },
          arg("recipe"), "What a sampler will do, as JSON.");
  nb::class_<PythonCodes>(m, "Codes",
                          "What encode() makes of pictures: states, and the steps between them "
                          "and the pictures.")
      .def_prop_ro(
          "x_T", [](const PythonCodes& codes) { return array_of(codes.codes.x_T); },
          nb::rv_policy::move, "The states, float32 [N,H,W,C]: a copy at each access.")
      .def_prop_ro(
          "tau", [](const PythonCodes& codes) { return codes.codes.tau; },
          "The steps that decode() visits.")
      .def_prop_ro(
          "nfe", [](const PythonCodes& codes) { return codes.codes.nfe; },
          "Network evaluations per picture.")
      .def_prop_ro(
          "residual", [](const PythonCodes& codes) { return codes.codes.residual; },
          "Of an exact encoding: the largest error of a pixel that was left in undoing a step.")
      .def(
          "save",
          [](const PythonCodes& codes, const fs::path& path, bool overwrite) {
            run([&](const std::stop_token&) {
              write_codes(path, codes.codes, overwrite ? Overwrite::allow : Overwrite::refuse);
              return true;
            });
          },
          arg("path"), arg("overwrite") = false, "Writes them to a safetensors file.");
  m.def(
      "make_codes",
      [](const ArrayIn& x_T, const std::vector<double>& tau) {
        return PythonCodes{{.x_T = images_of(x_T), .tau = tau}};
      },
      arg("x_T"), arg("tau"), "Codes of states [N,H,W,C].");
  m.def(
      "read_codes",
      [](const fs::path& path) {
        return run([&](const std::stop_token&) { return PythonCodes{read_codes(path)}; });
      },
      arg("path"), "Codes of a safetensors file.");
  m.def("load", &load, arg("name"), arg("precision"), arg("weights").none(), arg("device"),
        arg("memory"), arg("pull"), "A model of a file, a folder, or a name.");
  m.def("from_function", &from_function, arg("predict"), arg("height"), arg("width"),
        arg("channels"), arg("schedule"), arg("beta_start"), arg("beta_end"), arg("T"),
        arg("betas"), arg("prediction"), arg("name"),
        "A model whose network is predict(x_t, t): float32 [N,H,W,C] to float32 [N,H,W,C].");
  m.def(
      "interpolate",
      [](const ArrayIn& ends, std::int64_t frames) {
        const FloatImages states = images_of(ends);
        return array_of(
            run([&](const std::stop_token& stop) { return interpolate(states, frames, stop); }));
      },
      arg("ends"), arg("frames"), "States between two or four: [frames or frames^2,H,W,C].");
  m.def(
      "models",
      [](const fs::path& folder) {
        nb::list models;
        for (const FoundModel& model :
             run([&](const std::stop_token&) { return find_models(folder); })) {
          nb::dict dict;
          dict["name"] = text_of(model.name);
          dict["folder"] = text_of(model.folder.string());
          dict["place"] = std::string(to_string(model.place));
          models.append(dict);
        }
        return models;
      },
      nb::sig("def models(folder: str | os.PathLike) -> list[dict[str, str]]"), arg("folder"),
      "The models that load() finds.");
  m.def("evaluate", &evaluate_sets, arg("model").none(), arg("drawing"), arg("first"),
        arg("second").none(), arg("extractor"), arg("fit"), arg("resizing"), arg("split").none(),
        arg("second_split").none(), arg("max_images").none(), arg("shrink"), arg("seed"),
        arg("statistics").none(), arg("overwrite"), arg("batch"), arg("threads"),
        arg("callback").none(),
        nb::sig("def evaluate(model: Model | None, drawing: collections.abc.Mapping[str, str], "
                "first: str | os.PathLike, second: str | os.PathLike | None, "
                "extractor: str | os.PathLike, fit: str, resizing: str, split: str | None, "
                "second_split: str | None, max_images: int | None, shrink: bool, seed: int, "
                "statistics: str | os.PathLike | None, overwrite: bool, batch: int, threads: int, "
                "callback: collections.abc.Callable[[int, int], None] | None) "
                "-> dict[str, tuple[float, float]]"),
        "Measures of two sets of pictures, each with half of its 95 % interval.");
  m.def("train", &train, arg("config").none(), arg("data"), arg("out"), arg("resume"),
        arg("init").none(), arg("max_steps").none(), arg("device"), arg("overrides"),
        arg("resume_from").none(), arg("callback").none(),
        nb::sig("def train(config: str | os.PathLike | None, data: str | os.PathLike, "
                "out: str | os.PathLike, resume: bool, init: str | os.PathLike | None, max_steps: "
                "int | None, device: str, overrides: collections.abc.Sequence[str], resume_from: "
                "int | None, "
                "callback: collections.abc.Callable[[dict], None] | None) "
                "-> dict[str, typing.Any]"),
        "Trains, and returns ending, steps, loss and checkpoint.");
}
