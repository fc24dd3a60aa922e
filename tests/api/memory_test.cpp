#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"
#include "tests/support/text_files.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

/// The files of a folder in memory, and the view of them that the library takes.
struct Contents {
  explicit Contents(const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        bytes[entry.path().lexically_relative(folder).generic_string()] =
            test::read_text(entry.path());
  }
  std::map<std::string, std::span<const std::byte>> view() const {
    std::map<std::string, std::span<const std::byte>> files;
    for (const auto& [name, text] : bytes) files[name] = std::as_bytes(std::span(text));
    return files;
  }
  std::map<std::string, std::string> bytes;
};

class MemoryModel : public MicroModel {};

TEST_F(MemoryModel, IsTheModelOfTheFolder) {
  const Contents contents(folder_ / "micro");
  const std::map<std::string, std::string> before = contents.bytes;
  const Model model = Model::load_from_memory(contents.view());
  EXPECT_EQ(model.weights_hash(), model_.weights_hash());
  EXPECT_EQ(model.info().shape, model_.info().shape);
  EXPECT_EQ(model.info().format, model_.info().format);
  EXPECT_EQ(model.info().name, "");
  EXPECT_EQ(contents.bytes, before) << "loading must not touch the caller's memory";
}

TEST_F(MemoryModel, NeedsItsBytesWhileItLoadsOnly) {
  std::string hash;
  const auto load_once = [&] {
    const Contents contents(folder_ / "micro");
    return Model::load_from_memory(contents.view());
  };
  const Model model = load_once();
  EXPECT_EQ(model.weights_hash(), model_.weights_hash());
}

TEST_F(MemoryModel, MayBeInPartsOrOfTheOfficialCode) {
  convert_model(folder_ / "micro", folder_ / "micro.pth", {.target = ConvertTarget::official});
  Contents official(folder_ / "micro");
  official.bytes = {{"ckpt.pth", test::read_text(folder_ / "micro.pth")}};
  EXPECT_EQ(Model::load_from_memory(official.view()).weights_hash(), model_.weights_hash());

  Contents parts(folder_ / "micro");
  const std::string whole = "unet/diffusion_pytorch_model.safetensors";
  auto file = parts.bytes.extract(whole);
  ASSERT_FALSE(file.empty());
  file.key() = "unet/diffusion_pytorch_model-00001-of-00001.safetensors";
  parts.bytes.insert(std::move(file));
  std::string map;  // every tensor of the one part
  const std::string& text = parts.bytes["unet/diffusion_pytorch_model-00001-of-00001.safetensors"];
  for (std::size_t at = text.find("\":{\"dtype\""); at < text.size();
       at = text.find("\":{\"dtype\"", at + 1)) {
    const std::size_t begin = text.rfind('"', at - 1);
    map += (map.empty() ? "\"" : ",\"") + text.substr(begin + 1, at - begin - 1) +
           "\":\"diffusion_pytorch_model-00001-of-00001.safetensors\"";
  }
  parts.bytes[whole + ".index.json"] = "{\"weight_map\":{" + map + "}}";
  EXPECT_EQ(Model::load_from_memory(parts.view()).weights_hash(), model_.weights_hash());
}

TEST_F(MemoryModel, SaysWhichFileIsMissingOrDamaged) {
  const Contents contents(folder_ / "micro");
  const auto without = [&](const std::string& name) {
    auto files = contents.view();
    EXPECT_EQ(files.erase(name), 1U) << name;
    return [files] { Model::load_from_memory(files); };
  };
  expect_error(ErrorCode::user, "unet/config.json", without("unet/config.json"));
  expect_error(ErrorCode::user, "scheduler/scheduler_config.json",
               without("scheduler/scheduler_config.json"));
  expect_error(ErrorCode::user, "unet/diffusion_pytorch_model.safetensors",
               without("unet/diffusion_pytorch_model.safetensors"));
  expect_error(ErrorCode::user, "not a model's folder", [] { Model::load_from_memory({}); });
  auto damaged = contents.view();
  auto& weights = damaged["unet/diffusion_pytorch_model.safetensors"];
  weights = weights.first(weights.size() - 4);
  expect_error(ErrorCode::corrupt, "unet/diffusion_pytorch_model.safetensors",
               [&] { Model::load_from_memory(damaged); });
}

}  // namespace
}  // namespace ddim::api_test
