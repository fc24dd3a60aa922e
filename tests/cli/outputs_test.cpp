#include <ddim/image.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Everything here is refused before a model is opened: the model of each command line does not
// exist, and no message says so. The folder @ holds pictures/0.png, x_T.safetensors, taken files
// and a folder.

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

class Requests : public testing::Test {
 protected:
  Requests() {
    make_pictures(folder_ / "pictures", 1);
    write_tensor(folder_ / "x_T.safetensors", "x_T",
                 {.count = 1, .shape = {3, 8, 8}, .values = std::vector<float>(192)});
    for (const char* name : {"taken.png", "taken.safetensors", "taken.webp"})
      write_file(folder_ / name, "precious");
    fs::create_directories(folder_ / "folder.png");
    fs::create_directories(folder_ / "folder.safetensors");
    fs::create_directories(folder_ / "folder.webp");
    fs::create_directories(folder_ / "folder.svg");
  }

  void expect_refused(std::string arguments, std::vector<std::string> parts) {
    replace_all(arguments, "@", folder_.path().string());
    const std::vector<std::string> before = folder_.list();
    const Outcome run = run_ddim(arguments);
    EXPECT_TRUE(run.exit_code == 1 || run.exit_code == 2 || run.exit_code == 5) << arguments;
    EXPECT_EQ(run.out, "");
    for (const char* unseen : {"nowhere", "diffusion_pytorch_model"})
      EXPECT_EQ(run.err.find(unseen), std::string::npos) << arguments << "\n" << run.err;
    for (std::string part : parts) {
      replace_all(part, "@", folder_.path().string());
      EXPECT_NE(run.err.find(part), std::string::npos)
          << arguments << "\nno \"" << part << "\" in: " << run.err;
    }
    EXPECT_EQ(folder_.list(), before) << arguments;
  }

  TemporaryFolder folder_;
};

struct Value {
  const char* arguments;
  std::vector<const char*> message;
};

struct OutputOf {
  const char* command;  ///< without the output
  const char* flag;
  const char* ending;
};

constexpr OutputOf kOutputs[] = {
    {"sample --model @/nowhere --out @/a.png", "--save-tensors", ".safetensors"},
    {"sweep --model @/nowhere", "--out", ".png"},
    {"filmstrip --model @/nowhere", "--out", ".png"},
    {"filmstrip --model @/nowhere --out @/a.png", "--animation", ".webp"},
    {"interpolate 1 2 --model @/nowhere", "--out", ".png"},
    {"interpolate 1 2 --model @/nowhere --out @/a.png", "--animation", ".webp"},
    {"encode @/pictures/0.png --model @/nowhere", "--out", ".safetensors"},
    {"decode @/x_T.safetensors --model @/nowhere", "--out", ".png"},
    {"decode @/x_T.safetensors --model @/nowhere --out @/a.png", "--save-tensors", ".safetensors"},
    {"reconstruct @/pictures/0.png --model @/nowhere", "--out", ".png"},
    {"consistency --model @/nowhere", "--out", ".png"},
};

TEST_F(Requests, OutputsThatCannotBeAreRefusedFirst) {
  for (const auto& [command, flag, ending] : kOutputs) {
    const std::string start = std::string(command) + " " + flag + " ";
    expect_refused(start + "@/taken" + ending, {std::string("@/taken") + ending + " exists"});
    expect_refused(start + "@/folder" + ending, {"is a folder"});
    expect_refused(start + "@/no/a" + ending, {"@/no does not exist"});
    expect_refused(start + "/proc/a" + ending, {"no file can be made in /proc"});
    expect_refused(start + "@/b.jpg", {flag, "must end in", ending, "b.jpg"});
    expect_refused(start + "@/b.PNG", {flag, "must end in", "b.PNG"});
    expect_refused(start + "@/b", {flag, "must end in"});
    expect_refused(start + "-", {flag, "standard output"});
  }
  EXPECT_EQ(read_file(folder_ / "taken.png"), "precious");
}

