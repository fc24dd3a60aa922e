#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "io/digests.h"
#include "io/safetensors.h"
#include "model/convert.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "nn/initialisation.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/model/saved_networks.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::model {
namespace {

using test::edit_text;
using test::expect_error;
using test::names_in;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

namespace fs = std::filesystem;
using io::StoredType;

constexpr const char* kWeights = "unet/diffusion_pytorch_model.safetensors";

LoadedModel small_model() {
  const Device device = make_device(DeviceKind::reference);
  LoadedModel model{.device = device,
                    .unet = UNet(device, small_config()),
                    .schedule = diffusion::Schedule::linear(),
                    .scheduler_config = file_config(ForwardProcess{})};
  initialise(model.unet, Initialisation::pytorch, 3);
  return model;
}

std::vector<std::vector<float>> weights_of(const UNet& unet) {
  std::vector<std::vector<float>> result;
  for (const Parameter* parameter : unet.parameters()) result.push_back(to_host(parameter->value));
  return result;
}

/// A tensor of a file, and its elements.
struct StoredTensor {
  std::string name;
  StoredType type;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

std::vector<StoredTensor> read_all(const fs::path& path) {
  std::vector<StoredTensor> result;
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  for (const io::TensorEntry& entry : file.entries())
    result.push_back({entry.name, entry.type, entry.shape, file.read(entry.name)});
  return result;
}

void write_all(const fs::path& path, const std::vector<StoredTensor>& tensors) {
  std::vector<io::TensorSource> sources;
  for (const StoredTensor& t : tensors)
    sources.push_back({.name = t.name, .type = t.type, .shape = t.shape, .values = t.values});
  io::write_safetensors(path, sources, Overwrite::allow);
}

/// A file of the same tensors that says nothing of their bytes.
std::string without_digests(const fs::path& path) {
  const std::vector<StoredTensor> tensors = read_all(path);
  std::vector<io::TensorSource> sources;
  for (const StoredTensor& t : tensors)
    sources.push_back({.name = t.name, .type = t.type, .shape = t.shape, .values = t.values});
  return test::text_of(io::safetensors_content(std::move(sources)));
}

/// Rewrites a file of weights, each tensor changed by `change`.
template <class Change>
void edit_weights(const fs::path& path, const Change& change) {
  std::vector<StoredTensor> tensors = read_all(path);
  for (StoredTensor& tensor : tensors) change(tensor);
  write_all(path, tensors);
}

class LoadModel : public testing::Test {
 protected:
  LoadModel() : model_(small_model()), path_(folder_ / "model") {
    save_model(model_, path_, StoredType::f32);
  }
  void expect_same_weights() {
    EXPECT_EQ(weights_of(load_model(path_, make_device(DeviceKind::reference)).unet),
              weights_of(model_.unet));
  }
  void expect_load_error(ErrorCode code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { load_model(path_, make_device(DeviceKind::reference)); });
  }

  TemporaryFolder folder_;
  LoadedModel model_;
  fs::path path_;
};

TEST_F(LoadModel, GivesBackWhatWasSaved) {
  const LoadedModel loaded = load_model(path_, make_device(DeviceKind::reference));
  EXPECT_EQ(loaded.unet.config(), small_config());
  EXPECT_EQ(weights_of(loaded.unet), weights_of(model_.unet));
  EXPECT_EQ(loaded.schedule.betas(), model_.schedule.betas());
  EXPECT_FALSE(loaded.scheduler_config.clip_sample);
}

TEST_F(LoadModel, HalfPrecisionIsExactToHalfAnUnit) {
  save_model(model_, folder_ / "half", StoredType::f16);
  const LoadedModel half = load_model(folder_ / "half", make_device(DeviceKind::reference));
  const auto expected = weights_of(model_.unet);
  const auto found = weights_of(half.unet);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    for (std::size_t j = 0; j < expected[i].size(); ++j)
      ASSERT_NEAR(found[i][j], expected[i][j], std::abs(expected[i][j]) * 0x1p-11 + 0x1p-25);
  }
  EXPECT_LT(fs::file_size(folder_ / "half" / kWeights), fs::file_size(path_ / kWeights) * 6 / 10);
}

TEST_F(LoadModel, FlatFolder) {
  for (const char* name : {"unet/config.json", kWeights, "scheduler/scheduler_config.json"})
    fs::rename(path_ / name, path_ / fs::path(name).filename());
  fs::remove(path_ / "unet");
  fs::remove(path_ / "scheduler");
  expect_same_weights();
}

