// What a path can be, and what is said of paths that are none of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "base/error.h"
#include "eval/compare.h"
#include "io/safetensors.h"
#include "io/torch_writer.h"
#include "model/convert.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/official_names.h"
#include "model/torch_checkpoint.h"
#include "nn/initialisation.h"
#include "tests/model/saved_networks.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::model {
namespace {

using test::expect_error;
using test::official_network;
using test::read_text;
using test::TemporaryFolder;
using test::values_of;
using test::write_text;

namespace fs = std::filesystem;
using io::StoredType;

class OpenModel : public testing::Test {
 protected:
  OpenModel() { files_ = saved("model", 3); }

  ModelFiles saved(const char* name, std::uint64_t seed) {
    const Device device = make_device(DeviceKind::reference);
    LoadedModel model{.device = device,
                      .unet = UNet(device, official_network()),
                      .schedule = diffusion::Schedule::linear(),
                      .scheduler_config = file_config(ForwardProcess{})};
    initialise(model.unet, Initialisation::pytorch, seed);
    save_model(model, folder_ / name, StoredType::f32);
    return open_model(folder_ / name);
  }

  /// `files_` with everything that a checkpoint of a training run has, all of it different.
  ModelFiles training_files() {
    if (!trained_) {
      trained_ = saved("trained", 4);
      m_ = saved("m", 5);
      v_ = saved("v", 6);
    }
    ModelFiles files = files_;
    files.trained = trained_->weights;
    files.adam = StoredAdam{.m = m_->weights,
                            .v = v_->weights,
                            .num_updates = 41,
                            .settings = {.learning_rate = 3e-4, .beta2 = 0.99}};
    files.step = 42;
    files.epoch = 7;
    return files;
  }
  fs::path written(const char* name, const ConvertOptions& options) {
    write_model(training_files(), folder_ / name, options);
    return folder_ / name;
  }

