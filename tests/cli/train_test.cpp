#include <ddim/image.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class Train : public testing::Test {
 protected:
  Train() {
    make_pictures(folder_ / "pictures", 6);
    write_file(folder_ / "small.toml", small_training_config());
  }

  std::string arguments(const std::string& run, const std::string& flags = "") const {
    return "train " + (folder_ / "small.toml") + " --data " + (folder_ / "pictures") + " --out " +
           (folder_ / run) + " " + flags;
  }
  // All that a checkpoint holds; of its configuration only what is not told by the file names.
  std::string state(const std::string& checkpoint) const {
    return read_file(folder_ / (checkpoint + "/state.safetensors")) +
           read_file(folder_ / (checkpoint + "/unet/diffusion_pytorch_model.safetensors"));
  }

  TemporaryFolder folder_;
};

TEST_F(Train, MakesAModelToSampleFrom) {
  const Outcome run = run_ddim(arguments("run", "--json --quiet"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("ending"), "finished");
  EXPECT_EQ(result.at("steps"), 6);
  const std::string checkpoint = result.at("checkpoint");
  EXPECT_EQ(Json::parse(run_ddim("info --json " + checkpoint).out).at("height"), 8);
  EXPECT_EQ(
      run_ddim("sample --steps 2 --count 2 --model " + checkpoint + " --out " + (folder_ / "a.png"))
          .exit_code,
      0);
  const Outcome evaluation = run_ddim("evaluate --eps-error --json --t 10,900 --model " +
                                      checkpoint + " --data " + (folder_ / "pictures"));
  ASSERT_EQ(evaluation.exit_code, 0) << evaluation.err;
  const Json errors = Json::parse(evaluation.out).at("eps_error");
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[1].at("t"), 900);
  EXPECT_GT(errors[1].at("mean_squared_error"), 0.0);

  // The reference is said to be what the model was trained on, where it is.
  make_pictures(folder_ / "others", 5);
  const auto compare = [&](const std::string& reference) {
    return Json::parse(run_ddim("evaluate --json --quiet --shrink --resize --count 4 --steps 2 "
                                "--model " +
                                checkpoint + " " + (folder_ / reference))
                           .out);
  };
  EXPECT_EQ(compare("pictures").at("second_is"), "the pictures that the model was trained on");
  EXPECT_FALSE(compare("others").contains("second_is"));
}

TEST_F(Train, ClassesAreNamedAndKept) {
  for (const char* name : {"10", "9", "bird"})
    make_pictures(folder_ / ("classes/" + std::string(name)), 2);
  const auto train = [&](const std::string& run, int num_classes) {
    std::string config = small_training_config();
    config.insert(config.find("[model]") + 7, "\nnum_classes = " + std::to_string(num_classes));
    write_file(folder_ / "classes.toml", config);
    return run_ddim("train " + (folder_ / "classes.toml") + " --max-steps 1 --data " +
                    (folder_ / "classes") + " --out " + (folder_ / run));
  };
  const Outcome run = train("run", 3);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("data: class 1: 10, 2 images"), std::string::npos) << run.err;
  EXPECT_EQ(read_file(folder_ / "run/classes.csv"),
            "class,number,count\n9,0,2\n10,1,2\nbird,2,2\n");
  ASSERT_EQ(run_ddim("convert " + (folder_ / "run") + " " + (folder_ / "model")).exit_code, 0);
  EXPECT_NE(
      read_file(folder_ / "model/README.md")
          .find("| class | number | pictures |\n|---|---|---|\n| 9 | 0 | 2 |\n| 10 | 1 | 2 |\n"),
      std::string::npos);
  const Outcome more = train("more", 5);
  ASSERT_EQ(more.exit_code, 0) << more.err;
  EXPECT_NE(more.err.find("data: model.num_classes is 5, and the data have 3 classes (0 9 (2 "
                          "images), 1 10 (2 images), 2 bird (2 images)): from class 3 on"),
            std::string::npos)
      << more.err;
  const Outcome refused = train("other", 2);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("0 9 (2 images), 1 10 (2 images), 2 bird (2 images)"),
            std::string::npos)
      << refused.err;
}

