// Folders that training scripts leave: accelerate's checkpoints, config.yml of the official code;
// what they do not say, and what is given in its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "base/error.h"
#include "io/safetensors.h"
#include "io/yaml.h"
#include "model/convert.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "nn/initialisation.h"
#include "tests/model/saved_networks.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::model {
namespace {

using test::edit_text;
using test::expect_error;
using test::official_network;
using test::read_text;
using test::TemporaryFolder;
using test::values_of;
using test::write_text;
using testing::Contains;
using testing::HasSubstr;

namespace fs = std::filesystem;

ForwardProcess process_of(const ModelFiles& files) {
  return model::process_of(files.scheduler, files.scheduler_path.string());
}

class TrainingFolders : public testing::Test {
 protected:
  static constexpr const char* kScheduler = "scheduler/scheduler_config.json";

  TrainingFolders()
      : trained_(values_of(saved("trained", 3).weights)),
        average_(values_of(saved("average", 4).weights)) {
    // run/ is the finished model, run/checkpoint-500/ what accelerate left on the way.
    const fs::path checkpoint = folder_ / "run/checkpoint-500";
    fs::create_directories(checkpoint);
    fs::copy(folder_ / "trained/unet", checkpoint / "unet");
    fs::copy(folder_ / "average/unet", checkpoint / "unet_ema");
    edit_text(checkpoint / "unet_ema/config.json", "{", "{\"decay\": 0.9999, \"power\": 0.75,");
    fs::copy(folder_ / "trained/scheduler", folder_ / "run/scheduler");
    edit_text(folder_ / "run" / kScheduler, "\"linear\"", "\"squaredcos_cap_v2\"");
    checkpoint_ = checkpoint;
  }

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
  static ModelFiles open_with(const fs::path& path, const ModelOverrides& overrides) {
    return open_model(path, TrainingPart::skip, overrides);
  }