TEST_F(Requests, OutputsOfSampleAndConvertToo) {
  for (const char* name :
       {"@/taken.png", "@/no/a.png", "/proc/a.png", "/proc/a/b", "@/b.jpg", "@/b.PNG", "-"})
    expect_refused(std::string("sample --model @/nowhere --out ") + name, {name});
  fs::create_symlink("gone.png", folder_ / "dangling.png");
  expect_refused("sample --model @/nowhere --out @/dangling.png",
                 {"@/dangling.png is a link to a file that is not there", "--overwrite"});
  expect_refused("convert @/nowhere /proc/a", {"no file can be made in /proc"});
  expect_refused("convert @/nowhere @/no/a", {"does not exist"});
  expect_refused("convert @/nowhere @/pictures/", {"exists already"});
  expect_refused("convert @/nowhere @/dangling.png", {"@/dangling.png exists already"});
  for (const char* name : {"@/dangling.png/", "@/dangling.png/a"})
    expect_refused(std::string("reproduce --model @/nowhere --data @/pictures --out ") + name,
                   {"cannot be made: @/dangling.png is a link to a folder that is not there"});
}

// Of these the data would be read first: what they hold is no data set, and no message says so.
TEST_F(Requests, OutputsAndValuesOfTrainingAreRefusedFirst) {
  write_file(folder_ / "a.toml", small_training_config());
  write_file(folder_ / "held-out.toml", [config = small_training_config()]() mutable {
    return config.insert(config.find("resolution"), "validation = \"no-such-folder\"\n");
  }());
  fs::create_directories(folder_ / "empty");
  fs::create_symlink("gone", folder_ / "dangling");
  const std::string train = "train @/a.toml --data @/empty ";
  const Value cases[] = {
      {"--out @/pictures", {"@/pictures exists; resume it with --resume @/pictures, or choose"}},
      {"--out @/taken.png", {"--out must be a folder; @/taken.png is a file"}},
      {"--out @/taken.png/run", {"--out @/taken.png/run cannot be made: @/taken.png is a file"}},
      {"--out @/dangling", {"@/dangling is a link to a folder that is not there"}},
      {"--out @/dangling/run", {"@/dangling is a link to a folder that is not there"}},
      {"--out /proc/run", {"no file can be made in /proc"}},
      {"--out @/runs/new --max-steps 0", {"--max-steps must be 1 or greater; got 0"}},
      {"--out @/runs/new --threads -1", {"--threads must be from 0 to 1024; got -1"}},
      {"--out @/runs/new --seed -1", {"--seed must be 0 or greater; got -1"}},
      {"--out @/runs/new --init @/absent", {"@/absent"}},
      {"--out @/runs/new --init @/pictures", {"@/pictures"}},
  };
  for (const Value& value : cases)
    expect_refused(train + value.arguments, {value.message.begin(), value.message.end()});
  expect_refused("train @/a.toml --data @/no --out @/new", {"@/no: no such file"});
  expect_refused("train @/no.toml --data @/empty --out @/new", {"@/no.toml"});
  expect_refused("train @/held-out.toml --data @/empty --out @/new", {"no-such-folder"});
  expect_refused("train --resume @/pictures", {"@/pictures: not the folder of a training run"});
  expect_refused("plot @/pictures --out @/no/a.svg", {"@/no does not exist"});
  expect_refused("plot @/pictures --out @/folder.svg", {"is a folder"});
  expect_refused("plot @/pictures --out /proc/a.svg", {"no file can be made in /proc"});
  expect_refused("plot @/pictures --out @/a.png", {"--out must end with .svg; got @/a.png"});
}