#if defined(DDIM_EMULATED_CUDA)
TEST_F(Train, OnAGpuAndEverythingWithItsModel) {
  const auto run_on_gpu = [](const std::string& line) {
    const Outcome run = run_ddim(line + " --device cuda", "DDIM_CUDA_LIBRARY=" DDIM_EMULATED_CUDA);
    EXPECT_EQ(run.exit_code, 0) << line << "\n" << run.err;
    return run;
  };
  write_file(folder_ / "small.toml", R"([model]
channels = 3
block_out_channels = [32, 32]
layers_per_block = 1
attention_levels = [1]
[data]
resolution = 8
validation = 0.4
[training]
batch = 2
shards = 1
steps = 2
[output]
checkpoint_every_steps = 1
sample_every_steps = 1
sample_steps = 1
sample_count = 1
)");
  run_on_gpu(arguments("whole"));
  run_on_gpu(arguments("parts", "--max-steps 1"));
  const Outcome resumed = run_on_gpu("train --resume " + (folder_ / "parts"));
  EXPECT_EQ(resumed.err.find("before and is on"), std::string::npos) << resumed.err;
  EXPECT_EQ(read_file(folder_ / "parts/machine.txt"), "cuda emulation\n");
  EXPECT_EQ(state("parts/checkpoints/step-00000002"), state("whole/checkpoints/step-00000002"));
  EXPECT_TRUE(fs::exists(folder_ / "whole/samples/step-00000001.png"));

  const std::string model = " --model " + (folder_ / "whole") + " ",
                    to = " --out " + (folder_ / "");
  run_on_gpu("sample --steps 2 --eta 1 --count 2 --save-tensors " + (folder_ / "a.safetensors") +
             model + to + "a.png");
  run_on_gpu("interpolate 1 2 --frames 3 --steps 1" + model + to + "b.png");
  run_on_gpu("encode --steps 1" + model + (folder_ / "a.safetensors") + to + "c.safetensors");
  run_on_gpu("decode --steps 1" + model + (folder_ / "c.safetensors") + to + "d.png");
  run_on_gpu("filmstrip --steps 2" + model + to + "e.png");
  run_on_gpu("reconstruct --steps 1 --max-images 2" + model + "--data " + (folder_ / "pictures"));
  run_on_gpu("evaluate --eps-error --t 500 --max-images 2" + model + "--data " +
             (folder_ / "pictures"));

  const Outcome on_cpu =
      run_ddim("train --override training.steps=3 --resume " + (folder_ / "parts"));
  EXPECT_EQ(on_cpu.exit_code, 0) << on_cpu.err;
  EXPECT_NE(on_cpu.err.find("the run was on cuda emulation before and is on cpu"),
            std::string::npos)
      << on_cpu.err;
}
#endif

// A checkpoint of accelerate has no schedule; the configuration says it.
TEST_F(Train, BeginsWithACheckpointOfAccelerate) {
  ASSERT_EQ(run_ddim(arguments("first", "--max-steps 1")).exit_code, 0);
  const fs::path checkpoint = folder_ / "theirs/checkpoint-40";
  fs::create_directories(checkpoint);
  fs::copy(folder_ / "first/checkpoints/step-00000001/unet", checkpoint / "unet");
  fs::copy_file("tests/io/torch/adamw.bin", checkpoint / "optimizer.bin");
  const Outcome run = run_ddim(arguments("second", "--init " + checkpoint.string()));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* line : {"init: the schedule is that of the configuration",
                           "init: the optimizer's state is not taken over: ", "it is of Adam ("})
    EXPECT_NE(run.err.find(line), std::string::npos) << run.err;

  const std::string given = "--schedule linear " + checkpoint.string();
  const Outcome info = run_ddim("info " + given);
  EXPECT_NE(info.out.find("training cannot take over the optimizer's state"), std::string::npos)
      << info.out << info.err;
  const Outcome converted = run_ddim("convert " + given + " " + (folder_ / "model"));
  EXPECT_NE(converted.out.find("note: the optimizer's state is left out: "), std::string::npos)
      << converted.out << converted.err;
}