  TemporaryFolder folder_;
  ModelFiles files_;
  std::optional<ModelFiles> trained_, m_, v_;
};

TEST_F(OpenModel, OfficialCheckpointsKeepEverything) {
  const ModelFiles found = open_model(written("ckpt.pth", {.target = ConvertTarget::official}));
  EXPECT_EQ(found.kind, "checkpoint of the official code");
  EXPECT_EQ(found.config, files_.config);
  EXPECT_EQ(found.step, 42);
  EXPECT_EQ(found.epoch, 7);
  EXPECT_EQ(values_of(found.weights), values_of(files_.weights));
  ASSERT_TRUE(found.trained && found.adam);
  EXPECT_EQ(values_of(*found.trained), values_of(trained_->weights));
  EXPECT_EQ(values_of(found.adam->m), values_of(m_->weights));
  EXPECT_EQ(values_of(found.adam->v), values_of(v_->weights));
  EXPECT_EQ(found.adam->num_updates, 41);
  EXPECT_EQ(found.adam->settings.learning_rate, 3e-4);
  EXPECT_EQ(found.adam->settings.beta1, 0.9);
  EXPECT_EQ(found.adam->settings.beta2, 0.99);
}

TEST_F(OpenModel, WritingTwiceGivesTheSameBytes) {
  const fs::path first = written("1.pth", {.target = ConvertTarget::official});
  const fs::path second = written("2.pth", {.target = ConvertTarget::official});
  EXPECT_EQ(read_text(first), read_text(second));
  write_model(open_model(first), folder_ / "3.pth", {.target = ConvertTarget::official});
  EXPECT_EQ(read_text(folder_ / "3.pth"), read_text(first));
}

TEST_F(OpenModel, BareDictionariesAndEveryType) {
  const auto unet_of = [](const fs::path& path) {
    return [path] { return std::move(load_model(path, make_device(DeviceKind::cpu)).unet); };
  };
  for (const auto& [type, stored] : {std::pair{WeightType::f32, StoredType::f32},
                                     {WeightType::f16, StoredType::f16},
                                     {WeightType::bf16, StoredType::bf16}}) {
    const std::string name = concat("model-", to_string(type), ".ckpt");
    const fs::path path =
        written(name.c_str(), {.target = ConvertTarget::official_weights, .type = type});
    const ModelFiles found = open_model(path);
    EXPECT_EQ(found.kind, "dictionary of weights (PyTorch)");
    EXPECT_EQ(found.weights.front().type, stored);
    EXPECT_FALSE(found.trained || found.adam);
    const eval::OutputDistance distance =
        eval::compare_networks(unet_of(folder_ / "model"), unet_of(path), /*t=*/500);
    EXPECT_LE(distance.largest_difference,
              type == WeightType::f32 ? 0.0 : 0.05 * distance.largest_output);
    EXPECT_GT(distance.largest_output, 0.0);
  }
}

TEST_F(OpenModel, BackToADiffusersFolder) {
  const fs::path official = written("ckpt.pth", {.target = ConvertTarget::official});
  write_model(open_model(official), folder_ / "back", {});
  EXPECT_EQ(read_text(folder_ / "back/unet/diffusion_pytorch_model.safetensors"),
            read_text(folder_ / "model/unet/diffusion_pytorch_model.safetensors"));
  const std::string card = read_text(folder_ / "back/README.md");
  for (const char* part : {"library_name: diffusers", "ckpt.pth", "42 training steps", "EMA"})
    EXPECT_THAT(card, testing::HasSubstr(part));
}

// Without a configuration, as everybody else's files are.
TEST_F(OpenModel, TheNetworkIsFoundOutFromTheWeights) {
  std::vector<io::TensorSource> sources;
  for (const io::TensorEntry& entry : files_.weights) {
    sources.push_back({.name = official_name(entry.name, official_network().num_levels()),
                       .shape = official_shape(entry.name, Shape(entry.shape)),
                       .entry = &entry});
  }
  const fs::path path = folder_ / "official.safetensors";
  io::write_safetensors(path, sources, Overwrite::refuse);
  const ModelFiles found = open_model(path);
  EXPECT_EQ(found.config, official_network());
  EXPECT_EQ(values_of(found.weights), values_of(files_.weights));

  std::erase_if(sources, [](const io::TensorSource& source) {
    return source.name.find("down.1.attn") != std::string::npos;
  });
  io::write_safetensors(path, sources, Overwrite::allow);
  expect_error(ErrorCode::user, {"official.safetensors", "put the network's config.json"},
               [&] { open_model(path); });
}

TEST_F(OpenModel, ASetOfWeightsIsChosenWhereThereAreTwo) {
  const ModelFiles two = open_model(written("ckpt.pth", {.target = ConvertTarget::official}));
  EXPECT_EQ(&two.weights_of({}), &two.weights);
  EXPECT_EQ(&two.weights_of(WeightSet::ema), &two.weights);
  EXPECT_EQ(&two.weights_of(WeightSet::raw), &*two.trained);
  expect_error(ErrorCode::user, {"model: has only one set of weights"},
               [&] { files_.weights_of(WeightSet::raw); });
}

TEST_F(OpenModel, MissingWeightsAreToldByWhatLiesThere) {
  const fs::path unet = folder_ / "model/unet";
  expect_error(ErrorCode::user, {"config.json: the configuration of a model"},
               [&] { open_model(unet / "config.json"); });
  fs::rename(unet / "diffusion_pytorch_model.safetensors",
             unet / "diffusion_pytorch_model.non_ema.safetensors");
  expect_error(ErrorCode::user, {"no such file", "such as a variant, must be named itself"},
               [&] { open_model(folder_ / "model"); });
  write_text(unet / "diffusion_pytorch_model.bin.index.json", "{}");
  expect_error(ErrorCode::user, {"bin.index.json: weights in parts", "safe_serialization=True"},
               [&] { open_model(folder_ / "model"); });
}

TEST_F(OpenModel, PyTorchsBinInADiffusersFolder) {
  const fs::path unet = folder_ / "model/unet";
  const io::SafetensorsFile file =
      io::SafetensorsFile::open(unet / "diffusion_pytorch_model.safetensors");
  io::TorchWriter writer("diffusion_pytorch_model");
  writer.open_dict();
  for (const io::TensorEntry& entry : file.entries()) {
    writer.text(entry.name);
    writer.tensor({.name = entry.name, .shape = entry.shape, .entry = &entry});
  }
  writer.close_dict();
  write_file_durably(unet / "diffusion_pytorch_model.bin", std::move(writer).content(),
                     Overwrite::refuse);
  fs::remove(unet / "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(values_of(open_model(folder_ / "model").weights), values_of(files_.weights));
  EXPECT_EQ(values_of(open_model(unet / "diffusion_pytorch_model.bin").weights),
            values_of(files_.weights));
}

TEST_F(OpenModel, BothLayoutsAndHalfPrecision) {
  const fs::path flat = folder_ / "flat";
  fs::create_directory(flat);
  for (const char* file : {"unet/config.json", "scheduler/scheduler_config.json"})
    fs::copy_file(folder_ / "model" / file, flat / fs::path(file).filename());
  fs::copy_file(folder_ / "model/unet/diffusion_pytorch_model.safetensors",
                flat / "diffusion_pytorch_model.fp16.safetensors");
  const ModelFiles found = open_model(flat);
  EXPECT_EQ(found.scheduler_path, flat / "scheduler_config.json");
  EXPECT_EQ(values_of(found.weights), values_of(files_.weights));
  fs::rename(flat / "diffusion_pytorch_model.fp16.safetensors",
             flat / "diffusion_pytorch_model.ema.safetensors");
  EXPECT_EQ(values_of(open_model(flat).weights), values_of(files_.weights));
}

TEST_F(OpenModel, WeightsInParts) {
  const fs::path unet = folder_ / "model/unet";
  const io::SafetensorsFile file =
      io::SafetensorsFile::open(unet / "diffusion_pytorch_model.safetensors");
  std::vector<io::TensorSource> parts[2];
  std::string map;
  for (std::size_t i = 0; i < file.entries().size(); ++i) {
    const io::TensorEntry& entry = file.entries()[i];
    parts[i % 2].push_back({.name = entry.name, .shape = entry.shape, .entry = &entry});
    map += concat(i == 0 ? "" : ",", '"', entry.name, "\":\"part-", i % 2, ".safetensors\"");
  }
  const auto write_index = [&](const std::string& weight_map) {
    write_text(unet / "diffusion_pytorch_model.safetensors.index.json",
               "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + weight_map + "}}");
  };
  for (int i = 0; i < 2; ++i)
    io::write_safetensors(unet / concat("part-", i, ".safetensors"), parts[i], Overwrite::refuse);
  write_index(map);
  // One file from an earlier time beside the parts is not what diffusers would load.
  fs::rename(saved("other", 7).path / "unet/diffusion_pytorch_model.safetensors",
             unet / "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(values_of(open_model(folder_ / "model").weights), values_of(files_.weights));
  fs::remove(unet / "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(values_of(open_model(folder_ / "model").weights), values_of(files_.weights));
  for (const char* variant : {"fp16", "ema"}) {
    const fs::path index =
        unet / concat("diffusion_pytorch_model.safetensors.index.", variant, ".json");
    fs::rename(unet / "diffusion_pytorch_model.safetensors.index.json", index);
    EXPECT_EQ(values_of(open_model(folder_ / "model").weights), values_of(files_.weights));
    fs::rename(index, unet / "diffusion_pytorch_model.safetensors.index.json");
  }

  const auto expect_refused = [&](const std::string& message) {
    expect_error(ErrorCode::corrupt, {message}, [&] { open_model(folder_ / "model"); });
  };
  write_index(map + ",\"more\":\"part-0.safetensors\"");
  expect_refused("part-0.safetensors has no tensor \"more\"");
  write_index("\"" + file.entries()[0].name + "\":\"part-0.safetensors\"");
  expect_refused("which diffusion_pytorch_model.safetensors.index.json does not list");
  write_index("\"a\":\"../part-0.safetensors\"");
  expect_refused("names of files beside the index");
  write_index("\"a\":7");
  expect_refused("names of files beside the index");
  write_index("");
  expect_refused("weight_map must be an object");
}

TEST_F(OpenModel, ANetworkThatTheOfficialCodeHasNotIsRefused) {
  ModelFiles files = files_;
  files.config.norm_num_groups = 16;
  expect_error(ErrorCode::user, {"model: norm_num_groups is not what the official code"}, [&] {
    write_model(files, folder_ / "no.pth", {.target = ConvertTarget::official});
  });
  files = files_;
  files.scheduler.prediction_type = "v_prediction";
  expect_error(
      ErrorCode::user, {"model: prediction_type: the official code's network predicts"},
      [&] { write_model(files, folder_ / "no.pth", {.target = ConvertTarget::official}); });
  EXPECT_FALSE(fs::exists(folder_ / "no.pth"));
}

TEST_F(OpenModel, OtherProgramsWeightsAreNamed) {
  struct Case {
    const char *tensor, *message;
    const char* other_tensor = "other";
  };
  const float value = 1;
  for (const Case& other :
       {Case{"input_blocks.0.0.weight", "OpenAI's improved or guided"},
        Case{"init_conv.weight", "lucidrains'", "downs.0.0.block1.proj.weight"},
        Case{"ema_model.model.init_conv.weight", "lucidrains'",
             "ema_model.model.final_res_block.block1.proj.weight"},
        Case{"map_layer0.weight", "EDM"}, Case{"denoise_fn.downs.0.weight", "lucidrains'"},
        Case{"model.diffusion_model.out.2.bias", "Stable Diffusion"},
        Case{"first_stage_model.encoder.conv_in.weight", "latent diffusion"},
        // Of anybody's network: nobody's name is given to it.
        Case{"init_conv.weight", "2 tensors (\"init_conv.weight\", \"other\")"},
        Case{"my_denoise_fn.downs.0.weight", "not the weights of a supported network"},
        Case{"lm_head.weight", "2 tensors (\"lm_head.weight\", \"other\")"}}) {
    const fs::path path = folder_ / "other.safetensors";
    io::write_safetensors(path,
                          {{.name = other.tensor, .shape = {1}, .values = {&value, 1}},
                           {.name = other.other_tensor, .shape = {1}, .values = {&value, 1}}},
                          Overwrite::allow);
    expect_error(ErrorCode::corrupt, {"other.safetensors", other.message},
                 [&] { open_model(path); });
  }
}

TEST_F(OpenModel, LucidrainsCheckpointsAreNamed) {
  const float value = 1;
  io::TorchWriter writer("model-1");
  writer.open_dict();
  writer.text("step");
  writer.integer(5);
  for (const char* part : {"model", "ema"}) {
    writer.text(part);
    writer.open_dict();
    for (const char* name : {"init_conv.bias", "downs.0.0.block1.proj.bias"}) {
      writer.text(name);
      writer.tensor({.name = name, .shape = {1}, .values = {&value, 1}});
    }
    writer.close_dict();
  }
  writer.close_dict();
  write_file_durably(folder_ / "model-1.pt", std::move(writer).content(), Overwrite::refuse);
  expect_error(ErrorCode::corrupt, {"model-1.pt", "lucidrains' denoising-diffusion-pytorch"},
               [&] { open_model(folder_ / "model-1.pt"); });
}

TEST_F(OpenModel, SetsOfWeightsInListsAreFound) {
  const float value = 1;
  const auto places_in = [&](int count, const char* key) {
    io::TorchWriter writer("m");
    if (*key != '\0') {
      writer.open_dict();
      writer.text(key);
    }
    writer.open_list();
    for (int i = 0; i < count; ++i) {
      writer.open_dict();
      writer.text("temb.dense.0.weight");
      writer.tensor({.name = "temb.dense.0.weight", .shape = {1}, .values = {&value, 1}});
      writer.close_dict();
    }
    writer.close_list();
    if (*key != '\0') writer.close_dict();
    const fs::path path = folder_ / "list.pt";
    write_file_durably(path, std::move(writer).content(), Overwrite::allow);
    std::vector<std::string> places;
    for (const TensorDictionary& found :
         open_torch_checkpoint(path, std::make_shared<const io::MappedFile>(path)).dictionaries)
      places.push_back(found.place);
    return places;
  };
  EXPECT_THAT(places_in(1, ""), testing::ElementsAre("0"));
  EXPECT_THAT(places_in(2, ""), testing::ElementsAre("0", "1"));
  EXPECT_THAT(places_in(2, "models"), testing::ElementsAre("models.0", "models.1"));
  expect_error(ErrorCode::corrupt, {"list.pt", "a list of 0; the official code writes"},
               [&] { places_in(0, ""); });
}

// What PyTorch wrote (tools/make_torch_fixtures.py), none of it a network.
TEST_F(OpenModel, ObjectsInPlaceOfWeightsAreNamed) {
  expect_error(ErrorCode::corrupt, {"extras.pth", "not the weights of a supported network"},
               [&] { open_model("tests/io/torch/extras.pth"); });
  expect_error(
      ErrorCode::corrupt,
      {"whole.pth", "it holds an object of torch.nn.modules.linear.Linear", "state_dict()"},
      [&] { open_model("tests/io/torch/whole.pth"); });
  expect_error(ErrorCode::corrupt, {"odd_eighths.pth", "under \"w\" is a tensor of a kind"},
               [&] { open_model("tests/io/torch/odd_eighths.pth"); });
  expect_error(ErrorCode::corrupt, {"whole_legacy.pth", "a whole model", "save its state_dict()"},
               [&] { open_model("tests/io/torch/whole_legacy.pth"); });
  expect_error(ErrorCode::corrupt, {"arrays.pth", "under \"w\" is an array of NumPy"},
               [&] { open_model("tests/io/torch/arrays.pth"); });
}

TEST_F(OpenModel, WeightsWithoutTheirConfigurationAreRefused) {
  fs::copy_file(folder_ / "model/unet/diffusion_pytorch_model.safetensors",
                folder_ / "alone.safetensors");
  expect_error(ErrorCode::user, {"alone.safetensors", "without its config.json"},
               [&] { open_model(folder_ / "alone.safetensors"); });
}

}  // namespace
}  // namespace ddim::engine::model