TEST_F(LoadModel, WithoutIndex) {
  fs::remove(path_ / "model_index.json");
  expect_same_weights();
}

TEST_F(LoadModel, BesideOtherFilesOfACheckpoint) {
  write_text(path_ / "state.safetensors", "");
  expect_same_weights();
  fs::remove(path_ / "state.safetensors");
  write_text(path_ / "manifest.json", "{}");  // of another program
  expect_same_weights();
}

TEST_F(LoadModel, OldAttentionNames) {
  int num_renamed = 0;
  edit_weights(path_ / kWeights, [&](StoredTensor& tensor) {
    const std::pair<const char*, const char*> renamings[] = {{".to_q.", ".query."},
                                                             {".to_k.", ".key."},
                                                             {".to_v.", ".value."},
                                                             {".to_out.0.", ".proj_attn."}};
    for (const auto& [now, then] : renamings) {
      const std::size_t position = tensor.name.find(now);
      if (position == std::string::npos) continue;
      tensor.name.replace(position, std::string(now).size(), then);
      ++num_renamed;
    }
  });
  EXPECT_EQ(num_renamed, 4 * 8);
  expect_same_weights();
}

TEST_F(LoadModel, OldDownsamplerNames) {
  edit_weights(path_ / kWeights, [&](StoredTensor& tensor) {
    const std::size_t position = tensor.name.find("downsamplers.0.conv");
    if (position != std::string::npos) tensor.name.replace(position, 19, "downsamplers.0.op");
  });
  expect_same_weights();
}

TEST_F(LoadModel, DownsamplersUnderBothNames) {
  std::vector<StoredTensor> tensors = read_all(path_ / kWeights);
  for (const StoredTensor& tensor : read_all(path_ / kWeights)) {
    const std::size_t position = tensor.name.find("downsamplers.0.conv");
    if (position == std::string::npos) continue;
    tensors.push_back(tensor);
    tensors.back().name.replace(position, 19, "downsamplers.0.op");
    tensors.back().values.assign(tensor.values.size(), 7.0F);  // must not be what is taken
  }
  write_all(path_ / kWeights, tensors);
  expect_same_weights();
}

TEST_F(LoadModel, AttentionUnderBothNamesIsRefused) {
  std::vector<StoredTensor> tensors = read_all(path_ / kWeights);
  tensors.push_back(
      {"mid_block.attentions.0.query.bias", StoredType::f32, {12}, std::vector<float>(12)});
  write_all(path_ / kWeights, tensors);
  expect_load_error(ErrorCode::corrupt, {kWeights, "mid_block.attentions.0.to_q.bias",
                                         "under its old and its new name"});
}

TEST_F(LoadModel, BrainFloats) {
  edit_weights(path_ / kWeights, [](StoredTensor& tensor) { tensor.type = StoredType::bf16; });
  const auto found = weights_of(load_model(path_, make_device(DeviceKind::reference)).unet);
  const auto expected = weights_of(model_.unet);
  EXPECT_NE(found, expected);
  for (std::size_t j = 0; j < expected[0].size(); ++j)
    EXPECT_NEAR(found[0][j], expected[0][j], std::abs(expected[0][j]) * 0x1p-8);
}

TEST_F(LoadModel, MissingAndUnexpectedTensorsAreListed) {
  edit_weights(path_ / kWeights, [](StoredTensor& tensor) {
    if (tensor.name.starts_with("mid_block.resnets.0.")) tensor.name += "_old";
  });
  expect_load_error(ErrorCode::corrupt,
                    {kWeights, "10 missing (mid_block.resnets.0.norm1.weight,",
                     "10 unexpected (mid_block.resnets.0.conv1.bias_old,", ", ...)"});
}

TEST_F(LoadModel, AWrongShapeIsNamed) {
  edit_weights(path_ / kWeights, [](StoredTensor& tensor) {
    if (tensor.name == "conv_in.weight") tensor.shape = {8, 3, 9, 1};
  });
  expect_load_error(ErrorCode::corrupt,
                    {kWeights, "tensor conv_in.weight is [8,3,9,1], expected [8,3,3,3]"});
}