TEST_F(Train, GoesOnWhereItStopped) {
  ASSERT_EQ(run_ddim(arguments("whole", "--threads 1")).exit_code, 0);
  const Outcome part = run_ddim(arguments("parts", "--threads 2 --max-steps 3"));
  ASSERT_EQ(part.exit_code, 0) << part.err;
  EXPECT_NE(part.out.find("step limit reached after step 3"), std::string::npos) << part.out;
  ASSERT_EQ(run_ddim("train --resume " + (folder_ / "parts")).exit_code, 0);
  ASSERT_FALSE(state("whole/checkpoints/step-00000006").empty());
  EXPECT_EQ(state("parts/checkpoints/step-00000006"), state("whole/checkpoints/step-00000006"));
}

TEST_F(Train, WhatWasNotMeasuredIsNoNumber) {
  const Json first = Json::parse(run_ddim(arguments("run", "--json --quiet")).out);
  EXPECT_EQ(first.at("steps_here"), 6);
  EXPECT_GT(first.at("ms_per_image").get<double>(), 0.0);
  const Json again =
      Json::parse(run_ddim("train --json --quiet --resume " + (folder_ / "run")).out);
  EXPECT_EQ(again.at("steps_here"), 0);
  EXPECT_TRUE(again.at("loss").is_null());
  EXPECT_TRUE(again.at("ms_per_image").is_null());
}

