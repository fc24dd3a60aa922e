#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;

std::int64_t calls_of(const std::string& arguments, const std::string& environment = "") {
  const Outcome run = run_ddim("plan --json " + arguments, environment);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return run.exit_code == 0 ? Json::parse(run.out).at("nfe").get<std::int64_t>() : -1;
}

class Settings : public testing::Test {
 protected:
  std::string file_with(const std::string& text) const {
    write_file(folder_ / "mine.toml", text);
    return " --config " + (folder_ / "mine.toml");
  }
  void expect_refused(const std::string& text, std::vector<std::string> parts) const {
    const Outcome run = run_ddim("plan" + file_with(text));
    EXPECT_NE(run.exit_code, 0);
    for (const std::string& part : parts)
      EXPECT_NE(run.err.find(part), std::string::npos) << "no " << part << " in: " << run.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Settings, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  const std::string file = file_with("[plan]\nsteps = 3\n");
  EXPECT_EQ(calls_of(file), 3);
  EXPECT_EQ(calls_of(file, "DDIM_STEPS=4"), 4);
  EXPECT_EQ(calls_of(file + " --steps 5", "DDIM_STEPS=4"), 5);
  EXPECT_EQ(calls_of("", "DDIM_STEPS="), 50);  // an empty variable says nothing
}

TEST_F(Settings, AFileThatCannotBeReadIsNamed) {
  const auto expect_error = [](const std::string& arguments, int code, const std::string& message) {
    const Outcome run = run_ddim(arguments);
    EXPECT_EQ(run.exit_code, code) << run.err;
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
  };
  const std::string here = folder_.path().string(), loop = folder_ / "loop";
  std::filesystem::create_symlink("loop", loop);
  for (const char* command : {"plan", "info models/fashion-mnist"}) {
    const std::string config = std::string(command) + " --config ";
    expect_error(config + here, 5, "--config " + here + ": cannot be read: Is a directory");
    expect_error(config + loop, 5, "--config " + loop + ": cannot be read: Too many levels");
    expect_error(config + "/dev/zero", 4, "--config /dev/zero: is larger than the 64 MiB");
  }
  expect_error("plan --betas @" + here, 5, here + ": cannot be read: Is a directory");
  expect_error("plan --betas @/dev/zero", 4, "/dev/zero: is larger than");
  const std::string train = "train --data " + here + " --out " + (folder_ / "run") + " --config ";
  expect_error(train + here, 5, "--config " + here + ": cannot be read: Is a directory");
  expect_error(train + "/dev/zero", 4, "--config /dev/zero: is larger than");
  expect_error("info " + loop + "/model", 5, loop);
}

TEST_F(Settings, AFlagBeatsTheEnvironmentInConflictsToo) {
  EXPECT_EQ(calls_of("--betas 0.1,0.2 --steps 2", "DDIM_MODEL=nowhere"), 2);
  EXPECT_EQ(calls_of("--tau 5,9", "DDIM_STEPS=7"), 2);
  EXPECT_EQ(run_ddim("plan --sampler adaptive", "DDIM_STEPS=7").exit_code, 0);
  write_file(folder_ / "small.toml", small_training_config());
  const Outcome bench = run_ddim(
      "bench --repetitions 1 --batch 1 --json " + (folder_ / "small.toml"), "DDIM_MODEL=nowhere");
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  make_micro_model(folder_ / "micro");
  make_pictures(folder_ / "pictures", 1);
  const Outcome encode = run_ddim("encode " + (folder_ / "pictures/0.png") + " --steps 2 --model " +
                                      (folder_ / "micro") + " --out " + (folder_ / "c.safetensors"),
                                  "DDIM_DATA=nowhere");
  EXPECT_EQ(encode.exit_code, 0) << encode.err;
}

TEST_F(Settings, AConflictOfEqualWeightNamesWhatIsMeant) {
  expect_refused("[plan]\nbetas = [0.1, 0.2]\nmodel = \"x\"\n",
                 {"mine.toml:2: betas", "mine.toml:3: model", "cannot be used together"});
  expect_refused("[plan]\ntau = [5, 9]\nsteps = 7\n",
                 {"leave out", "mine.toml:3: steps", "the list of", "mine.toml:2: tau"});
  expect_refused("[plan]\neta = 0.5\nsampler = \"unipc\"\n",
                 {"mine.toml:2: eta", "works only with", "not with unipc"});
}

// Also where only some of their values do not go together.
TEST_F(Settings, TheStrongerOfTwoWins) {
  const auto plan = [this](const std::string& file, const std::string& flags,
                           const std::string& environment = "") {
    return run_ddim("plan --json " + flags + file_with("[plan]\n" + file), environment);
  };
  const auto same = [&](const Outcome& run, const std::string& flags) {
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.out, run_ddim("plan --json " + flags).out) << flags;
  };
  same(plan("tau = [0, 10, 999]\n", "--steps 4"), "--steps 4");
  same(plan("tau = [0, 10, 999]\n", "", "DDIM_STEPS=4"), "--steps 4");
  same(plan("steps = 4\n", "--tau 0,10,999"), "--tau 0,10,999");
  same(plan("sampler = \"adaptive\"\ntolerance = 0.1\n", "--steps 4"), "--steps 4");
  same(plan("sampler = \"adaptive\"\ntolerance = 0.1\n", "--sampler ddim"), "");
  same(plan("eta = 0.5\n", "--sampler unipc"), "--sampler unipc");
  same(plan("sigma-hat = true\n", "--sampler heun"), "--sampler heun");
  same(plan("clip = \"keep-eps\"\nclip-range = 1.5\n", "--clip none"), "--clip none");
  same(plan("clip = \"threshold-keep-eps\"\nthreshold = 0.9\nthreshold-max = 2\n", "--clip"),
       "--clip");
  same(plan("tau = \"diffusers-leading\"\nsteps-offset = 1\n", "--tau linear"), "--tau linear");
  // What means nothing with a weaker word for another is refused all the same.
  const Outcome eta = plan("sampler = \"unipc\"\n", "--eta 0.5");
  EXPECT_EQ(eta.exit_code, 1);
  EXPECT_NE(eta.err.find("--eta works only with"), std::string::npos) << eta.err;
}