  TemporaryFolder folder_;
  const std::vector<std::vector<float>> trained_, average_;
  fs::path checkpoint_;
};

TEST_F(TrainingFolders, AcceleratesCheckpointIsTheAverage) {
  const ModelFiles found = open_model(checkpoint_);
  EXPECT_EQ(found.kind, "checkpoint of accelerate");
  EXPECT_EQ(found.step, 500);
  EXPECT_EQ(values_of(found.weights), average_);
  EXPECT_EQ(values_of(found.weights_of(WeightSet::raw)), trained_);
  EXPECT_THAT(found.notes, Contains(HasSubstr("unet_ema/ is the moving average")));
  EXPECT_THAT(found.notes, Contains(HasSubstr("run/scheduler/scheduler_config.json")));
  EXPECT_EQ(process_of(found).schedule, BetaKind::cosine);
  EXPECT_EQ(values_of(open_model(checkpoint_ / "").weights), average_);  // with a slash at the end
}

TEST_F(TrainingFolders, AcceleratesFoldersAlone) {
  EXPECT_EQ(values_of(open_model(checkpoint_ / "unet").weights), trained_);
  EXPECT_EQ(values_of(open_model(checkpoint_ / "unet_ema").weights), average_);
  const char* const file = "diffusion_pytorch_model.safetensors";
  EXPECT_EQ(values_of(open_model(checkpoint_ / "unet" / file).weights), trained_);
  EXPECT_EQ(values_of(open_model(checkpoint_ / "unet_ema" / file).weights), average_);
  EXPECT_EQ(process_of(open_model(checkpoint_ / "unet_ema")).schedule, BetaKind::cosine);
  fs::remove_all(checkpoint_ / "unet");
  EXPECT_EQ(values_of(open_model(checkpoint_).weights), average_);
  EXPECT_FALSE(open_model(checkpoint_).trained);
  fs::rename(checkpoint_ / "unet_ema", checkpoint_ / "unet");
  EXPECT_EQ(values_of(open_model(checkpoint_).weights), average_);
}

TEST_F(TrainingFolders, WithoutAFinishedFolderTheScheduleIsAskedFor) {
  fs::remove_all(folder_ / "run/scheduler");
  for (const fs::path& path : {checkpoint_, checkpoint_ / "unet", checkpoint_ / "unet_ema"}) {
    SCOPED_TRACE(path);
    expect_error(ErrorCode::user, {"scheduler_config.json: no such file", "--schedule", "--T"},
                 [&] { open_model(path); });
    const ModelFiles found = open_with(path, {.schedule = BetaKind::scaled_linear,
                                              .beta_start = 0.00085,
                                              .beta_end = 0.012,
                                              .T = 400,
                                              .prediction = Prediction::v});
    const ForwardProcess process = process_of(found);
    EXPECT_EQ(process.schedule, BetaKind::scaled_linear);
    EXPECT_EQ(process.beta_start, 0.00085);
    EXPECT_EQ(process.beta_end, 0.012);
    EXPECT_EQ(process.T, 400);
    EXPECT_EQ(process.prediction, Prediction::v);
    EXPECT_THAT(found.notes.back(),
                HasSubstr("schedule scaled-linear, beta_start 0.00085, beta_end 0.012, T 400, "
                          "prediction v"));
  }
  expect_error(ErrorCode::user, {"no such file", "--schedule"},
               [&] { open_with(checkpoint_, {.beta_start = 0.1}); });
}

TEST_F(TrainingFolders, OptimizersOfAccelerateAreNotTakenOver) {
  write_text(checkpoint_ / "optimizer.bin", "anything");
  const ModelFiles found = open_model(checkpoint_);
  EXPECT_FALSE(found.adam);
  EXPECT_THAT(found.adam_problem, HasSubstr("optimizer.bin: this state is not read"));
}

// The files are PyTorch's (tools/make_torch_fixtures.py).
TEST_F(TrainingFolders, OptimizersAreCalledByTheirNames) {
  const auto problem = [&](const char* file) {
    fs::copy_file(fs::path("tests/io/torch") / file, checkpoint_ / "optimizer.bin",
                  fs::copy_options::overwrite_existing);
    return open_model(checkpoint_).adam_problem;
  };
  EXPECT_THAT(problem("adamw.bin"), HasSubstr("it is of Adam (learning rate 0.001, weight decay "
                                              "0.01, amsgrad), for 2 parameters"));
  EXPECT_THAT(problem("sgd.bin"), HasSubstr("it is of SGD with momentum (learning rate 0.001, "
                                            "weight decay 0.01), for 2 parameters"));
  EXPECT_THAT(problem("state.pth"), HasSubstr("it holds a dictionary of 11, not an optimizer's"));
  EXPECT_THAT(problem("extras.pth"), HasSubstr("not an optimizer's state"));
}

TEST_F(TrainingFolders, AMissingScheduleIsThatOfTheTraining) {
  fs::remove_all(folder_ / "run/scheduler");
  ForwardProcess process{.schedule = BetaKind::scaled_linear, .T = 300};
  process.prediction = Prediction::v;
  const auto open = [&](const fs::path& path, const ModelOverrides& overrides = {}) {
    return open_model(path, TrainingPart::read, overrides, io::files_on_disk(), process);
  };
  for (const fs::path& path : {checkpoint_, checkpoint_ / "unet", checkpoint_ / "unet_ema"}) {
    const ModelFiles found = open(path);
    EXPECT_EQ(process_of(found), process);
    EXPECT_THAT(found.notes, Contains(HasSubstr("the schedule is that of the configuration")));
  }
  EXPECT_EQ(process_of(open(checkpoint_, {.T = 400})).T, 400);
  EXPECT_EQ(process_of(open(folder_ / "trained")).T, 1000);  // which says its own
}

TEST_F(TrainingFolders, WhatIsGivenCountsWhateverTheFilesSay) {
  const fs::path path = folder_ / "trained";
  EXPECT_EQ(process_of(open_with(path, {.T = 300})).T, 300);
  EXPECT_EQ(process_of(open_with(path, {.prediction = Prediction::x0})).prediction, Prediction::x0);
  EXPECT_EQ(open_with(path, {.height = 8, .width = 8}).config.sample_size, 8);
  EXPECT_EQ(process_of(open_with(path, {.schedule = BetaKind::sigmoid})).schedule,
            BetaKind::sigmoid);
  expect_error(ErrorCode::user, "sample_size", [&] { open_with(path, {.height = 9, .width = 9}); });

  edit_text(path / kScheduler, "\"trained_betas\": null", "\"trained_betas\": [0.1, 0.2]");
  edit_text(path / kScheduler, "\"num_train_timesteps\": 1000", "\"num_train_timesteps\": 2");
  expect_error(ErrorCode::user, {"scheduler_config.json", "has a list of betas", "--schedule"},
               [&] { open_with(path, {.beta_end = 0.3}); });
  EXPECT_EQ(process_of(open_with(path, {.schedule = BetaKind::linear, .beta_end = 0.3})).beta_end,
            0.3);
}

TEST_F(TrainingFolders, ASizeThatIsNullIsAskedFor) {
  const fs::path path = folder_ / "trained/unet/config.json";
  const std::string original = read_text(path);
  for (const char* size : {"null", "[null, null]", ""}) {
    SCOPED_TRACE(size);
    write_text(path, original);
    edit_text(path, "\"sample_size\": 32",
              *size == '\0' ? "\"sample_sizes\": 32" : concat("\"sample_size\": ", size));
    if (*size == '[') {
      expect_error(ErrorCode::corrupt, "sample_size", [&] { open_model(folder_ / "trained"); });
      continue;
    }
    expect_error(ErrorCode::user, {"unet/config.json", "--size 64"},
                 [&] { open_model(folder_ / "trained"); });
    const UNetConfig config = open_with(folder_ / "trained", {.height = 16, .width = 40}).config;
    EXPECT_EQ(config.height(), 16);
    EXPECT_EQ(config.width(), 40);
  }
}

TEST_F(TrainingFolders, AClassWithoutBetasNeedsTheFlags) {
  const fs::path path = folder_ / "trained" / kScheduler;
  for (const char* name : {"EDMEulerScheduler", "FlowMatchHeunDiscreteScheduler", "MyScheduler"}) {
    SCOPED_TRACE(name);
    write_text(path, concat("{\"_class_name\": \"", name,
                            "\", \"num_train_timesteps\": 700, \"sigma_max\": 80.0}"));
    expect_error(ErrorCode::user,
                 {concat("scheduler_config.json: ", name, " has no betas"), "--schedule"},
                 [&] { process_of(open_model(folder_ / "trained")); });
    const ModelFiles given = open_with(folder_ / "trained", {.schedule = BetaKind::linear});
    EXPECT_EQ(process_of(given).schedule, BetaKind::linear);
    EXPECT_EQ(process_of(given).T, 700);
    EXPECT_EQ(given.scheduler.class_name, "DDIMScheduler");
  }
}

// --- what convert writes ---

TEST_F(TrainingFolders, BothSetsAndOldNamesAreWrittenOnRequest) {
  const ModelFiles files = open_model(checkpoint_);
  write_model(files, folder_ / "both",
              {.attention_names = AttentionNames::of_2022, .average = AverageFolder::unet_ema});
  const ModelFiles back = open_model(folder_ / "both");
  EXPECT_EQ(values_of(back.weights), average_);
  EXPECT_EQ(values_of(back.weights_of(WeightSet::raw)), trained_);
  EXPECT_THAT(read_text(folder_ / "both/unet_ema/config.json"),
              HasSubstr("\"optimization_step\": 500"));
  for (const char* part : {"both/unet/", "both/unet_ema/"}) {
    const io::SafetensorsFile file =
        io::SafetensorsFile::open(folder_ / part / "diffusion_pytorch_model.safetensors");
    for (const char* name : {"query.weight", "key.bias", "value.weight", "proj_attn.bias"})
      EXPECT_NE(file.find(concat("mid_block.attentions.0.", name)), nullptr) << name;
    EXPECT_EQ(file.find("mid_block.attentions.0.to_q.weight"), nullptr);
    EXPECT_NE(file.find("mid_block.attentions.0.group_norm.weight"), nullptr);
  }
}

TEST_F(TrainingFolders, ANameOfAnotherKindOfFileIsRefused) {
  const ModelFiles files = open_model(checkpoint_);
  const auto refused = [&](const char* name, ConvertTarget target, const char* message) {
    expect_error(ErrorCode::user, std::vector<std::string>{name, message},
                 [&] { write_model(files, folder_ / name, {.target = target}); });
    EXPECT_FALSE(fs::exists(folder_ / name));
  };
  refused("a.safetensors", ConvertTarget::official, "writes a file of PyTorch");
  refused("a.safetensors", ConvertTarget::official_weights, "give it the ending .ckpt or .pth");
  refused("a.safetensors", ConvertTarget::diffusers, "--to diffusers makes a folder, whose");
  refused("a.pth", ConvertTarget::diffusers, "add --to official or --to official-weights");
}

TEST_F(TrainingFolders, WhatCannotBeWrittenIsRefused) {
  const ModelFiles one = open_model(folder_ / "trained");
  const ModelFiles two = open_model(checkpoint_);
  const auto refused = [&](const ModelFiles& files, const ConvertOptions& options,
                           const char* message) {
    expect_error(ErrorCode::user, message, [&] { write_model(files, folder_ / "no", options); });
    EXPECT_FALSE(fs::exists(folder_ / "no"));
  };
  refused(one, {.average = AverageFolder::unet_ema}, "has one set of weights");
  refused(two, {.weights = WeightSet::raw, .average = AverageFolder::unet_ema},
          "--weights raw asks for one");
  refused(two, {.target = ConvertTarget::official, .average = AverageFolder::unet_ema},
          "about diffusers folders");
  refused(two,
          {.target = ConvertTarget::official_weights, .attention_names = AttentionNames::of_2022},
          "about diffusers folders");
}

// --- config.yml of the official code ---

/// As configs/*.yml have it, and as main.py writes it beside its checkpoints.
constexpr const char* kPlainYaml = R"(data:
    dataset: "CIFAR10"
    image_size: 16
    rescaled: true
model:
    type: "simple"
    in_channels: 3
    out_ch: 3
    ch: 32
    ch_mult: [1, 2, 2, 2]
    num_res_blocks: 1
    attn_resolutions: [8, ]
    dropout: 0.1
    var_type: fixedlarge
    ema: True
    resamp_with_conv: True
diffusion:
    beta_schedule: linear
    beta_start: 0.0002
    beta_end: 0.03
    num_diffusion_timesteps: 500
optim:
    eps: 0.00000001
)";
constexpr const char* kNamespaceYaml = R"(!!python/object:argparse.Namespace
data: !!python/object:argparse.Namespace
  image_size: 16