TEST_F(Train, TheFolderOfARunIsItsNewestModel) {
  ASSERT_EQ(run_ddim(arguments("run", "--name faces --max-steps 5 --quiet")).exit_code, 0);
  const std::string newest = folder_ / "run/checkpoints/step-00000005";
  const Outcome run = run_ddim("sample --steps 2 --count 1 --model " + (folder_ / "run") +
                               " --out " + (folder_ / "a.png"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("model: " + newest + ", the newest checkpoint\n"), std::string::npos)
      << run.err;
  ASSERT_EQ(
      run_ddim("sample --steps 2 --count 1 --model " + newest + " --out " + (folder_ / "b.png"))
          .exit_code,
      0);
  EXPECT_EQ(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
  const Json info = Json::parse(run_ddim("info --json " + (folder_ / "run")).out);
  EXPECT_EQ(info.at("name"), "faces");
  EXPECT_EQ(info.at("step"), 5);
  // A resumed run keeps its name, and a model made from it has it too.
  ASSERT_EQ(
      run_ddim("train --resume " + (folder_ / "run"), "DDIM_SEED=5 DDIM_DATA=nowhere").exit_code,
      0);  // those are for new runs
  ASSERT_EQ(run_ddim("convert " + (folder_ / "run") + " " + (folder_ / "model")).exit_code, 0);
  const Json converted = Json::parse(run_ddim("info --json " + (folder_ / "model")).out);
  EXPECT_EQ(converted.at("name"), "faces");
}

TEST_F(Train, ShowsHowItGoes) {
  const Outcome run = run_ddim(arguments("run"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("on this machine (6 steps, "), std::string::npos);
  EXPECT_NE(run.err.find("step 6/6, epoch 4.0, loss "), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("(mean of 6), lr 2.0e-4, "), std::string::npos) << run.err;
}

TEST_F(Train, PlotDrawsTheCurvesOfARun) {
  ASSERT_EQ(run_ddim(arguments("run", "--quiet")).exit_code, 0);
  const std::string drawn = read_file(folder_ / "run/loss.svg");
  EXPECT_NE(drawn.find("run: 6 steps, 24 pictures seen"), std::string::npos) << drawn;
  fs::remove(folder_ / "run/loss.svg");
  const Outcome again = run_ddim("plot " + (folder_ / "run"));
  EXPECT_EQ(again.out, (folder_ / "run/loss.svg") + "\n") << again.err;
  EXPECT_EQ(read_file(folder_ / "run/loss.svg"), drawn);
  ASSERT_EQ(run_ddim("plot " + (folder_ / "run") + " --out " + (folder_ / "curves.svg")).exit_code,
            0);
  EXPECT_EQ(read_file(folder_ / "curves.svg"), drawn);

  // An edited configuration is no reason not to draw.
  const std::string config = read_file(folder_ / "run/config.toml");
  write_file(folder_ / "run/config.toml", config + "# a note\n");
  EXPECT_EQ(run_ddim("train --resume " + (folder_ / "run")).exit_code, 4);
  const Outcome edited = run_ddim("plot " + (folder_ / "run"));
  EXPECT_EQ(edited.exit_code, 0) << edited.err;
  EXPECT_EQ(read_file(folder_ / "run/loss.svg"), drawn);
  write_file(folder_ / "run/config.toml", config);

  write_file(folder_ / "curves.svg", "precious");
  const std::string plot = "plot " + (folder_ / "run") + " --out " + (folder_ / "curves.svg");
  const Outcome taken = run_ddim(plot);
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_NE(taken.err.find("--overwrite"), std::string::npos) << taken.err;
  EXPECT_EQ(read_file(folder_ / "curves.svg"), "precious");
  EXPECT_EQ(run_ddim(plot + " --overwrite").exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "curves.svg"), drawn);
  EXPECT_EQ(run_ddim("plot " + (folder_ / "run") + " --overwrite").exit_code, 1);

  EXPECT_EQ(run_ddim("plot " + (folder_ / "run") + " --out " + (folder_ / "a.png")).exit_code, 2);
  const Outcome no_run = run_ddim("plot " + (folder_ / "pictures"));
  EXPECT_EQ(no_run.exit_code, 1);
  EXPECT_NE(no_run.err.find("not the folder of a training run"), std::string::npos) << no_run.err;
  const Outcome unwritable =
      run_ddim("plot " + (folder_ / "run") + " --out " + (folder_ / "no/a.svg"));
  EXPECT_EQ(unwritable.exit_code, 1);
  EXPECT_NE(unwritable.err.find("no does not exist"), std::string::npos) << unwritable.err;
}

TEST_F(Train, WhatIsMissingIsSaidAsForEveryFlag) {
  const std::string config = folder_ / "small.toml";
  for (const auto& [words, missing] : {std::pair{std::string(), "config"},
                                       {config, "--data"},
                                       {config + " --data d", "--out"},
                                       {std::string("--resume"), "--resume needs a value: RUN"}}) {
    const Outcome run = run_ddim("train " + words);
    EXPECT_EQ(run.exit_code, 2) << words;
    EXPECT_NE(run.err.find(missing), std::string::npos) << run.err;
  }
}

TEST_F(Train, ExitsWith3WhenNothingCanBeLearned) {
  std::string config = small_training_config();
  config.replace(config.find("steps = 6"), 9,
                 "steps = 60\nlearning_rate = 1e6\nclip_norm = 0.0\nloss = \"sum\"");
  write_file(folder_ / "small.toml", config);
  ASSERT_EQ(run_ddim(arguments("run", "--max-steps 1")).exit_code, 0);
  const std::string resume = "train --resume " + (folder_ / "run");
  EXPECT_EQ(run_ddim(resume + " --max-steps 3").exit_code, 3);
  EXPECT_EQ(run_ddim(resume + " --max-steps 11").exit_code, 3);
  const Outcome run = run_ddim(resume);
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_NE(run.err.find("lower training.learning_rate"), std::string::npos) << run.err;
}

TEST_F(Train, KeysAreExplained) {
  const Outcome run = run_ddim("train --keys");
  EXPECT_EQ(run.exit_code, 0);
  for (const char* key : {"## [training]", "| `accumulate` | `1` | whole number, 1 to 1024 |",
                          "| `validation` | `0.0` | number, from 0 up to 0.5, or text |"})
    EXPECT_NE(run.out.find(key), std::string::npos) << key;
}

TEST_F(Train, SavesAndLeavesOnSignals) {
  std::string config = small_training_config();
  config.replace(config.find("steps = 6"), 9, "steps = 1000000");
  write_file(folder_ / "small.toml", config);
  const struct {
    int signal;
    int exit_code;
  } cases[] = {{SIGINT, 130}, {SIGTERM, 0}, {SIGUSR1, 0}};
  for (const auto& [signal, exit_code] : cases) {
    const std::string name = "run" + std::to_string(signal);
    const Outcome run = run_ddim_and_signal(
        arguments(name), folder_ / (name + "/checkpoints/step-00000002"), signal);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_NE(run.out.find("interrupted after step"), std::string::npos) << run.out << run.err;
    EXPECT_EQ(run.err.find("--resume") != std::string::npos, signal == SIGINT) << run.err;
  }
}

TEST_F(Train, HowToGoOnIsACommandForAShell) {
  std::string config = small_training_config();
  config.replace(config.find("steps = 6"), 9, "steps = 1000000");
  write_file(folder_ / "small.toml", config);
  const std::string out = folder_ / "it's mine";
  const std::string shown = folder_ / "it'\\''s mine";
  const Outcome run = run_ddim_and_signal("train " + (folder_ / "small.toml") + " --data " +
                                              (folder_ / "pictures") + " --out '" + shown + "'",
                                          out + "/checkpoints/step-00000002", SIGINT);
  EXPECT_NE(run.err.find("ddim train --resume '" + shown + "'\n"), std::string::npos) << run.err;
}

TEST_F(Train, GoesBackToAnEarlierStepAtAnotherRate) {
  std::string config = small_training_config();
  config.replace(config.find("steps = 6"), 9, "steps = 60\nclip_norm = 0.0\nloss = \"sum\"");
  write_file(folder_ / "small.toml", config);
  ASSERT_EQ(run_ddim(arguments("run", "--max-steps 2")).exit_code, 0);
  const std::string resume = "train --resume " + (folder_ / "run");
  const Outcome diverged = run_ddim(resume + " --override training.learning_rate=1e6");
  EXPECT_EQ(diverged.exit_code, 3);
  for (const char* advice : {"--override training.learning_rate=RATE", "--resume-from STEP"})
    EXPECT_NE(diverged.err.find(advice), std::string::npos) << diverged.err;

  const Outcome refused = run_ddim(resume + " --override training.batch=2");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("a run cannot go on with another training.batch"), std::string::npos)
      << refused.err;
  const Outcome missing = run_ddim(resume + " --resume-from 1");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.err.find("there is no checkpoint of step 1"), std::string::npos) << missing.err;
  EXPECT_EQ(run_ddim(arguments("new", "--resume-from 1")).exit_code, 1);
  EXPECT_EQ(run_ddim(arguments("new", "--override training.steps=1")).exit_code, 1);

  const Outcome back = run_ddim(resume +
                                " --resume-from 2 --override training.learning_rate=1e-4 "
                                "--override training.clip_norm=1.0 --max-steps 12");
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_NE(read_file(folder_ / "run/overrides.csv").find("\n2,training.learning_rate,"),
            std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "run/abandoned-1/checkpoints")) << back.err;
}