TEST_F(Requests, AnOutputIsNeitherAnInputNorAnotherOutput) {
  expect_refused(
      "decode @/x_T.safetensors --model @/nowhere --overwrite --out @/pictures/../x_T.safetensors",
      {"--out", "is also read"});
  expect_refused(
      "reconstruct @/pictures/0.png --model @/nowhere --overwrite --out @/pictures/0.png",
      {"--out", "is also read"});
  expect_refused(
      "decode @/x_T.safetensors --model @/nowhere --out @/a.safetensors --save-tensors "
      "@/./a.safetensors",
      {"--out and --save-tensors are both"});
  for (const char* input :
       {"--init-image @/pictures/0.png", "--init-image @/x_T.safetensors --mask @/pictures/0.png"})
    expect_refused(
        std::string("sample --model @/nowhere --overwrite --out @/pictures/0.png ") + input,
        {"--out @/pictures/0.png is also read"});
  write_png(folder_ / "like.png", Image{.width = 1, .height = 1, .channels = 1, .pixels = {0}},
            {.text = {{"model", "m"},
                      {"model_hash", std::string(64, 'a')},
                      {"size", "1x1x1"},
                      {"x_T", "drawn"},
                      {"Software", "ddim"}}});
  expect_refused("sample --like @/like.png --model @/nowhere --overwrite --out @/like.png",
                 {"--out @/like.png is also read"});
}

TEST_F(Requests, OverwriteAllowsAFileOnly) {
  const Outcome run =
      run_ddim("decode " + (folder_ / "x_T.safetensors") + " --model " + (folder_ / "nowhere") +
               " --overwrite --out " + (folder_ / "taken.png"));
  EXPECT_NE(run.err.find("nowhere"), std::string::npos) << run.err;  // all else was right
  expect_refused("consistency --model @/nowhere --overwrite --out @/folder.png", {"is a folder"});
}