// What a file says for pictures of another kind.
TEST_F(Settings, WhatHasNoUseBesideAStrongerWordGivesWay) {
  make_micro_model(folder_ / "micro");
  make_pictures(folder_ / "pictures", 1);
  const std::string model = " --quiet --model " + (folder_ / "micro");
  const auto draw = [&](const std::string& flags, const std::string& name) {
    return run_ddim("sample --steps 2 --count 2 --out " + (folder_ / name) + model + " " + flags);
  };
  const auto refused = [](const Outcome& run, const std::string& message) {
    EXPECT_NE(run.exit_code, 0);
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
  };
  const std::string grid = file_with("[sample]\ncolumns = 1\nscale = 2\nno-metadata = true\n");
  EXPECT_EQ(draw(grid, "a.npz").exit_code, 0);
  EXPECT_EQ(draw(grid, "folder/").exit_code, 0);
  refused(draw("--columns 1", "b.npz"), "--columns is for a grid in a PNG");
  refused(draw("--scale 2", "b.safetensors"), "--scale is for a grid in a PNG");
  refused(run_ddim("sample --steps 2 --count 2" + model +
                   file_with("[sample]\nout = \"" + (folder_ / "b.npz") + "\"\nscale = 2\n")),
          "mine.toml:3: scale is for a grid in a PNG; ");
  refused(run_ddim("sample --no-metadata" + model +
                   file_with("[sample]\nout = \"" + (folder_ / "b.npz") + "\"\n")),
          "--no-metadata is for PNG files; ");

  const std::string x_T = folder_ / "x_T.safetensors";
  ASSERT_EQ(run_ddim("encode --steps 2 --out " + x_T + model + " " + (folder_ / "pictures/0.png"))
                .exit_code,
            0);
  const std::string begin = file_with("[sample]\ninit-image = \"" + (folder_ / "pictures/0.png") +
                                      "\"\nstrength = 0.5\n");
  const std::string of_noise = "sample --steps 2 --noise " + x_T + model + " --out ";
  for (const std::string& flags : {std::string("plain.png"), "given.png" + begin})
    EXPECT_EQ(run_ddim(of_noise + (folder_ / flags), "DDIM_SEED=5,6").exit_code, 0) << flags;
  EXPECT_EQ(read_file(folder_ / "given.png"), read_file(folder_ / "plain.png"));
  refused(run_ddim(of_noise + (folder_ / "b.png") + " --strength 0.5" + begin),
          "--strength needs --init-image");

  const std::string eta = file_with("[sweep]\neta = [0, 0.5]\n");
  const std::string sweep = "sweep --steps 2 --count 1 --out " + (folder_ / "table.png") + model;
  EXPECT_EQ(run_ddim(sweep + " --sampler unipc" + eta).exit_code, 0);
  refused(run_ddim(sweep + " --eta 0,0.5" + file_with("[sweep]\nsampler = \"unipc\"\n")),
          "--eta works only with");
}

TEST_F(Settings, AnEmptyValueIsNoValue) {
  for (const char* command :
       {"sample --out ''", "sample --out x.png --like ''", "train c.toml --data d --out ''",
        "serve --model fashion-mnist --api-key ''", "serve --model fashion-mnist,",
        "convert fashion-mnist ''", "info ''", "plan --tau ''", "sample --out x.png --mask ''"}) {
    const Outcome run = run_ddim(command);
    EXPECT_EQ(run.exit_code, 2) << command;
    EXPECT_NE(run.err.find("the value is empty"), std::string::npos) << command << run.err;
  }
  expect_refused("[plan]\ntau = \"\"\n", {"mine.toml:2: tau", "the value is empty"});
  EXPECT_EQ(calls_of("", "DDIM_STEPS="), 50);  // a variable that is empty is none
}