/// Flips the lowest bit of a byte near the end of a file.
void flip_bit(const std::string& path) {
  std::string text = read_file(path);
  text[text.size() - 8] ^= 1;
  write_file(path, text);
}

// Its weights may be whole, but without its configuration they are nothing.
TEST_F(Train, VerifyReadsTheConfigurationsOfAModel) {
  const std::string model = folder_ / "micro";
  make_micro_model(model);
  const std::string configurations[] = {model + "/model_index.json", model + "/unet/config.json",
                                        model + "/scheduler/scheduler_config.json"};
  const Outcome whole = run_ddim("verify " + model);
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  for (const std::string& file : configurations) {
    EXPECT_NE(whole.out.find("unknown  " + file + " ("), std::string::npos) << whole.out;
    const std::string text = read_file(file);
    write_file(file, text.substr(0, text.size() / 2));
    const Outcome damaged = run_ddim("verify " + model);
    EXPECT_EQ(damaged.exit_code, 4);
    EXPECT_NE(damaged.out.find("damaged  " + file + ": "), std::string::npos) << damaged.out;
    write_file(file, text);
  }
}

TEST_F(Train, VerifyTellsWhatIsWholeAndWhatIsNot) {
  ASSERT_EQ(run_ddim(arguments("run")).exit_code, 0);
  const std::string run = folder_ / "run", checkpoint = run + "/checkpoints/step-00000006";
  const std::string weights = checkpoint + "/unet/diffusion_pytorch_model.safetensors";
  const auto verify = [](const std::string& path) { return run_ddim("verify " + path); };
  const Outcome whole = verify(run);
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  for (const std::string& line : {run + "/config.toml (", checkpoint + "/state.safetensors (",
                                  run + "/checkpoints/step-00000004/unet/config.json ("})
    EXPECT_NE(whole.out.find("whole    " + line), std::string::npos) << line << whole.out;
  EXPECT_NE(verify(weights).out.find("CRC-32 of "), std::string::npos);
  const Outcome unknown = verify(checkpoint + "/state.safetensors");
  EXPECT_EQ(unknown.exit_code, 0);
  EXPECT_EQ(unknown.out.find("unknown  "), 0U) << unknown.out;

  ASSERT_EQ(run_ddim("convert " + run + " " + (folder_ / "model")).exit_code, 0);
  ASSERT_EQ(run_ddim("convert " + run + " " + (folder_ / "x.pth") + " --to official").exit_code, 0);
  for (const std::string& path :
       {weights, folder_ / "x.pth", folder_ / "model/unet/diffusion_pytorch_model.safetensors"})
    flip_bit(path);
  std::string pth = read_file(folder_ / "x.pth");
  flip_bit(folder_ / "x.pth");  // in the directory, which is refused as ever
  pth = read_file(folder_ / "x.pth");
  pth[pth.size() / 2] ^= 1;
  write_file(folder_ / "x.pth", pth);
  for (const std::string& path : {run, checkpoint, weights, folder_ / "x.pth", folder_ / "model"}) {
    const Outcome damaged = verify(path);
    EXPECT_EQ(damaged.exit_code, 4) << path;
    EXPECT_NE(damaged.out.find("damaged  " + (path == run ? checkpoint : path)), std::string::npos)
        << damaged.out;
  }
  EXPECT_NE(run_ddim("verify --json " + run).out.find("\"problem\":\"" + weights),
            std::string::npos);
  EXPECT_EQ(verify(folder_ / "pictures").exit_code, 1);
  EXPECT_EQ(verify(folder_ / "nothing").exit_code, 1);
  const Outcome picture = verify(folder_ / "pictures/0.png");
  EXPECT_EQ(picture.exit_code, 1) << picture.out;
  EXPECT_NE(picture.err.find("0.png: nothing here can be verified: it is no file of weights"),
            std::string::npos)
      << picture.err;

  std::string config = small_training_config();
  config.replace(config.find("steps = 6"), 9, "steps = 7");  // one more than the run has done
  write_file(folder_ / "small.toml", config);
  // Every command that loads a model.
  const std::string sample = "sample --steps 2 --count 1 --model " + run + " --out ";
  for (const std::string& command :
       {sample + (folder_ / "a.png"), "convert " + run + " " + (folder_ / "b"),
        arguments("new", "--init " + run),
        "encode " + (folder_ / "pictures/0.png") + " --steps 2 --model " + run + " --out " +
            (folder_ / "c.safetensors")}) {
    const Outcome refused = run_ddim(command);
    EXPECT_EQ(refused.exit_code, 4) << command << refused.err;
    EXPECT_NE(refused.err.find(weights + ": tensor \""), std::string::npos) << refused.err;
    const Outcome taken = run_ddim(command + " --no-verify");
    EXPECT_EQ(taken.exit_code, 0) << command << taken.err;
  }
}

