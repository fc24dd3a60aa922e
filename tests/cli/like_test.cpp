#include <ddim/image.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"
#include "tests/support/noise.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Pictures that are drawn again from the recipe in them.
class Like : public testing::Test {
 protected:
  Like() : model_(folder_ / "micro") {
    make_micro_model(model_);
    write_file(folder_ / "ddim.toml", "[sample]\nsteps = 9\n");
  }

  /// Draws NAME.png, and fails when that fails.
  std::string draw(const std::string& name, const std::string& flags,
                   const std::string& environment = "") const {
    const std::string file = folder_ / (name + ".png");
    const Outcome run =
        run_ddim("sample --model " + model_ + " --out " + file + " " + flags, environment);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return file;
  }

  /// Expects that this cannot be drawn, and that the message says why.
  void refuse(const std::string& flags, int exit_code, const std::string& message) const {
    const Outcome run = run_ddim("sample --out " + (folder_ / "refused.png") + " " + flags);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
    EXPECT_FALSE(fs::exists(folder_ / "refused.png"));
  }

  /// A copy of the picture whose recipe says `value` for `key`.
  std::string forge(const std::string& file, const std::string& key,
                    const std::string& value) const {
    std::map<std::string, std::string> recipe = read_png_text(file);
    recipe[key] = value;
    const std::string forged = folder_ / ("forged-" + key + ".png");
    write_png(forged, read_png(file), {.text = recipe, .overwrite = Overwrite::allow});
    return forged;
  }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Like, DrawsTheSameBytesAgain) {
  const std::vector<std::string> plans = {
      "--steps 4 --count 5 --columns 3 --seed 11 --first-image 7 --eta 0.3 --clip",
      "--steps 5 --count 2 --tau quadratic --sigma-hat --clip=rederive-eps",
      "--steps 3 --count 1 --tau linear-code --seed 18446744073709551615",
      "--tau 0,10,99.5,999 --count 2 --sampler heun",
      "--steps 4 --count 2 --sampler dpmpp-2m --tau trailing --clip --clip-range 0.8",
      "--steps 4 --count 2 --clip=threshold-rederive-eps --threshold 0.9 --threshold-max 2",
      "--steps 4 --count 2 --clip=threshold-keep-eps --final-alpha first",
      "--steps 4 --count 2 --tau diffusers-leading --steps-offset 1",
      "--count 2 --sampler adaptive --tolerance 0.5",
      "--steps 3 --seed 7,1,9 --count 2 --scale 2",
      "--steps 3 --count 2 --size 16x8",
      "--steps 3 --seed 7,1,9 --count 1"};
  for (const std::string& plan : plans) {
    const std::string first = draw("first", plan + " --overwrite");
    const std::string second = folder_ / "second.png";
    const Outcome again = run_ddim("sample --overwrite --like " + first + " --model " + model_ +
                                   " --out " + second + " --batch 3 --threads 2");
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(read_file(second), read_file(first)) << plan;
    EXPECT_NE(again.err.find("the same bytes as " + first), std::string::npos) << again.err;
  }
}

TEST_F(Like, TheRecipeWinsOverTheEnvironmentAndTheFile) {
  const std::string first = draw("first", "--steps 4 --count 2 --eta 1");
  const std::string second =
      draw("second", "--like " + first + " --config " + (folder_ / "ddim.toml"),
           "DDIM_STEPS=7 DDIM_SEED=5");
  EXPECT_EQ(read_file(second), read_file(first));

  // What the recipe does not speak of must not come from elsewhere.
  write_file(folder_ / "last-step.toml", "[sample]\nfinal-alpha = \"first\"\n");
  refuse("--model " + model_ + " --like " + first + " --config " + (folder_ / "last-step.toml"), 1,
         "final_alpha = not set, but final_alpha is now first");
  // What this model cannot take is refused even before, naming where it stands.
  write_file(folder_ / "guided.toml", "[sample]\nguidance = 2.0\n");
  refuse("--model " + model_ + " --like " + first + " --config " + (folder_ / "guided.toml"), 1,
         (folder_ / "guided.toml") + ":2: guidance: this model has no classes");
}

