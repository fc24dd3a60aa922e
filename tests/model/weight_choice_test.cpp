// Weights as training scripts save them: below prefixes and keys, alone or beside an average.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "backend/make_device.h"
#include "base/error.h"
#include "io/safetensors.h"
#include "io/torch_writer.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/official_names.h"
#include "nn/initialisation.h"
#include "tests/model/saved_networks.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::model {
namespace {

using test::expect_error;
using test::official_network;
using test::TemporaryFolder;
using test::values_of;
using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

class WeightChoice : public testing::Test {
 protected:
  WeightChoice() : plain_(saved("plain", 3)), average_(saved("average", 4)) {}

  ModelFiles saved(const char* name, std::uint64_t seed) {
    const Device device = make_device(DeviceKind::reference);
    LoadedModel model{.device = device,
                      .unet = UNet(device, official_network()),
                      .schedule = diffusion::Schedule::linear(),
                      .scheduler_config = file_config(ForwardProcess{})};
    initialise(model.unet, Initialisation::pytorch, seed);
    save_model(model, folder_ / name, io::StoredType::f32);
    return open_model(folder_ / name);
  }

  enum class Names { diffusers, official };
  static std::string name_of(const io::TensorEntry& entry, Names names) {
    return names == Names::diffusers ? entry.name
                                     : official_name(entry.name, official_network().num_levels());
  }
  static void put(io::TorchWriter& writer, const ModelFiles& files, const std::string& prefix,
                  Names names) {
    for (const io::TensorEntry& entry : files.weights) {
      const std::vector<std::int64_t> shape =
          names == Names::diffusers ? entry.shape : official_shape(entry.name, Shape(entry.shape));
      writer.text(prefix + name_of(entry, names));
      writer.tensor({.name = entry.name, .shape = shape, .entry = &entry});
    }
  }
  static void put_dict(io::TorchWriter& writer, const std::string& key, const ModelFiles& files,
                       const std::string& prefix = "", Names names = Names::official) {
    writer.text(key);
    writer.open_dict();
    put(writer, files, prefix, names);
    writer.close_dict();
  }
  void put_number(io::TorchWriter& writer, const std::string& name) const {
    writer.text(name);
    writer.tensor({.name = name, .shape = {1}, .values = {&one_, 1}});
  }
  /// A file whose outermost dictionary is filled by `fill`.
  fs::path written(const std::function<void(io::TorchWriter&)>& fill) {
    io::TorchWriter writer("checkpoint");
    writer.open_dict();
    fill(writer);
    writer.close_dict();
    const fs::path path = folder_ / "checkpoint.pt";
    write_file_durably(path, std::move(writer).content(), Overwrite::allow);
    return path;
  }

  void expect_pair(const fs::path& path) {
    const ModelFiles found = open_model(path);
    EXPECT_EQ(values_of(found.weights), values_of(average_.weights));
    ASSERT_TRUE(found.trained.has_value());
    EXPECT_EQ(values_of(*found.trained), values_of(plain_.weights));
    EXPECT_EQ(values_of(found.weights_of(WeightSet::raw)), values_of(plain_.weights));
  }
  void expect_refused(const fs::path& path, const std::vector<std::string>& parts) {
    expect_error(ErrorCode::corrupt, parts, [&] { open_model(path); });
  }