TEST_F(LoadModel, IntegersAreNoWeights) {
  const std::vector<std::byte> bytes(8 * sizeof(std::int32_t));
  std::vector<StoredTensor> tensors = read_all(path_ / kWeights);
  std::vector<io::TensorSource> sources;
  for (const StoredTensor& t : tensors) {
    if (t.name == "conv_in.bias")
      sources.push_back({.name = t.name, .type = StoredType::i32, .shape = {8}, .bytes = bytes});
    else
      sources.push_back({.name = t.name, .type = t.type, .shape = t.shape, .values = t.values});
  }
  io::write_safetensors(path_ / kWeights, sources, Overwrite::allow);
  expect_load_error(ErrorCode::corrupt, {kWeights, "conv_in.bias holds I32"});
}

TEST_F(LoadModel, ATruncatedFileIsRefused) {
  fs::resize_file(path_ / kWeights, fs::file_size(path_ / kWeights) - 1);
  expect_load_error(ErrorCode::corrupt, {kWeights});
}

TEST_F(LoadModel, MissingFilesAreNamed) {
  fs::remove(path_ / kWeights);
  expect_load_error(ErrorCode::user, {kWeights, "missing"});
  write_text(path_ / "unet/diffusion_pytorch_model.bin", "");
  expect_load_error(ErrorCode::corrupt, {"diffusion_pytorch_model.bin", "too short"});
  fs::remove(path_ / "scheduler/scheduler_config.json");
  expect_load_error(ErrorCode::user, {"scheduler/scheduler_config.json", "no such file"});
  fs::remove(path_ / "unet/config.json");
  expect_load_error(ErrorCode::user, {"not a model's folder", "unet/config.json"});
  fs::remove_all(path_ / "unet");
  fs::remove(path_ / "model_index.json");
  fs::create_directories(path_ / "checkpoints/step-5");  // not a name of ours
  expect_load_error(ErrorCode::user, {"this is the folder of a training run", "no checkpoint yet",
                                      "checkpoints/step-"});
  fs::remove_all(path_);
  expect_load_error(ErrorCode::user, {"no such file or folder"});
  write_text(path_, "");
  expect_load_error(ErrorCode::corrupt, {"too short for a safetensors file"});
}

TEST_F(LoadModel, AConfigurationOfAnotherNetworkIsRefused) {
  edit_text(path_ / "unet/config.json", "\"norm_num_groups\": 4", "\"norm_num_groups\": 3");
  expect_load_error(ErrorCode::user,
                    {"unet/config.json: unet: block_out_channels[0] (8) must be a multiple of"});
}

TEST_F(LoadModel, AnotherPipelineIsRefused) {
  edit_text(path_ / "model_index.json", "DDIMPipeline", "StableDiffusionPipeline");
  expect_load_error(ErrorCode::corrupt, {"model_index.json", "StableDiffusionPipeline"});
}

TEST(SaveModel, DoesNotOverwrite) {
  const TemporaryFolder folder;
  const LoadedModel model = small_model();
  write_text(folder / "model/notes.txt", "precious");
  expect_error(ErrorCode::user, {"model"},
               [&] { save_model(model, folder / "model", StoredType::f32); });
  EXPECT_EQ(read_text(folder / "model/notes.txt"), "precious");
  EXPECT_EQ(names_in(folder.path()).size(), 1U);
}

TEST(SaveModel, LeavesNothingBehindWhenAWeightIsNotFinite) {
  const TemporaryFolder folder;
  LoadedModel model = small_model();
  model.unet.mutable_parameters()[5]->value.values<float>()[0] = NAN;
  expect_error(ErrorCode::numeric, {model.unet.parameters()[5]->name},
               [&] { save_model(model, folder / "model", StoredType::f32); });
  EXPECT_EQ(names_in(folder.path()).size(), 0U);
}

TEST(SaveModel, LeavesNothingBehindWhenHalfPrecisionCannotHoldAWeight) {
  const TemporaryFolder folder;
  LoadedModel model = small_model();
  model.unet.mutable_parameters()[5]->value.values<float>()[0] = 1e6F;
  expect_error(ErrorCode::numeric, {model.unet.parameters()[5]->name},
               [&] { save_model(model, folder / "model", StoredType::f16); });
  EXPECT_EQ(names_in(folder.path()).size(), 0U);
  EXPECT_NO_THROW(save_model(model, folder / "model", StoredType::f32));
}

TEST(SaveModel, OtherTypesAreRefused) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::internal, {"F64", "F32, F16, BF16 or F8_E4M3"},
               [&] { save_model(small_model(), folder / "model", StoredType::f64); });
  EXPECT_EQ(names_in(folder.path()).size(), 0U);
}