TEST_F(Requests, ValuesThatCannotBeAreRefusedFirst) {
  const std::string sample = "sample --model @/nowhere --out @/a.png ";
  const Value of_sample[] = {
      {"--steps 0", {"--steps must be 1 or greater; got 0"}},
      {"--count 0", {"--count must be from 1 to 4294967296; got 0"}},
      {"--count 9223372036854775807 --seed 1,2",
       {"--count must be from 1 to 4294967296; got 9223372036854775807"}},
      {"--scale big", {"--scale must be", "big"}},
      {"--steps 1e3", {"--steps", "1e3", "not a whole number"}},
      {"--steps 99999999999999999999", {"--steps", "too large"}},
      {"--tau 5,3", {"3 comes after 5"}},
      {"--tau -1,5", {"-1 is no step"}},
      {"--tau 5,9 --steps 2", {"leave out --steps"}},
      {"--eta -1", {"--eta must be 0 or greater; got -1"}},
      {"--eta nan", {"--eta must be 0 or greater; got nan"}},
      {"--eta 1 --sigma-hat", {"--eta and --sigma-hat"}},
      {"--sampler euler --clip", {"--clip", "euler"}},
      {"--clip hard", {"--clip", "hard", "keep-eps"}},
      {"--clip --clip-range 0", {"--clip-range must be greater than 0; got 0"}},
      {"--clip threshold-keep-eps --threshold 2", {"--threshold", "at most 1"}},
      {"--clip threshold-keep-eps --threshold-max 0.5", {"--threshold-max", "1 or greater"}},
      {"--sampler adaptive --tolerance 0", {"--tolerance must be greater than 0"}},
      {"--columns 0", {"--columns must be 1 or greater"}},
      {"--first-image -1", {"--first-image must be 0 or greater; got -1\n"}},
      {"--seed -1", {"--seed must be 0 or greater; got -1\n"}},
      {"--batch 0", {"--batch must be 1 or greater; got 0"}},
      {"--threads 100000", {"--threads must be from 0 to 1024; got 100000"}},
      {"--guidance -1", {"--guidance must be 0 or greater"}},
      {"--seed 1,x", {"--seed", "\"x\" is not a whole number"}},
      {"--seed 1,5,1", {"--seed: 1 is given twice"}},
      {"--guidance 1,-2", {"--guidance must be 0 or greater; got -2"}},
      {"--seed 1,2 --count 8 --columns 3", {"--columns must divide", "got 3 for 8 pictures"}},
      {"--precision fp8", {"--precision", "fp8", "fp32, bf16"}},
      {"--other-weights", {"--other-weights needs --like"}},
      {"--resize", {"--resize needs --init-image"}},
      {"--strength 0.5", {"--strength needs --init-image"}},
      {"--init-image @/pictures/0.png --strength 2", {"--strength", "at most 1", "got 2"}},
      {"--init-image @/no.png", {"@/no.png"}},
      {"--noise @/no.safetensors", {"@/no.safetensors"}},
  };
  for (const Value& value : of_sample)
    expect_refused(sample + value.arguments, {value.message.begin(), value.message.end()});

  const Value others[] = {
      {"filmstrip --frames 1 --model @/nowhere --out @/a.png",
       {"--frames must be from 2 to 10000; got 1"}},
      {"filmstrip --count 0 --model @/nowhere --out @/a.png", {"--count", "got 0"}},
      {"filmstrip --frame-ms 100 --model @/nowhere --out @/a.png",
       {"--frame-ms needs --animation"}},
      {"filmstrip --sampler adaptive --model @/nowhere --out @/a.png",
       {"--sampler adaptive takes other steps for each picture", "choose another sampler"}},
      {"filmstrip --as paper --clip --model @/nowhere --out @/a.png", {"--as paper and --clip"}},
      {"filmstrip --like @/no.png --model @/nowhere --out @/a.png", {"@/no.png"}},
      {"interpolate 1 2 3 --model @/nowhere --out @/a.png", {"got 3", "two", "four"}},
      {"interpolate 1 two --model @/nowhere --out @/a.png", {"two", ".png"}},
      {"interpolate 1 2 --frames 1 --model @/nowhere --out @/a.png", {"--frames", "got 1"}},
      {"interpolate 1 2 --frame-ms 100 --model @/nowhere --out @/a.png",
       {"--frame-ms needs --animation"}},
      {"interpolate 1 2 --animation @/a.webp --frame-ms 1 --model @/nowhere --out @/a.png",
       {"--frame-ms must be from 10 to 10000; got 1"}},
      {"interpolate 1 @/no.png --model @/nowhere --out @/a.png", {"@/no.png: no such file"}},
      {"encode @/no.png --model @/nowhere --out @/c.safetensors", {"@/no.png: no such file"}},
      {"encode @/pictures/0.png --split train --model @/nowhere --out @/c.safetensors",
       {"--split needs --data"}},
      {"encode @/pictures/0.png --max-images 3 --model @/nowhere --out @/c.safetensors",
       {"--max-images needs --data"}},
      {"encode @/pictures/0.png --data @/pictures --model @/nowhere --out @/c.safetensors",
       {"pictures and --data cannot be used together"}},
      {"encode @/pictures/0.png --tau 9,5 --model @/nowhere --out @/c.safetensors",
       {"5 comes after 9"}},
      {"decode @/no.safetensors --model @/nowhere --out @/a.png", {"@/no.safetensors"}},
      {"decode @/x_T.safetensors --columns 2 --model @/nowhere --out @/a.npz", {"--columns"}},
      {"reconstruct @/pictures/0.png --steps 5,0 --model @/nowhere",
       {"--steps must be 1 or greater; got 0"}},
      {"reconstruct --data @/no --model @/nowhere", {"@/no: no such file"}},
      {"sweep --steps 0 --model @/nowhere --out @/a.png", {"--steps", "got 0"}},
      {"sweep --sampler eular --model @/nowhere --out @/a.png",
       {"--sampler", "did you mean euler?"}},
      {"consistency --reference 0 --model @/nowhere --out @/a.png", {"--reference", "got 0"}},
      {"consistency --count 0 --model @/nowhere --out @/a.png", {"--count", "got 0"}},
      {"evaluate --eps-error --data @/no --model @/nowhere", {"@/no: no such file"}},
      {"evaluate --eps-error --data @/pictures --t -1 --model @/nowhere", {"--t", "got -1"}},
      {"evaluate --eps-error --data @/pictures --max-images 0 --model @/nowhere",
       {"--max-images", "got 0"}},
      {"bench @/nowhere --batch 0", {"--batch", "got 0"}},
      {"bench @/nowhere --repetitions 0", {"--repetitions", "got 0"}},
      {"bench @/nowhere --threads -1", {"--threads must be from 0 to 1024; got -1"}},
      {"plan --T 0", {"--T must be 1 or greater; got 0"}},
      {"convert @/nowhere @/half --dtype f64", {"--dtype", "f64"}},
  };
  for (const Value& value : others)
    expect_refused(value.arguments, {value.message.begin(), value.message.end()});
}