TEST_F(Settings, TheServerTakesVariablesToo) {
  for (const std::string name : {"DDIM_BATCH", "DDIM_THREADS"}) {
    const Outcome run = run_ddim("serve --model fashion-mnist", name + "=100000000");
    EXPECT_EQ(run.exit_code, 1) << name;
    EXPECT_NE(run.err.find(name + " (which sets --"), std::string::npos) << run.err;
  }
}

TEST_F(Settings, AMessageNamesTheVariableThatIsTheCause) {
  const std::pair<const char*, const char*> cases[] = {
      {"DDIM_STEPS=many", "DDIM_STEPS (which sets --steps): \"many\" is not a whole number"},
      {"DDIM_STEPS=0", "DDIM_STEPS (which sets --steps) must be 1 or greater; got 0"},
      {"DDIM_STEPS=5000", "DDIM_STEPS (which sets --steps) must be between 1 and 1000"}};
  for (const auto& [variable, message] : cases) {
    const Outcome run = run_ddim("plan", variable);
    EXPECT_NE(run.exit_code, 0);
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
  }
}

TEST_F(Settings, ListsSwitchesAndWordsInAFile) {
  EXPECT_EQ(calls_of(file_with("[plan]\ntau = [0, 10, 99.5, 999]\n")), 4);
  EXPECT_EQ(calls_of(file_with("[plan]\nclip = true\nsampler = \"dpmpp-2m\"\n")), 50);
  // --clip alone keeps eps, which a sampler of eps refuses; the switch that is false says nothing.
  expect_refused("[plan]\nclip = true\nsampler = \"heun\"\n", {"mine.toml:2: clip", "heun"});
  EXPECT_EQ(calls_of(file_with("[plan]\nsigma-hat = false\neta = 1\n")), 50);
  const Json plan = Json::parse(
      run_ddim("plan --steps 2 --json" + file_with("[plan]\nbetas = [0.1, 0.2]\n")).out);
  EXPECT_NEAR(plan.at("steps").at(0).at("sqrt_alpha_bar").get<double>(), 0.848528, 1e-6);
}

TEST_F(Settings, AreTheSameBeforeAndBehindTheCommand) {
  const std::string file = file_with("[plan]\nsteps = 3\njson = true\n[sample]\nseed = 4\n");
  EXPECT_EQ(Json::parse(run_ddim("plan" + file).out).at("nfe"), 3);
  EXPECT_EQ(run_ddim(file + " plan").out, run_ddim("plan" + file).out);
}

TEST_F(Settings, WhatIsWrongInAFileIsSaidWithItsLine) {
  expect_refused("[plan]\nsteps = 3\nstpes = 4\n",
                 {"mine.toml:3: plan.stpes is not a flag of ddim plan", "did you mean steps?"});
  expect_refused("[plan\nsteps = 3\n", {"mine.toml:1: "});
  expect_refused("steps = 3\n", {"mine.toml:1: steps must be in the section of a command"});
  expect_refused("\n[plann]\nsteps = 3\n", {"mine.toml:2: [plann]", "did you mean plan?"});
  expect_refused("[plan]\nsteps = \"many\"\n", {"mine.toml:2: steps: \"many\" is not a whole"});
  expect_refused("[plan]\nsteps = 0\n", {"mine.toml:2: steps must be 1 or greater; got 0"});
  expect_refused("[plan]\nsteps = 2000\n", {"mine.toml:2: steps must be between 1 and 1000"});
  expect_refused("[plan]\nsteps = []\n", {"mine.toml:2: steps is an empty list"});
  expect_refused("[plan]\nsteps = 2024-01-01\n", {"mine.toml:2: expected a text, a number"});
  expect_refused(small_training_config(), {"this is a training configuration", "ddim train"});
}

TEST_F(Settings, AFlagMayHaveAWordOrNone) {
  const auto clip_of = [](const std::string& flags) {
    return run_ddim("plan --steps 2 " + flags).exit_code;
  };
  for (const char* flags : {"--clip", "--clip keep-eps", "--clip=keep-eps", "--clip --json"})
    EXPECT_EQ(clip_of(flags), 0) << flags;
  EXPECT_EQ(run_ddim("plan --clip rederive-eps --sampler euler").exit_code, 0);
  EXPECT_EQ(run_ddim("plan --clip keep-eps --sampler euler").exit_code, 1);
  // A file behind --resize is a file.
  make_micro_model(folder_ / "micro");
  make_pictures(folder_ / "pictures", 1);
  const std::string rest = " --steps 2 --overwrite --model " + (folder_ / "micro") + " --out " +
                           (folder_ / "c.safetensors");
  for (const char* flag : {"--resize", "--resize pad", "--resize=pad"}) {
    const Outcome run =
        run_ddim("encode " + std::string(flag) + " " + (folder_ / "pictures/0.png") + rest);
    EXPECT_EQ(run.exit_code, 0) << flag << run.err;
  }
  const Outcome near = run_ddim("encode --resize padd " + (folder_ / "pictures/0.png") + rest);
  EXPECT_NE(near.err.find("did you mean pad?"), std::string::npos) << near.err;
}

}  // namespace
}  // namespace ddim::cli_test
