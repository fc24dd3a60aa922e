// ddim._core: the library for Python. What is comfortable about it is in ddim/__init__.py.

#include <ddim/ddim.h>

#include "parts.h"
#include "runs.h"
#include "values.h"

namespace ddim::python {
namespace {

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
  SampleOptions said = said_by(recipe, &model);
  const EncodeMethod method = exact ? EncodeMethod::exact : EncodeMethod::euler;
  if (!recipe.contains("tau")) said.plan.tau = usual_tau(method);
  const FloatImages images = images_of(pictures);
  EncodeOptions options{.plan = said.plan,
                        .method = method,
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
    end_all_runs();
  }));
  m.def("version", [] { return std::string(version()); });
  m.def("version_details", &version_details, "The version, how it was built, and with what.");

  nb::class_<Model> model(m, "Model", "A network with its forward process.");
  model
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
      .def(
          "plan",
          [](const Model& model, const Recipe& recipe) {
            return run([&](const std::stop_token&) {
              return to_json(make_plan(model, said_by(recipe, &model).plan));
            });
          },
          arg("recipe"), "What a sampler will do, as JSON.");
  add_evaluation(m, model);
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
  add_training(m);
}