device: !!python/object/apply:torch.device
- cuda
diffusion: !!python/object:argparse.Namespace
  beta_end: 0.03
  beta_schedule: quad
  beta_start: 0.0002
  num_diffusion_timesteps: 500
model: !!python/object:argparse.Namespace
  attn_resolutions:
  - 8
  ch: 32
  ch_mult: !!python/tuple
  - 1
  - 2
  - 2
  - 2
  dropout: 0.0
  in_channels: 3
  num_res_blocks: 1
  out_ch: 3
  resamp_with_conv: true
  type: simple
)";

class OfficialYaml : public TrainingFolders {
 protected:
  void SetUp() override {
    if (!io::has_yaml()) GTEST_SKIP() << "built without yaml-cpp";
    fs::create_directory(folder_ / "log");
    write_model(open_model(folder_ / "trained"), folder_ / "log/w.ckpt",
                {.target = ConvertTarget::official_weights});
    fs::rename(folder_ / "log/w.ckpt", folder_ / "log/ckpt.pth");
  }
};

TEST_F(OfficialYaml, IsUsedBesideTheCheckpoint) {
  struct Case {
    const char *name, *text;
    BetaKind schedule;
  };
  const std::string tight =
      "{data: {image_size: 16}, model: {type: simple, in_channels: 3, out_ch: "
      "3, ch: 32, ch_mult: [1, 2, 2, 2], num_res_blocks: 1, attn_resolutions: "
      "[8], dropout: 0., resamp_with_conv: yes}, diffusion: {beta_schedule: "
      "'sigmoid', beta_start: 2e-4, beta_end: 3.0e-2, "
      "num_diffusion_timesteps: 500}}";
  for (const auto& [name, text, schedule] :
       {Case{"config.yml", kPlainYaml, BetaKind::linear},
        Case{"config.yml", kNamespaceYaml, BetaKind::scaled_linear},
        Case{"config.yaml", tight.c_str(), BetaKind::list}}) {
    SCOPED_TRACE(text);
    fs::remove(folder_ / "log/config.yml");
    write_text(folder_ / "log" / name, text);
    for (const char* path : {"log", "log/ckpt.pth"}) {
      const ModelFiles found = open_model(folder_ / path);
      EXPECT_EQ(found.config.sample_size, 16);
      EXPECT_EQ(found.config.attention_levels, std::vector<std::int64_t>{1});
      EXPECT_EQ(found.scheduler_path, folder_ / "log" / name);
      EXPECT_EQ(process_of(found).schedule, schedule);
      EXPECT_EQ(process_of(found).T, 500);
      EXPECT_EQ(values_of(found.weights), trained_);
      EXPECT_EQ(open_with(folder_ / path, {.height = 8, .width = 16}).config.width(), 16);
    }
  }
}

TEST_F(OfficialYaml, ErrorsNameFileAndField) {
  const auto refused = [&](const char* found, const char* replaced, ErrorCode code,
                           const char* message) {
    write_text(folder_ / "log/config.yml", kPlainYaml);
    edit_text(folder_ / "log/config.yml", found, replaced);
    expect_error(code, {"log/config.yml", message}, [&] { open_model(folder_ / "log"); });
  };
  refused("ch: 32", "ch: many", ErrorCode::corrupt, "field model.ch must be a whole number");
  refused("beta_schedule: linear", "beta_schedule: jsd", ErrorCode::user, "supported are linear");
  refused("ch_mult: [1", "ch_mult: [[1", ErrorCode::corrupt, "not valid YAML at line");
  refused("\"simple\"", "bayesian", ErrorCode::user, "model.type is \"bayesian\"");
}

// A file of that name that is of something else is none of ours.
TEST_F(OfficialYaml, AnotherConfigurationIsLeftAlone) {
  write_text(folder_ / "log/config.yml", "trainer:\n  epochs: 3\n");
  EXPECT_NE(open_model(folder_ / "log").scheduler_path, folder_ / "log/config.yml");
}

}  // namespace
}  // namespace ddim::engine::model