// tests/golden/runs has a folder made by each version of the format: 1 without health, digest of
// the configuration and machine.txt, 2 with them. Both hold the same training.
TEST_F(Train, RunsOfEveryVersionLoadDrawWhatTheyDrewAndGoOn) {
  fs::copy("tests/golden/runs", folder_ / "runs", fs::copy_options::recursive);
  const Image expected = read_png(folder_ / "runs/picture.png");
  for (const std::string version : {"1", "2"}) {
    const std::string run = folder_ / ("runs/" + version);
    EXPECT_EQ(run_ddim("verify " + run).exit_code, 0);
    ASSERT_EQ(run_ddim("sample --device reference --steps 3 --count 1 --seed 5 --model " + run +
                       " --out " + (folder_ / (version + ".png")))
                  .exit_code,
              0);
    const Image drawn = read_png(folder_ / (version + ".png"));
    ASSERT_EQ(drawn.pixels.size(), expected.pixels.size());
    for (std::size_t i = 0; i < drawn.pixels.size(); ++i)
      EXPECT_NEAR(drawn.pixels[i], expected.pixels[i], 1) << i;

    const std::string resume = "train --resume " + run + " --data " + (folder_ / "runs/data");
    const Outcome resumed = run_ddim(resume + " --max-steps 5");
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    // Made with the lowest instruction set, whose last bits are its own.
    const bool is_elsewhere = run_ddim("--version").out.find("sse4") == std::string::npos;
    const std::string note = "resume: the run was on cpu sse4 before and is on cpu ";
    EXPECT_EQ(resumed.err.find(note) != std::string::npos, version == "2" && is_elsewhere)
        << resumed.err;
    const Outcome again = run_ddim(resume);  // by now it was on this machine
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(again.err.find("the run was on"), std::string::npos) << again.err;
    const std::string metrics = read_file(run + "/metrics.csv");
    for (const char* line : {"\n1,4,1.20585,", "\n4,16,1.2352,", "\n5,20,", "\n6,24,"})
      EXPECT_NE(metrics.find(line), std::string::npos) << metrics;
  }
}

