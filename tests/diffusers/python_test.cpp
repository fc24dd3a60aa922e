// Folders that ddim writes, in the diffusers package itself.

#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>

#include "api/model_implementation.h"
#include "backend/make_device.h"
#include "base/error.h"
#include "base/philox.h"
#include "io/picture_tensor.h"
#include "io/safetensors.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "nn/initialisation.h"
#include "tensor/kernels.h"
#include "tests/diffusers/expected.h"
#include "tests/nn/published_configs.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine {
namespace {

using test::TemporaryFolder;

struct Written {
  const char* name;
  UNetConfig network;
  io::SchedulerFileConfig scheduler;
  std::vector<std::int64_t> classes;
};

std::ostream& operator<<(std::ostream& out, const Written& written) { return out << written.name; }

UNetConfig for_pictures(UNetConfig config) {
  config.out_channels = config.in_channels;
  config.sample_size = 8;
  return config;
}

std::vector<Written> written_models() {
  UNetConfig learned = for_pictures(learned_times_config());
  learned.class_embed_type = ClassEmbedType::none;
  learned.num_train_timesteps = 1000;
  io::SchedulerFileConfig trailing;
  trailing.timestep_spacing = "trailing";
  trailing.set_alpha_to_one = false;
  io::SchedulerFileConfig linspace;
  linspace.timestep_spacing = "linspace";
  return {{"published", for_pictures(small_config()), linspace, {}},
          {"modulated", for_pictures(modulated_config()), {}, {2, 0}},
          {"learned", learned, trailing, {}}};
}

class DiffusersFolders : public testing::TestWithParam<Written> {};

TEST_P(DiffusersFolders, LoadsOurFoldersAndComputesTheSame) {
  const std::string python = test::find_python("torch diffusers safetensors");
  if (python.empty()) GTEST_SKIP() << test::no_python_with("torch diffusers safetensors");

  const auto& [name, network, scheduler, classes] = GetParam();
  const TemporaryFolder folder;
  {
    const Device device = make_device(DeviceKind::cpu);
    model::LoadedModel written{
        .device = device,
        .unet = UNet(device, network),
        .schedule = model::schedule_of(model::process_of(scheduler, "scheduler"), "scheduler"),
        .scheduler_config = scheduler};
    initialise(written.unet, Initialisation::pytorch, 3);
    // A sampler multiplies the rounding errors of a network, the more the wilder it is.
    Tensor& last = written.unet.mutable_parameters()[written.unet.parameters().size() - 2]->value;
    Tensor scaled = empty_like(last);
    device.kernels().scale_per_image(last, std::vector<double>(3, 0.1), {scaled});
    device.kernels().copy(scaled, last);
    last.mark_modified();
    model::save_model(written, folder / "model", io::StoredType::f32);
  }
  const Model model = Model::load(folder / "model");

  std::vector<float> noise(2 * 3 * 8 * 8);  // [N,C,H,W], as everything in the file
  fill_normal({.seed = 8}, 0, noise);
  const FloatImages x = io::from_planes(noise, 2, {.channels = 3, .height = 8, .width = 8});
  const std::vector<std::int64_t> shape{2, 3, 8, 8};
  const std::vector<float> t{7.0F, 7.0F};
  const std::vector<float> class_values(classes.begin(), classes.end());
  std::vector<io::TensorSource> results{{.name = "x", .shape = shape, .values = noise},
                                        {.name = "x_T", .shape = shape, .values = noise},
                                        {.name = "t", .shape = {2}, .values = t}};
  if (!classes.empty())
    results.push_back({.name = "classes", .shape = {2}, .values = class_values});

  const ClassChoice choice{.classes = classes};
  const std::vector<float> eps = io::to_planes(
      {.count = 2,
       .shape = x.shape,
       .values = test::eps_of(*ModelAccess::trained(model).network, x, t.front(), choice)});
  results.push_back({.name = "eps", .shape = shape, .values = eps});
  const std::int64_t numbers_of_steps[] = {10, 20, 50};
  std::vector<std::vector<float>> x_0;
  for (const std::int64_t steps : numbers_of_steps) {
    PlanOptions plan = as_diffusers(model).options;
    plan.steps = steps;
    x_0.push_back(io::to_planes(
        sample(model, {.plan = plan, .count = 2, .class_choice = choice, .x_T = x}).x_0));
  }
  for (std::size_t i = 0; i < x_0.size(); ++i)
    results.push_back(
        {.name = concat("x_0.", numbers_of_steps[i]), .shape = shape, .values = x_0[i]});
  io::write_safetensors(folder / "results.safetensors", std::move(results), Overwrite::refuse);

  const std::string command =
      concat(python, " tools/check_with_diffusers.py ", (folder / "model").string(), " ",
             (folder / "results.safetensors").string());
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

INSTANTIATE_TEST_SUITE_P(Python, DiffusersFolders, testing::ValuesIn(written_models()),
                         [](const auto& test) { return std::string(test.param.name); });

// Every class of the package, with settings of each kind, as it saves itself.
TEST(DiffusersPython, EverySchedulerLoadsOrIsRefusedByName) {
  const std::string python = test::find_python("torch diffusers");
  if (python.empty()) GTEST_SKIP() << test::no_python_with("torch diffusers");
  const std::string command =
      concat(python, " tools/check_schedulers.py tests/diffusers/goldens/ddpm " DDIM_PROGRAM);
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

// Files and folders as training scripts write them, and back.
TEST(DiffusersPython, TrainingCheckpointsHoldTheSameWeights) {
  const std::string python = test::find_python("torch diffusers safetensors accelerate");
  if (python.empty())
    GTEST_SKIP() << test::no_python_with("torch diffusers safetensors accelerate");
  const std::string command = concat(python, " tools/check_training_checkpoints.py " DDIM_PROGRAM);
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
}  // namespace ddim::engine
