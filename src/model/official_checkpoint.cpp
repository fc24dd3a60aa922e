#include "model/official_checkpoint.h"

#include "base/error.h"
#include "io/torch_writer.h"
#include "model/official_config.h"
#include "model/official_names.h"
#include "model/official_order.h"

namespace ddim::engine::model {
namespace {

/// The configuration, which is refused when the official code has no such network.
std::string config_json(const ModelFiles& files) {
  try {
    return to_official_json({.network = files.config, .scheduler = files.scheduler});
  } catch (const Error& error) {
    fail(error.code(), files.path.string(), ": ", error.what());
  }
}

class OfficialWriter {
 public:
  OfficialWriter(const ModelFiles& files, const char* folder, io::StoredType type)
      : files_(files), type_(type), writer_(folder) {
    writer_.set_config_json(config_json(files));
    for (const io::TensorEntry& entry : files.weights)
      names_.push_back(official_name(entry.name, files.config.num_levels()));
    order_ = official_order(names_);
  }

  io::TorchWriter& writer() { return writer_; }

  void weights(const StoredWeights& weights, const std::string& prefix) {
    writer_.open_dict();
    for (const std::size_t i : order_) {
      writer_.text(prefix + names_[i]);
      tensor(weights[i], names_[i], type_);
    }
    writer_.close_dict();
  }

  void adam() {
    writer_.open_dict();
    writer_.text("state");
    writer_.open_dict();
    if (files_.adam) {
      num_updates_ = static_cast<float>(files_.adam->num_updates);
      for (std::size_t i = 0; i < order_.size(); ++i) {
        writer_.integer(static_cast<std::int64_t>(i));
        writer_.open_dict();
        writer_.text("step");
        writer_.tensor({.name = "step", .shape = {}, .values = {&num_updates_, 1}});
        writer_.text("exp_avg");
        tensor(files_.adam->m[order_[i]], names_[order_[i]], io::StoredType::f32);
        writer_.text("exp_avg_sq");
        tensor(files_.adam->v[order_[i]], names_[order_[i]], io::StoredType::f32);
        writer_.close_dict();
      }
    }
    writer_.close_dict();
    writer_.text("param_groups");
    writer_.open_list();
    adam_group(files_.adam ? files_.adam->settings : AdamSettings{});
    writer_.close_list();
    writer_.close_dict();
  }

 private:
  void tensor(const io::TensorEntry& entry, const std::string& name, io::StoredType type) {
    writer_.tensor({.name = name,
                    .type = type,
                    .shape = official_shape(entry.name, Shape(entry.shape)),
                    .entry = &entry});
  }

  void adam_group(const AdamSettings& settings) {
    writer_.open_dict();
    writer_.text("lr");
    writer_.real(settings.learning_rate);
    writer_.text("betas");
    writer_.real_pair(settings.beta1, settings.beta2);
    writer_.text("eps");
    writer_.real(settings.epsilon);
    writer_.text("weight_decay");
    writer_.integer(0);
    writer_.text("amsgrad");
    writer_.boolean(false);
    writer_.text("params");
    writer_.open_list();
    for (std::size_t i = 0; i < order_.size(); ++i) writer_.integer(static_cast<std::int64_t>(i));
    writer_.close_list();
    writer_.close_dict();
  }

  const ModelFiles& files_;
  io::StoredType type_;
  io::TorchWriter writer_;
  std::vector<std::string> names_;  ///< official, in the order of our parameters
  std::vector<std::size_t> order_;  ///< places among our parameters, in the official order
  float num_updates_ = 0.0F;
};

}  // namespace

FileContent official_checkpoint(const ModelFiles& files, std::optional<WeightSet> set,
                                io::StoredType type) {
  const StoredWeights& average = files.weights_of(set);
  const StoredWeights& model = !set && files.trained ? *files.trained : average;
  auto official = std::make_shared<OfficialWriter>(files, "ckpt", type);
  io::TorchWriter& writer = official->writer();
  writer.open_list();
  official->weights(model, "module.");
  official->adam();
  writer.integer(files.epoch);
  writer.integer(files.step);
  official->weights(average, "");
  writer.close_list();
  // What the tensors refer to lives in `official` and `files`.
  FileContent content = std::move(writer).content();
  return {content.size_bytes,
          [official, write = std::move(content.write_to)](const ByteSink& sink) { write(sink); }};
}

FileContent official_weights(const ModelFiles& files, std::optional<WeightSet> set,
                             io::StoredType type) {
  OfficialWriter official(files, "model", type);
  official.weights(files.weights_of(set), "");
  return std::move(official.writer()).content();
}

}  // namespace ddim::engine::model