// Wherever the memory ends, for once or for good: a message, no signal, and nothing half made.
TEST_F(Train, EveryFailedAllocationIsACleanError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers have an operator new of their own";
#endif
  make_micro_model(folder_ / "micro");
  const std::string out = folder_ / "out";
  const std::string commands[] = {arguments("out", "--quiet"),
                                  "sample --steps 2 --count 2 --quiet --model " +
                                      (folder_ / "micro") + " --out " + out + ".png",
                                  "info " + (folder_ / "micro"),
                                  "convert " + (folder_ / "micro") + " " + out};
  const std::vector<std::string> before = folder_.list();
  for (const std::string& command : commands) {
    const std::string preload = "LD_PRELOAD='" DDIM_FAILING_NEW "' ";
    ASSERT_EQ(run_ddim(command, preload + "DDIM_COUNT_NEW=" + (folder_ / "count")).exit_code, 0);
    const int total = std::stoi(read_file(folder_ / "count"));
    fs::remove(folder_ / "count");
    ASSERT_GT(total, 1000);
    constexpr int kPlaces = 12;
    for (int i = 0; i < 2 * kPlaces; ++i) {
      fs::remove_all(out);
      fs::remove(out + ".png");
      const std::string n = std::to_string(1 + (total - 1) * (i / 2) / kPlaces + 17 * (i % 2)) +
                            (i % 2 == 1 ? "+" : "");
      const Outcome run = run_ddim(command, preload + "DDIM_FAIL_NEW=" + n);
      if (run.exit_code == 0) continue;  // it did without
      EXPECT_EQ(run.exit_code, 1) << command << ", " << n << ": " << run.err;
      EXPECT_NE(run.err.find("ddim: "), std::string::npos) << run.err;
      fs::remove_all(out);
      fs::remove(out + ".png.partial");  // what --resume goes on from
      EXPECT_EQ(folder_.list(), before) << n;
    }
    fs::remove_all(out);
    fs::remove(out + ".png");
  }
}

}  // namespace
}  // namespace ddim::cli_test