// Of what depends on the model, its configuration is enough: the weights of these models are
// missing or no weights, and no message says so.
class RequestsOfAModel : public Requests {
 protected:
  RequestsOfAModel() {
    make_micro_model(folder_ / "missing");
    fs::remove(folder_ / ("missing" + std::string(kWeights)));
    copy_with("garbage", {});
    write_file(folder_ / ("garbage" + std::string(kWeights)), "no weights");
    copy_with("classes", {{"num_class_embeds", 10}});
    copy_with("five", {{"in_channels", 5}, {"out_channels", 5}});
    write_tensor(folder_ / "grey.safetensors", "x_T",
                 {.count = 1, .shape = {1, 8, 8}, .values = std::vector<float>(64, 1.0F)});
  }

  /// A copy of the model without weights whose unet/config.json says this.
  void copy_with(const std::string& name, const Json& changes) const {
    fs::copy(folder_ / "missing", folder_ / name, fs::copy_options::recursive);
    Json config = Json::parse(read_file(folder_ / (name + "/unet/config.json")));
    config.update(changes.is_null() ? Json::object() : changes);
    write_file(folder_ / (name + "/unet/config.json"), config.dump());
  }

  static constexpr const char* kWeights = "/unet/diffusion_pytorch_model.safetensors";
};

