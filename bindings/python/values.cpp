#include "values.h"

#include <memory>
#include <string_view>
#include <utility>

namespace ddim::python {

nb::object text_of(const std::string& text) {
  return nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape"));
}

FloatImages images_of(const ArrayIn& array) {
  FloatImages images{.count = static_cast<std::int64_t>(array.shape(0)),
                     .shape = {.channels = static_cast<std::int64_t>(array.shape(3)),
                               .height = static_cast<std::int64_t>(array.shape(1)),
                               .width = static_cast<std::int64_t>(array.shape(2))}};
  images.values.assign(array.data(), array.data() + array.size());
  return images;
}

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

}  // namespace ddim::python