TEST_F(Like, FlagsWinOverTheRecipe) {
  const std::string first = draw("first", "--steps 4 --count 2 --sigma-hat --seed 3");
  const std::string like = "--like " + first;
  EXPECT_EQ(read_file(draw("a", like + " --seed 8")),
            read_file(draw("b", "--steps 4 --count 2 --sigma-hat --seed 8")));
  EXPECT_EQ(read_file(draw("c", like + " --eta 0.5")),  // which sigma-hat cannot go with
            read_file(draw("d", "--steps 4 --count 2 --seed 3 --eta 0.5")));
  EXPECT_EQ(read_file(draw("g", like + " --sampler dpmpp-2m")),  // nor can this
            read_file(draw("h", "--steps 4 --count 2 --seed 3 --sampler dpmpp-2m")));
  EXPECT_EQ(read_file(draw("e", like + " --count 1 --first-image 1")),
            read_file(draw("f", "--steps 4 --sigma-hat --seed 3 --count 1 --first-image 1")));
}

TEST_F(Like, APictureOfAFolderIsTheSameInEveryRun) {
  const auto draw_folder = [&](const std::string& name, const std::string& flags) {
    const Outcome run = run_ddim("sample --model " + model_ + " --steps 3 --eta 1 --out " +
                                 (folder_ / name) + flags);
    EXPECT_EQ(run.exit_code, 0) << run.err;
  };
  draw_folder("three", " --count 3");
  draw_folder("one", " --count 1 --first-image 2");
  const std::string file = folder_ / "three/000002.png";
  EXPECT_EQ(read_file(folder_ / "one/000002.png"), read_file(file));
  EXPECT_EQ(read_file(draw("again", "--like " + file)), read_file(file));
}

TEST_F(Like, TheModelIsKnownByItsWeights) {
  const std::string first = draw("first", "--steps 3 --count 2");
  fs::rename(model_, folder_ / "renamed");
  refuse("--like " + first, 1, "model micro; give its location with --model");
  model_ = folder_ / "renamed";
  EXPECT_EQ(read_file(draw("second", "--like " + first)), read_file(first));

  // Rounded to f16, they are others.
  ASSERT_EQ(run_ddim("convert " + model_ + " " + (folder_ / "half") + " --dtype f16").exit_code, 0);
  refuse("--like " + first + " --model " + (folder_ / "half"), 1, "--other-weights");
  model_ = folder_ / "half";
  const std::string other = draw("other", "--other-weights --like " + first);
  EXPECT_NE(read_png_text(other).at("model_hash"), read_png_text(first).at("model_hash"));
  EXPECT_EQ(read_png_text(other).at("model"), "half");
}

TEST_F(Like, NoiseOfOnesOwnHasToBeGivenAgain) {
  FloatImages noise{.count = 2, .shape = {.channels = 3, .height = 8, .width = 8}};
  noise.values = test::noise(2 * 3 * 64);
  write_tensor(folder_ / "x_T.safetensors", "x_T", noise);
  noise.values[5] += 1.0F;
  write_tensor(folder_ / "other.safetensors", "x_T", noise);
  const std::string first = draw("first", "--steps 3 --noise " + (folder_ / "x_T.safetensors"));
  const std::string like = "--model " + model_ + " --like " + first;
  refuse(like, 1, "--noise");
  refuse(like + " --noise " + (folder_ / "other.safetensors"), 1, "--noise");
  EXPECT_EQ(
      read_file(draw("second", "--like " + first + " --noise " + (folder_ / "x_T.safetensors"))),
      read_file(first));
}

TEST_F(Like, APictureFromAPictureAsksForItAndChecksIt) {
  make_pictures(folder_ / "pictures", 2);
  const std::string init = " --init-image " + (folder_ / "pictures/0.png");
  const std::string first =
      draw("first", "--steps 4 --count 2 --eta 0.5 --init-by encoding" + init);
  EXPECT_EQ(read_png_text(first).at("init_image"), "0.png");
  const std::string like = "--model " + model_ + " --like " + first;
  refuse(like, 1, "was drawn from the picture 0.png; give it again with --init-image");
  refuse(like + " --init-image " + (folder_ / "pictures/1.png"), 1,
         "was drawn from another picture 0.png, or with another --resize: their SHA-256 is ");
  fs::rename(folder_ / "pictures/0.png", folder_ / "pictures/renamed.png");
  const std::string renamed = " --init-image " + (folder_ / "pictures/renamed.png");
  EXPECT_EQ(read_file(draw("second", "--like " + first + renamed)), read_file(first));

  // A mask, and pictures that are fitted.
  write_png(folder_ / "mask.png", {.width = 8, .height = 8, .channels = 1, .pixels = [] {
                                     std::vector<std::uint8_t> half(64, 0);
                                     std::fill(half.begin() + 32, half.end(), 255);
                                     return half;
                                   }()});
  write_png(folder_ / "small.png",
            {.width = 6, .height = 6, .channels = 3, .pixels = std::vector<std::uint8_t>(108, 90)});
  const std::string small = " --init-image " + (folder_ / "small.png");
  const std::string masked =
      draw("masked", "--steps 3 --count 1 --resize pad --mask " + (folder_ / "mask.png") + renamed);
  refuse("--model " + model_ + " --like " + masked + renamed, 1,
         "was drawn from the mask mask.png; give it again with --mask");
  const std::string fitted = draw("fitted", "--steps 3 --count 1 --resize pad" + small);
  EXPECT_EQ(read_file(draw("fitted-again", "--like " + fitted + small)), read_file(fitted));
}