TEST_F(RequestsOfAModel, ValuesThatItCannotTakeAreRefusedBeforeItsWeightsAreLoaded) {
  const std::vector<const char*> no_classes = {"--class: this model has no classes"};
  const std::vector<const char*> no_guidance = {"--guidance: this model has no classes"};
  const std::vector<const char*> above_T = {"--steps must be", "1000", "1001"};
  const std::vector<const char*> other_shape = {"8x8x1", "8x8x3"};
  const Value of_any[] = {
      {"sample --out @/a.png --steps 1001", above_T},
      {"filmstrip --out @/a.png --steps 1001", above_T},
      {"filmstrip --out @/a.png --class 1", no_classes},
      {"sample --out @/a.png --tau 5,1000", {"1000 is no step", "0 to 999"}},
      {"sample --out @/a.png --tau diffusers-leading --steps 1000 --steps-offset 1", {"999"}},
      {"sample --out @/a.png --sampler ddpm-learned", {"ddpm-learned", "variance"}},
      {"sample --out @/a.png --class 3", no_classes},
      {"sample --out @/a.png --class cat", {"--class cat: this model has no classes"}},
      {"sample --out @/a.png --guidance 2", no_guidance},
      {"sample --out @/a.png --guidance 1,2", no_guidance},
      {"sample --out @/a.png --null-class 1", {"--null-class: this model has no classes"}},
      {"sample --out @/a.png --noise @/grey.safetensors", other_shape},
      {"sample --out @/a.png --size 16 --noise @/x_T.safetensors", {"8x8x3", "16x16x3"}},
      {"sample --out @/a.png --count 3 --noise @/x_T.safetensors",
       {"x_T.safetensors holds 1 picture, but --count is 3"}},
      {"sample --out @/a.png --size 16 --init-image @/pictures/0.png",
       {"--resize: @/pictures/0.png has 8x8", "16x16"}},
      {"sample --out @/a.png --init-image @/pictures/0.png --steps 10 --strength 0.04",
       {"--strength: 0.04 of 10 steps"}},
      {"sample --out @/a.png --T 20 --steps 21", {"--steps must be", "20", "21"}},
      {"sample --out @/a.png --device reference --precision bf16", {"bf16"}},
      {"sweep --out @/a.png --steps 10,1001", above_T},
      {"sweep --out @/a.png --guidance 1,2", no_guidance},
      {"sweep --out @/a.png --class 1", no_classes},
      {"interpolate 1 2 --out @/a.png --steps 1001", above_T},
      {"interpolate 1 2 --out @/a.png --guidance 3", no_guidance},
      {"interpolate 1 @/grey.safetensors --out @/a.png", other_shape},
      {"interpolate @/x_T.safetensors --out @/a.png", {"two endpoints", "got 1"}},
      {"interpolate 1 @/pictures/0.png --size 16 --out @/a.png", {"--resize", "8x8", "16x16"}},
      {"interpolate 1 2 --frames 10000 --size 4096 --out @/a.png", {"too large for a PNG"}},
      {"encode @/pictures/0.png --out @/c.safetensors --steps 1001", above_T},
      {"encode @/pictures/0.png --out @/c.safetensors --class 3", no_classes},
      {"encode @/pictures/0.png --out @/c.safetensors --size 16", {"--resize", "8x8", "16x16"}},
      {"decode @/x_T.safetensors --out @/a.png --steps 1001", above_T},
      {"decode @/x_T.safetensors --out @/a.png --guidance 2", no_guidance},
      {"decode @/grey.safetensors --out @/a.png", other_shape},
      {"reconstruct @/pictures/0.png --steps 10,1001", above_T},
      {"reconstruct @/pictures/0.png --class 0", no_classes},
      {"reconstruct @/pictures/0.png --size 16", {"--resize", "8x8", "16x16"}},
      {"consistency --out @/a.png --steps 2,1001", above_T},
      {"consistency --out @/a.png --reference 1001", {"1000", "1001"}},
      {"consistency --out @/a.png --guidance 2", no_guidance},
      {"evaluate --eps-error --data @/pictures --t 1000", {"--t must be from 0 to 999", "1000"}},
      {"evaluate --eps-error --data @/pictures --max-images 1",
       {"--max-images must be 2 or greater", "got 1"}},
      {"evaluate @/pictures --shrink --count 100 --steps 1001", above_T},
      {"evaluate @/pictures --shrink --count 100 --guidance 2", no_guidance},
      {"plan --steps 1001", above_T},
      {"plan --tau 5,1000", {"1000 is no step"}},
  };
  for (const char* model : {"missing", "garbage"})
    for (const Value& value : of_any)
      expect_refused(std::string(value.arguments) + " --model @/" + model,
                     {value.message.begin(), value.message.end()});

  const Value of_classes[] = {
      {"sample --out @/a.png --class 10", {"--class: 10 does not exist", "0 to 9"}},
      {"sample --out @/a.png", {"--class: this model has classes; choose one of 0 to 9"}},
      {"sample --out @/a.png --class cat", {"\"cat\" is not a number", "0 to 9"}},
      {"sample --out @/a.png --class 1 --guidance 2", {"--guidance", "null class"}},
      {"sample --out @/a.png --class 1 --null-class 10", {"--null-class: 10 does not exist"}},
      {"sweep --out @/a.png --class 1,10", {"--class: 10 does not exist"}},
      {"interpolate 1 2 --out @/a.png --class 10", {"--class: 10 does not exist"}},
      {"encode @/pictures/0.png --out @/c.safetensors", {"--class: this model has classes"}},
      {"decode @/x_T.safetensors --out @/a.png --class 10", {"--class: 10 does not exist"}},
      {"reconstruct @/pictures/0.png --class 10", {"--class: 10 does not exist"}},
      {"consistency --out @/a.png", {"--class: this model has classes"}},
      {"evaluate @/pictures --shrink --count 100 --class 10", {"--class: 10 does not exist"}},
  };
  for (const Value& value : of_classes)
    expect_refused(std::string(value.arguments) + " --model @/classes",
                   {value.message.begin(), value.message.end()});

  for (const char* command :
       {"sample --out @/a.png", "sample --out @/folder", "sweep --out @/a.png",
        "interpolate 1 2 --out @/a.png", "consistency --out @/a.png"})
    expect_refused(std::string(command) + " --model @/five", {"--out", "1 to 4 channels", "5"});
  expect_refused("interpolate 1 2 --out @/a.npz --animation @/a.webp --model @/five",
                 {"--animation", "1 to 4 channels", "5"});
}

