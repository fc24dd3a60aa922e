#include <ddim/ddim.h>

#include "parts.h"
#include "runs.h"
#include "values.h"

namespace ddim::python {
namespace {

/// What is judged: what `model` draws by a recipe, or a set of pictures or statistics.
nb::dict evaluate_sets(const Model* model, const Recipe& drawing, const fs::path& first,
                       const std::optional<fs::path>& second, const fs::path& extractor_name,
                       const std::string& fit, const std::string& resizing,
                       const std::optional<std::string>& split,
                       const std::optional<std::string>& second_split,
                       const std::optional<std::int64_t>& max_images, bool shrink,
                       std::uint64_t seed, const std::optional<fs::path>& statistics,
                       bool overwrite, std::int64_t batch, int threads, const Callback& callback) {
  SetsToCompare sets{.model = model,
                     .drawing = said_by(drawing, model),
                     .first = {.data = first, .max_images = max_images},
                     .few_pictures = shrink ? FewPictures::shrink : FewPictures::refuse};
  const FeatureOptions features{.fit = value_of_word<Fit>("fit", fit)};
  const auto rule = value_of_word<Resizing>("resizing", resizing);
  if (split) sets.first.split = value_of_word<DataSplit>("split", *split);
  if (second) {
    sets.second = sets.first;
    sets.second->data = *second;
    if (second_split) sets.second->split = value_of_word<DataSplit>("second_split", *second_split);
  }
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
    std::optional<FeatureExtractor> extractor;
    if (model != nullptr || reads_first || reads_second)
      extractor = FeatureExtractor::load(find_extractor(extractor_name.string()), rule);
    const ExtractedSets extracted = extract_sets(sets, extractor, features, options);
    if (statistics)
      write_statistics(*statistics, extracted.first,
                       overwrite ? Overwrite::allow : Overwrite::refuse);
    std::optional<Quality> quality;
    if (extracted.second)
      quality = compare_sets(extracted.first, *extracted.second,
                             {.few_pictures = sets.few_pictures,
                              .seed = seed,
                              .threads = threads,
                              .stop = options.stop});
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

}  // namespace

void add_evaluation(nb::module_& m, nb::class_<Model>& model) {
  using nb::arg;
  model.def("eps_error", &eps_errors, arg("data"), arg("split").none(), arg("max_images").none(),
            arg("fit").none(), arg("t"), arg("seed"), arg("batch"), arg("threads"),
            arg("callback").none(),
            nb::sig("def eps_error(self, data: str | os.PathLike, split: str | None, "
                    "max_images: int | None, fit: str | None, t: collections.abc.Sequence[int], "
                    "seed: int, batch: int, threads: int, "
                    "callback: collections.abc.Callable[[int, int], None] | None) "
                    "-> dict[int, tuple[float, float]]"),
            "Error of the predicted noise at each t, with half of its 95 % interval.");
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
}

}  // namespace ddim::python