TEST_F(Like, AnInterpolationKnowsItsEndpoints) {
  const auto interpolate = [this](const std::string& flags, const std::string& name) {
    const Outcome run = run_ddim("interpolate --model " + model_ + " --out " +
                                 (folder_ / (name + ".png")) + " " + flags);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return read_file(folder_ / (name + ".png"));
  };
  const auto refused = [this](const std::string& arguments, const std::string& message) {
    const Outcome run =
        run_ddim(arguments + " --model " + model_ + " --out " + (folder_ / "refused.png"));
    EXPECT_EQ(run.exit_code, 1) << run.err;
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
    EXPECT_FALSE(fs::exists(folder_ / "refused.png"));
  };
  const std::string line = folder_ / "line.png";
  const std::string bytes = interpolate("3 24 --steps 4 --frames 5 --eta 0.5", "line");
  EXPECT_EQ(interpolate("--like " + line, "again"), bytes);
  EXPECT_EQ(interpolate("3 7 --like " + line, "other"),
            interpolate("3 7 --steps 4 --frames 5 --eta 0.5", "same"));
  EXPECT_EQ(interpolate("--like " + line + " --frames 3", "short"),
            interpolate("3 24 --steps 4 --frames 3 --eta 0.5", "short-too"));
  refused("sample --like " + line,
          "was drawn by ddim interpolate; redraw it with ddim interpolate");
  const std::string sample = draw("sample", "--steps 2 --count 1");
  refused("interpolate --like " + sample, "was drawn by ddim sample; redraw it with ddim sample");

  make_pictures(folder_ / "pictures", 2);
  const std::string between = folder_ / "between.png";
  const std::string ends = (folder_ / "pictures/0.png") + " 9 --resize";
  const std::string first = interpolate(ends + " --steps 4 --frames 3", "between");
  refused("interpolate --like " + between,
          "between the endpoints 0.png,9; give them again: ddim interpolate 0.png 9 --like");
  refused("interpolate " + (folder_ / "pictures/1.png") + " 9 --like " + between,
          "was drawn between other endpoints, 0.png,9: their SHA-256 is");
  EXPECT_EQ(interpolate((folder_ / "pictures/0.png") + " 9 --like " + between, "b"), first);
}