TEST_F(RequestsOfAModel, ThatCanBeNeedItsWeights) {
  for (const char* model : {"missing", "garbage"}) {
    const std::string of_model = " --model " + (folder_ / model);
    const Outcome drawn = run_ddim("sample --steps 2 --out " + (folder_ / "a.png") + of_model);
    EXPECT_NE(drawn.exit_code, 0);
    EXPECT_NE(drawn.err.find("diffusion_pytorch_model"), std::string::npos) << drawn.err;
    EXPECT_EQ(run_ddim("plan --steps 5" + of_model).exit_code, 0);  // never
  }
}

TEST_F(Requests, AGridTooLargeForAPngIsRefusedBeforeAnythingIsDrawn) {
  make_micro_model(folder_ / "micro");
  expect_refused("consistency --steps 2 --count 5000000 --model @/micro --out @/a.png",
                 {"a grid of 10000000 pictures of 8x8", "too large for a PNG"});
  expect_refused("filmstrip --steps 1 --count 5000000 --model @/micro --out @/a.png",
                 {"a grid of 20000000 pictures of 8x8", "too large for a PNG"});
}

// Every command prints something, and says so when it is lost; its files are there all the same.
TEST_F(Requests, ALostStandardOutputIsAnError) {
  make_micro_model(folder_ / "micro");
  write_file(folder_ / "small.toml", small_training_config());
  const char* const commands[] = {
      "--help",
      "--version",
      "help sample",
      "sample --help-all",
      "train --keys",
      "completion zsh",
      "help sample --man",
      "models",
      "plan --steps 5",
      "plan --steps 1000",
      "plan --steps 5 --json",
      "info @/micro",
      "info @/pictures/0.png",
      "sample --model @/micro --steps 2 --count 1 --out @/sample.png",
      "sample --model @/micro --steps 2 --count 1 --json --out @/sample.npz",
      "sweep --model @/micro --steps 2 --count 1 --out @/sweep.png",
      "filmstrip --model @/micro --steps 2 --out @/film.png",
      "interpolate 1 2 --model @/micro --steps 2 --frames 2 --out @/line.png",
      "encode @/pictures/0.png --model @/micro --steps 2 --out @/code.safetensors",
      "decode @/code.safetensors --model @/micro --out @/decoded.png",
      "reconstruct @/pictures/0.png --model @/micro --steps 2 --out @/rows.png",
      "consistency --model @/micro --steps 2 --reference 3 --count 1 --out @/steps.png",
      "train @/small.toml --data @/set --out @/run --max-steps 1",
      "plot @/run --out @/loss.svg",
      "convert @/micro @/half --dtype f16",
      "evaluate --eps-error --data @/set --split train --t 900 --model @/micro",
      "bench @/micro --repetitions 1",
  };
  make_pictures(folder_ / "set", 4);
  for (std::string command : commands) {
    replace_all(command, "@", folder_.path().string());
    const Outcome run = run_ddim(command, "", "/dev/full");
    EXPECT_EQ(run.exit_code, 5) << command << "\n" << run.err;
    EXPECT_NE(run.err.find("standard output: cannot be written: No space left on device"),
              std::string::npos)
        << command << "\n"
        << run.err;
    EXPECT_EQ(run.err.find("internal error"), std::string::npos) << command;
  }
  for (const char* made :
       {"sample.png", "sample.npz", "sweep.png", "film.png", "line.png", "code.safetensors",
        "decoded.png", "rows.png", "steps.png", "loss.svg", "half"})
    EXPECT_TRUE(fs::exists(folder_ / made)) << made;

  // What is told besides may be lost, and a closed stream is never a file that was opened.
  const std::string sample = "sample --model " + (folder_ / "micro") + " --steps 2 --count 1 ";
  EXPECT_EQ(std::system((std::string("'" DDIM_PROGRAM "' ") + sample + "--out " +
                         (folder_ / "a.png") + " >/dev/null 2>/dev/full")
                            .c_str()),
            0);
  EXPECT_NE(std::system((std::string("'" DDIM_PROGRAM "' ") + sample + "--out " +
                         (folder_ / "b.png") + " >&- 2>&-")
                            .c_str()),
            0);
  EXPECT_EQ(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
}

}  // namespace
}  // namespace ddim::cli_test