TEST(SaveModel, AveragesInsteadOfTheNetworksOwnWeights) {
  const TemporaryFolder folder;
  const LoadedModel model = small_model();
  std::vector<Tensor> averages;
  for (const Parameter* parameter : model.unet.parameters()) {
    Tensor average = empty_like(parameter->value);
    model.device.kernels().fill(0.5, average);
    averages.push_back(average);
  }
  HostValues values;
  DurableFolder output(folder / "model", Manifest::write);
  write_model_files(output, model.unet.config(),
                    weight_sources(model.unet, averages, StoredType::f32, values),
                    model.scheduler_config);
  output.commit();
  const LoadedModel loaded = load_model(folder / "model", make_device(DeviceKind::reference));
  for (const auto& weights : weights_of(loaded.unet)) EXPECT_EQ(weights[0], 0.5F);
}

/// Where the bytes of a tensor lie in a file.
std::size_t place_of(const fs::path& path, const io::TensorEntry& entry,
                     const std::vector<std::shared_ptr<const io::MappedFile>>& files) {
  for (const auto& file : files)
    if (file->path() == path)
      return static_cast<std::size_t>(entry.bytes.data() - file->bytes().data());
  return 0;
}

void flip_bit(const fs::path& path, std::size_t byte, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const auto value = static_cast<char>(file.get() ^ 1 << bit);
  file.seekp(static_cast<std::streamoff>(byte)).put(value);
}

class DamagedWeights : public LoadModel {
 protected:
  /// Flips a bit here and there in every tensor of a file, and loads the model.
  static void expect_each_flip_is_found(const fs::path& model, const fs::path& weights) {
    const ModelFiles files = open_model(model);
    const Device device = make_device(DeviceKind::reference);
    for (std::size_t i = 0; i < files.weights.size(); i += 3) {
      const io::TensorEntry& entry = files.weights[i];
      const std::size_t places[] = {0, entry.bytes.size() / 2, entry.bytes.size() - 1};
      const std::size_t at = place_of(weights, entry, files.files) + places[i % 3];
      flip_bit(weights, at, static_cast<int>(i % 8));
      expect_error(ErrorCode::corrupt, {weights.string() + ": tensor \"", "--no-verify"},
                   [&] { load_model(model, device); });
      if (i % 30 == 0) load_model(model, device, {}, Verification::skip);
      flip_bit(weights, at, static_cast<int>(i % 8));
    }
    EXPECT_NO_THROW(load_model(model, device));
  }
};

TEST_F(DamagedWeights, OfFoldersThatWeWriteAreRefused) {
  expect_each_flip_is_found(path_, path_ / kWeights);
}