TEST_F(Like, WithoutMetadataThereIsNoRecipe) {
  const std::string bare = draw("bare", "--steps 3 --count 2 --no-metadata");
  EXPECT_TRUE(read_png_text(bare).empty());
  EXPECT_NE(run_ddim("info " + bare).out.find("contains no recipe"), std::string::npos);
  refuse("--like " + bare, 1, "contains no recipe");
  const std::string first = draw("first", "--steps 3 --count 2");
  EXPECT_EQ(read_png(first).pixels, read_png(bare).pixels);
  const Outcome run = run_ddim("sample --no-metadata --model " + model_ +
                               " --steps 2 --count 1 --out " + (folder_ / "bare"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(read_png_text(folder_ / "bare/000000.png").empty());
}

TEST_F(Like, RefusesWhatItCannotDrawAgain) {
  const std::string first = draw("first", "--steps 3 --count 2");
  const auto like = [&](const std::string& key, const std::string& value) {
    return "--model " + model_ + " --like " + forge(first, key, value);
  };
  refuse(like("steps", "many"), 4, "steps = many");
  refuse(like("seed", "-1"), 4, "seed = -1");
  refuse(like("steps", "1001"), 1, "1001");
  refuse(like("brush", "oil"), 1, "brush = oil");
  refuse(like("size", "9x9x3"), 1, "sample_size (9)");
  refuse(like("size", "8x8x1"), 1, "size = 8x8x1, but size is now 8x8x3");
  refuse(like("size", "large"), 1, "--size");
  refuse(like("tau", "\x1b[31mred"), 4, "?[31mred");
  refuse("--model " + model_ + " --like " + (folder_ / "absent.png"), 5, "absent.png");
  // An older version may have had no word for something that is now said always.
  std::map<std::string, std::string> older = read_png_text(first);
  ASSERT_EQ(older.erase("clip"), 1U);
  write_png(folder_ / "older.png", read_png(first), {.text = older});
  EXPECT_EQ(read_file(draw("newer", "--like " + (folder_ / "older.png"))), read_file(first));
  // A text sets no flag that no recipe has: it may come from anybody.
  for (const char* key : {"pull", "noise", "save_tensors", "overwrite", "threads", "device"})
    refuse(like(key, "true"), 1, std::string("was made with ") + key + " = true, which");
  // What other programs write into a PNG does not matter.
  draw("second", "--like " + forge(first, "date:create", "today"));
}

// What does not go together with the command line gives way to it.
TEST_F(Like, TakesWhatGoesTogetherWithTheCommandLine) {
  const std::string first = draw("first", "--steps 3 --count 4 --eta 0.5 --clip");
  const auto again = [&](const std::string& flags, const std::string& same) {
    EXPECT_EQ(read_png(draw("again", "--overwrite --like " + first + " " + flags)).pixels,
              read_png(draw("same", "--overwrite " + same)).pixels)
        << flags;
  };
  again("--tau 0,5,9", "--tau 0,5,9 --count 4 --eta 0.5 --clip");
  again("--sampler unipc", "--sampler unipc --steps 3 --count 4 --clip");
  again("--sampler ab2", "--sampler ab2 --steps 3 --count 4");  // for which --clip does nothing
  again("--sampler adaptive --tolerance 1 --count 1", "--sampler adaptive --tolerance 1 --count 1");
  again("--as diffusers", "--as diffusers --steps 3 --eta 0.5 --count 4");
  again("--as paper", "--as paper --steps 3 --eta 0.5 --count 4");
  again("--count 9", "--steps 3 --count 9 --eta 0.5 --clip");  // 3 x 3, not 2 columns
  make_pictures(folder_ / "pictures", 1);
  const std::string init = " --init-image " + (folder_ / "pictures/0.png");
  again("--count 1" + init, "--steps 3 --count 1 --eta 0.5 --clip" + init);
  const std::string list = draw("list", "--tau 0,5,9 --count 1");
  EXPECT_EQ(read_png(draw("fewer", "--like " + list + " --steps 2")).pixels,
            read_png(draw("fewer-same", "--steps 2 --count 1")).pixels);
}

TEST_F(Like, SaysWhenThePictureIsNotTheSame) {
  const std::string first = draw("first", "--steps 3 --count 1");
  Image changed = read_png(first);
  changed.pixels[4] = static_cast<std::uint8_t>(changed.pixels[4] ^ 1);
  write_png(folder_ / "changed.png", changed, {.text = read_png_text(first)});
  const Outcome run = run_ddim("sample --model " + model_ + " --like " + (folder_ / "changed.png") +
                               " --out " + (folder_ / "again.png"));
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("1 of 192 values differ"), std::string::npos) << run.err;
}

TEST_F(Like, InfoPrintsTheRecipe) {
  const std::string first = draw("first", "--steps 4 --count 5 --seed 9 --eta 0.25");
  const Json recipe = Json::parse(run_ddim("info --json " + first).out);
  EXPECT_EQ(recipe.at("size"), "8x8x3");
  EXPECT_EQ(recipe.at("columns"), "3");
  EXPECT_EQ(recipe.at("eta"), "0.25");
  EXPECT_EQ(recipe.at("x_T"), "drawn");
  EXPECT_EQ(recipe.at("model_hash").get<std::string>().size(), 64U);
  const std::string table = run_ddim("info " + first).out;
  EXPECT_EQ(table.find("model        micro\nmodel_hash   "), 0U) << table;
  EXPECT_NE(table.find("seed         9\n"), std::string::npos) << table;
}

}  // namespace
}  // namespace ddim::cli_test