  TemporaryFolder folder_;
  const float one_ = 1;
  ModelFiles plain_, average_;
};

constexpr const char* kPrefixes[] = {"module.",           "_orig_mod.",    "model.",
                                     "_orig_mod.module.", "net.denoiser.", "x."};

TEST_F(WeightChoice, AnyPrefixOfOfficialNames) {
  for (const std::string prefix : kPrefixes) {
    SCOPED_TRACE(prefix);
    const ModelFiles torch = open_model(
        written([&](io::TorchWriter& writer) { put(writer, plain_, prefix, Names::official); }));
    EXPECT_EQ(values_of(torch.weights), values_of(plain_.weights));
    EXPECT_THAT(torch.notes.front(),
                HasSubstr("in \"" + prefix.substr(0, prefix.size() - 1) + "\""));

    std::vector<io::TensorSource> sources;
    for (const io::TensorEntry& entry : plain_.weights)
      sources.push_back({.name = prefix + name_of(entry, Names::official),
                         .shape = official_shape(entry.name, Shape(entry.shape)),
                         .entry = &entry});
    io::write_safetensors(folder_ / "w.safetensors", sources, Overwrite::allow);
    EXPECT_EQ(values_of(open_model(folder_ / "w.safetensors").weights), values_of(plain_.weights));
  }
}

TEST_F(WeightChoice, AnyPrefixInADiffusersFolder) {
  for (const std::string prefix : kPrefixes) {
    SCOPED_TRACE(prefix);
    std::vector<io::TensorSource> sources;
    for (const io::TensorEntry& entry : average_.weights)
      sources.push_back({.name = prefix + entry.name, .shape = entry.shape, .entry = &entry});
    io::write_safetensors(folder_ / "plain/unet/diffusion_pytorch_model.safetensors", sources,
                          Overwrite::allow);
    EXPECT_EQ(values_of(open_model(folder_ / "plain").weights), values_of(average_.weights));
  }
}

TEST_F(WeightChoice, OneSetBelowAnyKey) {
  for (const char* key : {"state_dict", "model", "ema", "model_state_dict", "ema_model", "params",
                          "generator", "netG"}) {
    SCOPED_TRACE(key);
    const ModelFiles found = open_model(written([&](io::TorchWriter& writer) {
      writer.text("epoch");
      writer.integer(12);
      put_dict(writer, key, plain_, "module.");
      writer.text("global_step");
      writer.integer(3400);
    }));
    EXPECT_EQ(values_of(found.weights), values_of(plain_.weights));
    EXPECT_FALSE(found.trained);
    EXPECT_EQ(found.kind, "dictionary of weights (PyTorch)");
    EXPECT_EQ(found.epoch, 12);
    EXPECT_EQ(found.step, 3400);
    EXPECT_THAT(found.notes.front(), HasSubstr(concat("in \"", key, ".module\"")));
  }
}

TEST_F(WeightChoice, DiffusersNamesBesideTheirConfiguration) {
  const fs::path path = written([&](io::TorchWriter& writer) {
    put_dict(writer, "model_state_dict", average_, "module.", Names::diffusers);
  });
  fs::rename(path, folder_ / "plain/unet/mine.pt");
  EXPECT_EQ(values_of(open_model(folder_ / "plain/unet/mine.pt").weights),
            values_of(average_.weights));
}

TEST_F(WeightChoice, PairsOfPlainAndAveragedWeights) {
  const std::pair<const char*, const char*> pairs[] = {
      {"model", "ema"},         {"state_dict", "ema_state_dict"},
      {"net", "net_ema"},       {"unet", "averaged_model"},
      {"model", "emaModel"},    {"non_ema", "shadow"},
      {"params", "params_ema"}, {"raw", "swa_model"}};
  for (const auto& [plain, average] : pairs) {
    SCOPED_TRACE(average);
    expect_pair(written([&, plain = plain, average = average](io::TorchWriter& writer) {
      put_dict(writer, plain, plain_, "module.");
      put_dict(writer, average, average_);
    }));
    expect_pair(written([&, plain = plain, average = average](io::TorchWriter& writer) {
      put(writer, average_, std::string(average) + ".", Names::official);
      put(writer, plain_, std::string(plain) + ".", Names::official);
    }));
  }
}

TEST_F(WeightChoice, OneSetHoweverDeepAndFarBehind) {
  const ModelFiles found = open_model(written([&](io::TorchWriter& writer) {
    for (const char* key : {"a", "b", "c", "d", "e", "f"}) {
      writer.text(key);
      writer.open_dict();
    }
    put_dict(writer, "model", plain_);
    for (int i = 0; i < 6; ++i) writer.close_dict();
  }));
  EXPECT_EQ(values_of(found.weights), values_of(plain_.weights));
}

// Of the rates of several averages, as some scripts call them.
TEST_F(WeightChoice, NumbersAreKeysToo) {
  const std::function<void(io::TorchWriter&)> keys[] = {
      [](io::TorchWriter& writer) { writer.real(0.9999); },
      [](io::TorchWriter& writer) { writer.integer(0); }};
  for (const auto& put_key : keys) {
    expect_pair(written([&](io::TorchWriter& writer) {
      put_dict(writer, "model", plain_);
      writer.text("ema");
      writer.open_dict();
      put_key(writer);
      writer.open_dict();
      put(writer, average_, "", Names::official);
      writer.close_dict();
      writer.close_dict();
    }));
  }
}

TEST_F(WeightChoice, NotesSayWhatWasChosenAndLeftOut) {
  const fs::path path = written([&](io::TorchWriter& writer) {
    put_dict(writer, "model", plain_);
    writer.text("ema");  // as ema-pytorch has it
    writer.open_dict();
    put_number(writer, "initted");
    put_number(writer, "step");
    put(writer, plain_, "online_model.", Names::official);
    put(writer, average_, "ema_model.", Names::official);
    writer.close_dict();
  });
  expect_pair(path);
  const std::vector<std::string> notes = open_model(path).notes;
  ASSERT_GE(notes.size(), 3U);
  EXPECT_EQ(notes[0],
            "two sets of weights: \"ema.ema_model\" is the moving average, \"model\" as trained; "
            "choose the weights ema (the default) or raw");
  EXPECT_EQ(notes[1], "left out: 1 other set of weights (\"ema.online_model\")");
  EXPECT_EQ(notes[2], "left out: 2 tensors that are not the network's (\"initted\", \"step\")");
}

// diffusers.training_utils.EMAModel.state_dict(): a list in the order of the parameters.
class AverageWithoutNames : public WeightChoice {
 protected:
  static void put_list(io::TorchWriter& writer, const char* key, const ModelFiles& files,
                       std::size_t num_weights) {
    writer.text(key);
    writer.open_dict();
    writer.text("decay");
    writer.real(0.9999);
    writer.text("shadow_params");
    writer.open_list();
    for (std::size_t i = 0; i < num_weights; ++i) {
      const io::TensorEntry& entry = files.weights[i];
      writer.tensor({.name = "shadow",
                     .shape = official_shape(entry.name, Shape(entry.shape)),
                     .entry = &entry});
    }
    writer.close_list();
    writer.close_dict();
  }
  std::size_t num_weights() const { return average_.weights.size(); }
};

TEST_F(AverageWithoutNames, IsThatOfTheNetworkBesideIt) {
  const auto write = [&](std::size_t num_weights) {
    return written([&](io::TorchWriter& writer) {
      put_dict(writer, "unet", plain_);
      put_list(writer, "ema", average_, num_weights);
    });
  };
  expect_pair(write(num_weights()));
  // One that does not fit stays out, and is named.
  const ModelFiles found = open_model(write(num_weights() - 1));
  EXPECT_FALSE(found.trained);
  EXPECT_THAT(found.notes,
              testing::Contains(concat("left out: an average without names, \"ema.shadow_params\", "
                                       "which fits no network here (",
                                       num_weights() - 1, " tensors)")));
}

TEST_F(AverageWithoutNames, IsFoundBesideOtherNetworksAndTensors) {
  expect_pair(written([&](io::TorchWriter& writer) {
    put_dict(writer, "model", plain_);
    put_dict(writer, "best_model", average_);
    put_list(writer, "ema", average_, num_weights());
  }));
  expect_pair(written([&](io::TorchWriter& writer) {
    writer.text("model");
    writer.open_dict();
    put_number(writer, "loss.weight");
    put(writer, plain_, "net.", Names::official);
    writer.close_dict();
    put_list(writer, "ema", average_, num_weights());
  }));
}

TEST_F(AverageWithoutNames, TheFirstOfTwoIsUsedAndTheOtherNamed) {
  const fs::path path = written([&](io::TorchWriter& writer) {
    put_dict(writer, "model", plain_);
    put_list(writer, "ema_fast", average_, num_weights());
    put_list(writer, "ema_slow", plain_, num_weights());
  });
  expect_pair(path);
  EXPECT_THAT(
      open_model(path).notes,
      testing::Contains("left out: 1 other set of weights (\"ema.ema_slow.shadow_params\")"));
}

TEST_F(WeightChoice, NamesBesideTheNetworksAreStillRefused) {
  expect_refused(written([&](io::TorchWriter& writer) {
                   put(writer, plain_, "", Names::official);
                   put_number(writer, "more.weight");
                 }),
                 {"checkpoint.pt", "1 unexpected (more.weight)"});
}

// --- optimizers ---

struct Optimizer {
  const char* name;
  double weight_decay;
  bool amsgrad, has_moments;
  const char* problem;
};

class WithOptimizer : public WeightChoice, public testing::WithParamInterface<Optimizer> {
 protected:
  void put_optimizer(io::TorchWriter& writer) const {
    const Optimizer& optimizer = GetParam();
    writer.open_dict();
    writer.text("state");
    writer.open_dict();
    writer.integer(0);
    writer.open_dict();
    for (const char* key : {"exp_avg", "exp_avg_sq", "step"})
      if (optimizer.has_moments) put_number(writer, key);
    if (!optimizer.has_moments) put_number(writer, "momentum_buffer");
    writer.close_dict();
    writer.close_dict();
    writer.text("param_groups");
    writer.open_list();
    writer.open_dict();
    writer.text("lr");
    writer.real(1e-3);
    if (optimizer.has_moments) {
      writer.text("betas");
      writer.real_pair(0.9, 0.99);
      writer.text("eps");
      writer.real(1e-8);
    }
    writer.text("weight_decay");
    writer.real(optimizer.weight_decay);
    writer.text("amsgrad");
    writer.boolean(optimizer.amsgrad);
    writer.text("params");
    writer.open_list();
    writer.integer(0);
    writer.close_list();
    writer.close_dict();
    writer.close_list();
    writer.close_dict();
  }
};

TEST_P(WithOptimizer, NeverHindersSampling) {
  const auto expect_weights = [&](const ModelFiles& found) {
    EXPECT_EQ(values_of(found.weights), values_of(plain_.weights));
    EXPECT_FALSE(found.adam);
    EXPECT_THAT(found.adam_problem, HasSubstr(GetParam().problem));
  };
  expect_weights(open_model(written([&](io::TorchWriter& writer) {
    put_dict(writer, "model", plain_);
    writer.text("optimizer");
    put_optimizer(writer);
  })));
  io::TorchWriter writer("ckpt");
  writer.open_list();
  writer.open_dict();
  put(writer, plain_, "module.", Names::official);
  writer.close_dict();
  put_optimizer(writer);
  writer.integer(3);
  writer.integer(400);
  writer.close_list();
  write_file_durably(folder_ / "ckpt.pth", std::move(writer).content(), Overwrite::refuse);
  const ModelFiles found = open_model(folder_ / "ckpt.pth");
  expect_weights(found);
  EXPECT_EQ(found.step, 400);
}

TEST_P(WithOptimizer, AloneIsCalledWhatItIs) {
  io::TorchWriter writer("opt");
  put_optimizer(writer);
  write_file_durably(folder_ / "opt.pt", std::move(writer).content(), Overwrite::refuse);
  expect_refused(folder_ / "opt.pt", {"opt.pt", "this is the state of an optimizer"});
  expect_refused(written([&](io::TorchWriter& file) {
                   file.text("optimizer_state_dict");
                   put_optimizer(file);
                   file.text("epoch");
                   file.integer(3);
                 }),
                 {"checkpoint.pt", "this is the state of an optimizer"});
}

INSTANTIATE_TEST_SUITE_P(All, WithOptimizer,
                         testing::Values(Optimizer{"AdamW", 0.01, false, true, "weight decay"},
                                         Optimizer{"Amsgrad", 0.0, true, true, "amsgrad"},
                                         Optimizer{"Sgd", 0.0, false, false, "not Adam"},
                                         Optimizer{"AdamOfAnother", 0.0, false, true,
                                                   "the optimizer has 1 parameters"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(WeightChoice, StatesThatAreNoWeightsAreCalledWhatTheyAre) {
  const auto with_keys = [&](std::initializer_list<const char*> keys) {
    return written([&](io::TorchWriter& writer) {
      for (const char* key : keys) {
        writer.text(key);
        writer.integer(1);
      }
    });
  };
  expect_refused(with_keys({"last_epoch", "_step_count", "base_lrs"}),
                 {"a learning rate's schedule"});
  expect_refused(with_keys({"scale", "growth_factor", "backoff_factor"}), {"a gradient scaler"});
  expect_refused(with_keys({"epoch"}), {"there are no weights in it"});
  expect_refused(written([&](io::TorchWriter& writer) {
                   writer.text("shadow_params");
                   writer.open_list();
                   writer.close_list();
                 }),
                 {"EMAModel"});
}

// "model" beside "ema" or "opt" is anybody's file.
TEST_F(WeightChoice, NoFileIsCalledByAProjectsNameForItsKeys) {
  for (const char* key : {"ema", "opt", "scaler"}) {
    SCOPED_TRACE(key);
    const fs::path path = written([&](io::TorchWriter& writer) {
      for (const char* part : {"model", key}) {
        writer.text(part);
        writer.open_dict();
        put_number(writer, "encoder.weight");
        writer.close_dict();
      }
    });
    expect_error(
        ErrorCode::corrupt,
        testing::AllOf(HasSubstr("not the weights of a supported network"),
                       HasSubstr("\"encoder.weight\""), testing::Not(HasSubstr("lucidrains"))),
        [&] { open_model(path); });
  }
}

// --- the size of the pictures ---

TEST_F(WeightChoice, ASizeThatTheWeightsDoNotTellIsAskedFor) {
  for (const std::vector<std::int64_t>& levels : {std::vector<std::int64_t>{}, {0}, {2}, {1, 2}}) {
    UNetConfig config = official_network();
    config.attention_levels = levels;
    const Device device = make_device(DeviceKind::reference);
    const UNet unet(device, config);
    std::vector<io::TensorSource> sources;
    const std::vector<float> zeros(1 << 17);
    for (const Parameter* parameter : unet.parameters()) {
      const Shape& shape = parameter->value.shape();
      sources.push_back({.name = official_name(parameter->name, config.num_levels()),
                         .shape = official_shape(parameter->name, shape),
                         .values = std::span(zeros).first(static_cast<std::size_t>(shape.size()))});
    }
    const fs::path path = folder_ / "unknown.safetensors";
    io::write_safetensors(path, sources, Overwrite::allow);
    expect_error(ErrorCode::user, {"unknown.safetensors", "do not tell the size", "--size"},
                 [&] { open_model(path); });
    const ModelFiles found = open_model(path, TrainingPart::skip, {.height = 16, .width = 24});
    EXPECT_EQ(found.config.height(), 16);
    EXPECT_EQ(found.config.width(), 24);
    EXPECT_EQ(found.config.attention_levels, levels);
  }
  const ModelFiles known = open_model(
      written([&](io::TorchWriter& writer) { put(writer, plain_, "", Names::official); }));
  EXPECT_EQ(known.config.sample_size, 32);
  EXPECT_THAT(known.notes, ElementsAre(HasSubstr("pictures of 32x32 and the schedule of the DDIM "
                                                 "paper")));
}

}  // namespace
}  // namespace ddim::engine::model