TEST_F(DamagedWeights, OfFilesOfPyTorchAreRefused) {
  const Device device = make_device(DeviceKind::reference);
  LoadedModel model{.device = device,
                    .unet = UNet(device, test::official_network()),
                    .schedule = diffusion::Schedule::linear(),
                    .scheduler_config = file_config(ForwardProcess{})};
  initialise(model.unet, Initialisation::pytorch, 3);
  save_model(model, folder_ / "official", StoredType::f32);
  const fs::path file = folder_ / "weights.ckpt", output = folder_ / "output.ckpt";
  const ConvertOptions options{.target = ConvertTarget::official_weights,
                               .verification = Verification::skip};
  write_model(open_model(folder_ / "official"), file, options);
  expect_each_flip_is_found(file, file);

  // A tensor's requires_grad: nothing that its own bytes could show.
  std::string description = read_text(file);
  const std::size_t flag = description.find('\x89', description.find("_rebuild_tensor_v2"));
  flip_bit(file, flag, 0);
  expect_error(ErrorCode::corrupt, {"data.pkl\" is damaged", "--no-verify"},
               [&] { load_model(file, device); });
  EXPECT_NO_THROW(load_model(file, device, {}, Verification::skip));
  flip_bit(file, flag, 0);

  const ModelFiles files = open_model(file);
  fs::resize_file(file, fs::file_size(file) / 2);
  expect_error(ErrorCode::corrupt, "has shortened this file",
               [&] { write_model(files, output, options); });
  expect_error(ErrorCode::corrupt, "has shortened this file", [&] { load_model(files, device); });
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(DamagedWeights, OfCheckpointsWithoutOtherDigestsAreFoundByTheManifest) {
  const fs::path copy = folder_ / "checkpoint";
  const std::string weights = without_digests(path_ / kWeights);
  DurableFolder output(copy, Manifest::write);
  output.write_file(kWeights, weights);
  for (const char* name : {"unet/config.json", "scheduler/scheduler_config.json"}) {
    const std::string text = read_text(path_ / name);
    output.write_file(name, text);
  }
  output.commit();
  const Device device = make_device(DeviceKind::reference);
  EXPECT_NO_THROW(load_model(copy, device));
  flip_bit(copy / kWeights, fs::file_size(copy / kWeights) - 3, 0);
  expect_error(ErrorCode::corrupt, "is damaged: its SHA-256 is not that of the manifest",
               [&] { load_model(copy, device); });
  flip_bit(copy / kWeights, fs::file_size(copy / kWeights) - 3, 0);
  edit_text(copy / "scheduler" / "scheduler_config.json", "0.02", "0.03");
  expect_error(ErrorCode::corrupt, "scheduler_config.json is damaged",
               [&] { load_model(copy, device); });
  EXPECT_NO_THROW(load_model(copy, device, {}, Verification::skip));

  // A manifest that is damaged itself must not switch the comparison off.
  const std::string manifest = read_text(copy / "manifest.json");
  const auto expect_damaged = [&](const std::string& text) {
    write_text(copy / "manifest.json", text);
    expect_error(ErrorCode::corrupt, "manifest.json is damaged", [&] { load_model(copy, device); });
    EXPECT_NO_THROW(load_model(copy, device, {}, Verification::skip));
  };
  for (const std::size_t place : {std::size_t{0}, manifest.find("ddim"), manifest.find("sha256")}) {
    std::string text = manifest;
    text[place] ^= 1;
    expect_damaged(text);
  }
  expect_damaged(manifest.substr(0, manifest.size() / 2));
  write_text(copy / "state.safetensors", "");
  expect_damaged("");
}

// Another program may keep our metadata while it writes other tensors.
TEST_F(DamagedWeights, DigestsOfOtherTensorsSayNothing) {
  const fs::path path = path_ / kWeights;
  const std::vector<StoredTensor> tensors = read_all(path);
  const auto rewrite = [&](const std::string& digests) {
    std::vector<io::TensorSource> sources;
    for (const StoredTensor& t : tensors)
      sources.push_back({.name = t.name, .type = t.type, .shape = t.shape, .values = t.values});
    io::write_safetensors(path, sources, Overwrite::allow, {{io::kCrc32Key, digests}});
  };
  const Device device = make_device(DeviceKind::reference);
  rewrite("12345678");
  EXPECT_NO_THROW(load_model(path_, device));
  rewrite("1234567");
  expect_error(ErrorCode::corrupt, "ddim_crc32 is damaged", [&] { load_model(path_, device); });
  rewrite(std::string(8 * tensors.size(), 'a'));
  expect_error(ErrorCode::corrupt, {" is damaged: ", "another program changed them"},
               [&] { load_model(path_, device); });
  rewrite(std::string(8 * (tensors.size() + 1), 'a'));  // the last eight: of other tensors
  EXPECT_NO_THROW(load_model(path_, device));
}

// Another program writes the file anew while it is read: no signal, and no half of a model.
TEST_F(LoadModel, AFileThatBecomesShorterWhileItIsReadIsRefused) {
  const fs::path path = path_ / kWeights;
  const std::string bytes = read_text(path);
  const fs::path output = folder_ / "output";
  for (const std::size_t left : {bytes.size() - 1, bytes.size() / 2, std::size_t{0}}) {
    for (const Verification verification : {Verification::check, Verification::skip}) {
      const ModelFiles files = open_model(path_);
      fs::resize_file(path, left);
      expect_error(
          ErrorCode::corrupt, path.string() + ": another program has shortened this file",
          [&] { load_model(files, make_device(DeviceKind::reference), {}, verification); });
      if (verification == Verification::skip) {
        expect_error(ErrorCode::corrupt, "has shortened this file",
                     [&] { write_model(files, output, {.verification = verification}); });
      }
      EXPECT_FALSE(fs::exists(output));
      write_text(path, bytes);
    }
  }
  EXPECT_NO_THROW(load_model(path_, make_device(DeviceKind::reference)));
}

}  // namespace
}  // namespace ddim::engine::model
