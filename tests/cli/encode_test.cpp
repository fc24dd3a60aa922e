#include <ddim/encode.h>
#include <ddim/model.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class EncodeCommands : public testing::Test {
 protected:
  EncodeCommands() : model_(" --quiet --model " + (folder_ / "micro")) {
    make_micro_model(folder_ / "micro");
    make_pictures(folder_ / "pictures", 3);
  }
  std::string picture(int k) const { return folder_ / ("pictures/" + std::to_string(k) + ".png "); }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(EncodeCommands, DecodeGoesBackTheWayThatEncodeCame) {
  const std::string codes = folder_ / "codes.safetensors";
  const Outcome encoded = run_ddim("encode " + picture(0) + picture(2) +
                                   "--steps 4 --tau quadratic --out " + codes + model_);
  ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
  EXPECT_NE(encoded.out.find("2 codes, 4 network calls"), std::string::npos) << encoded.out;
  EXPECT_EQ(read_codes(codes).x_T.count, 2);

  const Outcome decoded = run_ddim("decode " + codes + " --out " + (folder_ / "a.png") +
                                   " --save-tensors " + (folder_ / "a.safetensors") + model_);
  ASSERT_EQ(decoded.exit_code, 0) << decoded.err;
  EXPECT_EQ(decoded.err, "");
  const Samples expected = decode(Model::load(folder_ / "micro"), read_codes(codes));
  EXPECT_EQ(read_tensor(folder_ / "a.safetensors", "x_0").values, expected.x_0.values);
  // What the environment says is for pictures that are drawn anew.
  const Outcome again =
      run_ddim("decode " + codes + " --json --out " + (folder_ / "c.png") + model_, "DDIM_STEPS=3");
  EXPECT_EQ(Json::parse(again.out).at("nfe"), 4) << again.err;
  EXPECT_TRUE(fs::exists(folder_ / "a.png"));

  // Other steps when asked to; a warning with --clip.
  const Outcome other = run_ddim("decode " + codes + " --steps 2 --clip --json --out " +
                                 (folder_ / "b.png") + model_);
  EXPECT_EQ(Json::parse(other.out).at("nfe"), 2);
  EXPECT_NE(other.err.find("--clip"), std::string::npos) << other.err;
}

TEST_F(EncodeCommands, CodesOfAnotherModelAreRefusedUnlessAskedFor) {
  const std::string codes = folder_ / "codes.safetensors ";
  ASSERT_EQ(run_ddim("encode " + picture(0) + "--steps 2 --out " + codes + model_).exit_code, 0);
  // Rounded to f16, they are other weights.
  const std::string half = folder_ / "half";
  ASSERT_EQ(run_ddim("convert " + (folder_ / "micro") + " " + half + " --dtype f16").exit_code, 0);
  const std::string hash = Model::load(folder_ / "micro").weights_hash().substr(0, 12);
  const std::string other = Model::load(half).weights_hash().substr(0, 12);
  for (const std::string& command :
       {"decode " + codes, "interpolate 7 " + codes + "--frames 2 --steps 2 ",
        "sample --steps 2 --noise " + codes}) {
    const std::string out = "--overwrite --out " + (folder_ / "drawn.png");
    EXPECT_EQ(run_ddim(command + out + model_).exit_code, 0) << command;
    const std::string elsewhere = command + out + " --quiet --model " + half;
    const Outcome refused = run_ddim(elsewhere);
    EXPECT_EQ(refused.exit_code, 1) << command;
    for (const std::string& word : {"codes.safetensors: were made by the weights " + hash,
                                    "of half are " + other, std::string("--other-weights")})
      EXPECT_NE(refused.err.find(word), std::string::npos) << refused.err;
    const Outcome asked = run_ddim(elsewhere + " --other-weights");
    EXPECT_EQ(asked.exit_code, 0) << asked.err;
  }
  const Outcome idle = run_ddim("interpolate 7 8 --other-weights --overwrite --out " +
                                (folder_ / "drawn.png") + model_);
  EXPECT_NE(idle.err.find("--other-weights needs --like, or codes"), std::string::npos) << idle.err;

  // The steps of codes are not those of --tau, which nobody gave.
  const Outcome steps =
      run_ddim("decode " + codes + "--T 500 --overwrite --out " + (folder_ / "drawn.png") + model_);
  EXPECT_EQ(steps.exit_code, 1);
  EXPECT_NE(steps.err.find("codes: were made with the step"), std::string::npos) << steps.err;
  EXPECT_EQ(steps.err.find("--tau"), std::string::npos) << steps.err;
}

TEST_F(EncodeCommands, TakeDataSetsAndMakePicturesFit) {
  const std::string flags = "--max-images 2 --steps 2 --json --out " + (folder_ / "c.safetensors");
  const Outcome run = run_ddim("encode --data " + (folder_ / "pictures") + " " + flags + model_);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("images"), 2);
  EXPECT_EQ(result.at("residual"), 0.0);
  EXPECT_TRUE(result.contains("kurtosis"));
}

TEST_F(EncodeCommands, BarsSayWhatTheyShow) {
  for (const int columns : {40, 60, 100}) {
    const auto expect_shown = [&](const std::string& arguments, const std::string& label) {
      const std::string shown =
          run_ddim_in_terminal(arguments + " --model " + (folder_ / "micro"), columns);
      EXPECT_NE(shown.find("100%  " + label), std::string::npos) << columns << ":\n" << shown;
    };
    const std::string out = " --overwrite --out " + (folder_ / "bars.png");
    expect_shown("reconstruct --steps 2 " + picture(0), "S = 2, encoding");
    expect_shown("reconstruct --steps 2 " + picture(0), "S = 2, decoding");
    expect_shown("consistency --steps 2 --reference 3 --count 1" + out, "S = 3");
    expect_shown("sweep --steps 2,3 --eta 0,1 --count 1" + out, "eta = 1, S = 3");
    expect_shown("interpolate 1 " + picture(0) + "--steps 2 --frames 2" + out, "encoding 0.png");
  }
}

TEST_F(EncodeCommands, DequantiseChangesTheCodesAndTheTable) {
  const auto variance = [&](const std::string& flags) {
    const Outcome run = run_ddim("encode " + picture(0) + "--steps 2 --json --overwrite --out " +
                                 (folder_ / "c.safetensors") + flags + model_);
    return Json::parse(run.out).at("variance").get<double>();
  };
  EXPECT_EQ(variance(" --dequantise none"), variance(""));
  EXPECT_NE(variance(" --dequantise uniform"), variance(""));
  EXPECT_NE(variance(" --dequantise gaussian"), variance(" --dequantise uniform"));

  const auto error = [&](const std::string& flags) {
    const Outcome run = run_ddim("reconstruct " + picture(0) + "--steps 2 --json" + flags + model_);
    return Json::parse(run.out).at("table")[0].at("mean_squared_error").get<double>();
  };
  EXPECT_NE(error(" --dequantise gaussian"), error(""));
}

// Nobody said how many steps: as many as the model has.
TEST_F(EncodeCommands, DefaultStepsAreThoseThatTheModelHas) {
  const std::string codes = folder_ / "codes.safetensors";
  for (const std::string& command :
       {"encode " + picture(0) + "--out " + codes,
        "interpolate 7 " + picture(0) + "--frames 2 --out " + (folder_ / "a.png"),
        "sample --count 1 --out " + (folder_ / "b.png"), "filmstrip --out " + (folder_ / "c.png"),
        "sample --sampler adaptive --tolerance 10 --init-image " + picture(0) + "--out " +
            (folder_ / "d.png")}) {
    const Outcome run = run_ddim(command + " --T 12 --json" + model_);
    ASSERT_EQ(run.exit_code, 0) << command << run.err;
    if (command.find("adaptive") == std::string::npos) {
      EXPECT_GE(Json::parse(run.out).at("nfe"), 11) << command;  // none leads from t = 0 to it
    }
  }
  const Json table =
      Json::parse(run_ddim("reconstruct " + picture(0) + "--T 12 --json" + model_).out).at("table");
  ASSERT_EQ(table.size(), 2U);
  EXPECT_EQ(table[1].at("steps"), 12);
  // At most as many as the reference, which has a row of its own.
  const Json rows = Json::parse(run_ddim("consistency --reference 20 --count 1 --json --out " +
                                         (folder_ / "e.png") + model_)
                                    .out)
                        .at("distances");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("steps"), 10);
  EXPECT_NE(run_ddim("sample --T 12 --steps 13 --out " + (folder_ / "f.png") + model_).exit_code,
            0);
}

TEST_F(EncodeCommands, MemoryLowNeverChangesTheCodes) {
  const auto codes = [&](const std::string& flags) {
    const std::string out = folder_ / "c.safetensors";
    const Outcome run = run_ddim(
        "encode docs/pictures/shirt.png --resize=pad --steps 1 "
        "--overwrite --out " +
        out + flags + " --model models/fashion-mnist");
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return read_codes(out).x_T.values;
  };
  EXPECT_EQ(codes(" --memory low"), codes(""));
}

TEST_F(EncodeCommands, ReconstructPrintsTheTableAndDrawsIt) {
  const std::string run = "reconstruct " + picture(0) + picture(1) + "--steps 2,10 " + model_;
  const Outcome table = run_ddim(run + " --out " + (folder_ / "r.png"));
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_NE(table.out.find("0.014"), std::string::npos) << table.out;  // the paper's S = 10
  EXPECT_NE(table.out.find('#'), std::string::npos) << table.out;
  const Image grid = read_png(folder_ / "r.png");  // labels, 2 columns; pictures, 2 and 10 steps
  EXPECT_EQ(grid.width, 64 + 2 * 10 + 2);
  EXPECT_EQ(grid.height, 3 * 10 + 2);

  const Json result = Json::parse(run_ddim(run + " --json").out);
  EXPECT_EQ(result.at("images"), 2);
  EXPECT_EQ(result.at("table")[1].at("paper"), 0.014);
  EXPECT_EQ(result.at("table")[1].at("nfe"), 20.0);
  EXPECT_FALSE(result.at("table")[0].contains("paper"));
}

TEST_F(EncodeCommands, InterpolateTakesSeedsCodesAndPicturesTogether) {
  const std::string codes = folder_ / "codes.safetensors";
  ASSERT_EQ(run_ddim("encode " + picture(0) + "--steps 3 --out " + codes + model_).exit_code, 0);
  const Outcome line = run_ddim("interpolate 7 " + codes + " --steps 3 --frames 4 --out " +
                                (folder_ / "line.png") + model_);
  ASSERT_EQ(line.exit_code, 0) << line.err;
  const Image picture_of_line = read_png(folder_ / "line.png");
  EXPECT_EQ(picture_of_line.width, 4 * 10 + 2);
  EXPECT_EQ(picture_of_line.height, 10 + 2);
  // Its first picture is the one of the seed.
  ASSERT_EQ(run_ddim("sample --seed 7 --count 1 --steps 3 --out " + (folder_ / "seed") + model_)
                .exit_code,
            0);
  const Image of_seed = read_png(folder_ / "seed/000000.png");
  for (std::size_t i = 0; i < 8 * 3; ++i)
    EXPECT_EQ(picture_of_line.pixels[(2 * 42 + 2) * 3 + i], of_seed.pixels[i]);

  const Outcome grid = run_ddim("interpolate 7 " + codes + " " + picture(1) +
                                "8 --steps 2 --frames 3 --out " + (folder_ / "grid.png") + model_);
  ASSERT_EQ(grid.exit_code, 0) << grid.err;
  EXPECT_EQ(read_png(folder_ / "grid.png").height, 3 * 10 + 2);

  // An enlarged one says the positions: above the columns, and before the rows where there are any.
  const std::string enlarged = " --steps 2 --frames 3 --scale 4 --out " + (folder_ / "large.png");
  ASSERT_EQ(run_ddim("interpolate 7 8" + enlarged + model_).exit_code, 0);
  const Image columns = read_png(folder_ / "large.png");
  EXPECT_EQ(columns.width, 3 * 34 + 2);
  EXPECT_GT(columns.height, 34 + 2);
  ASSERT_EQ(run_ddim("interpolate 7 8 9 10 --overwrite" + enlarged + model_).exit_code, 0);
  const Image both = read_png(folder_ / "large.png");
  EXPECT_GT(both.width, 3 * 34 + 2);
  EXPECT_EQ(both.height - columns.height, 2 * 34);
}

TEST_F(EncodeCommands, ConsistencyDrawsARowForEachNumberOfSteps) {
  const Outcome run = run_ddim("consistency --steps 2,3 --reference 5 --count 2 --json --out " +
                               (folder_ / "c.png") + model_);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("reference_steps"), 5);
  EXPECT_EQ(result.at("distances").size(), 2U);
  EXPECT_GT(result.at("distances")[0].at("distance"), 0.0);
  EXPECT_EQ(read_png(folder_ / "c.png").height, 3 * 10 + 2);
}

TEST_F(EncodeCommands, ConsistencyOfAModelWithFewStepsTakesNoMore) {
  const std::string command =
      "consistency --T 60 --count 2 --json --overwrite --out " + (folder_ / "c.png") + model_;
  const Outcome run = run_ddim(command);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("reference_steps"), 60);
  EXPECT_EQ(result.at("distances").size(), 3U);  // 10, 20, 50
  EXPECT_EQ(run_ddim(command + " --steps 1,2,3").exit_code, 0);
  const Outcome refused = run_ddim(command + " --reference 100");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("--reference must be between 1 and 60"), std::string::npos)
      << refused.err;
}

TEST_F(EncodeCommands, ConsistencyHasNoIntervalOfOnePicture) {
  const std::string command = "consistency --steps 2 --reference 3 --count 1 --overwrite --out " +
                              (folder_ / "c.png") + model_;
  const Json result = Json::parse(run_ddim(command + " --json").out);
  EXPECT_GT(result.at("distances")[0].at("distance"), 0.0);
  EXPECT_TRUE(result.at("distances")[0].at("half_width_95").is_null());
  const std::string table = run_ddim(command).out;
  EXPECT_EQ(table.find("+-"), std::string::npos) << table;
  EXPECT_TRUE(table.ends_with("  -\n")) << table;
}

TEST_F(EncodeCommands, SkipCorruptLeavesOutAndNamesFilesInEveryCommandWithData) {
  const std::string data = folder_ / "mixed";
  make_pictures(data, 4);
  write_file(data + "/bad.png", "no picture");
  write_file(data + "/cut.png", read_file(data + "/0.png").substr(0, 60));
  write_file(folder_ / "small.toml", small_training_config());
  const std::string commands[] = {
      "encode --steps 2 --out " + (folder_ / "codes.safetensors") + model_,
      "reconstruct --steps 2" + model_, "evaluate --eps-error --t 10" + model_,
      "train " + (folder_ / "small.toml") + " --max-steps 1 --quiet --out " + (folder_ / "run")};
  for (const std::string& command : commands) {
    const Outcome refused = run_ddim(command + " --data " + data);
    EXPECT_EQ(refused.exit_code, 4) << command << refused.err;
    EXPECT_NE(refused.err.find("--skip-corrupt"), std::string::npos) << refused.err;
    const Outcome run = run_ddim(command + " --skip-corrupt --data " + data);
    EXPECT_EQ(run.exit_code, 0) << command << run.err;
    const std::size_t list = run.err.find("2 files were left out, as they cannot be read:");
    ASSERT_NE(list, std::string::npos) << command << run.err;
    EXPECT_NE(run.err.find("bad.png", list), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("cut.png", list), std::string::npos) << run.err;
  }
}

// Each file is fitted as it is read, and none is read for nothing.
TEST_F(EncodeCommands, PicturesOfAFolderMayHaveSeveralSizes) {
  const std::string data = folder_ / "sizes";
  fs::create_directory(data);
  for (const int size : {6, 8, 12})
    write_png(data + "/" + std::to_string(10 + size) + ".png",
              Image{size, size, 3,
                    std::vector<std::uint8_t>(static_cast<std::size_t>(3 * size * size), 99)});
  write_file(data + "/bad.png", "no picture");
  for (const std::string& command :
       {"reconstruct --json --steps 2" + model_,
        "encode --json --steps 2 --overwrite --out " + (folder_ / "c.safetensors") + model_}) {
    const Outcome run = run_ddim(command + " --resize --max-images 3 --data " + data);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(Json::parse(run.out).at("images"), 3);
    const Outcome refused = run_ddim(command + " --skip-corrupt --data " + data);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_NE(refused.err.find("16.png: images are 6x6, not 8x8"), std::string::npos)
        << refused.err;
    EXPECT_NE(refused.err.find("--resize"), std::string::npos) << refused.err;
  }
}

TEST_F(EncodeCommands, SampleStartsFromAPictureAndKeepsWhatTheMaskSays) {
  // White where x is 4 and more.
  Image mask{.width = 8, .height = 8, .channels = 1};
  for (int i = 0; i < 64; ++i)
    mask.pixels.push_back(static_cast<std::uint8_t>(i % 8 < 4 ? 0 : 255));
  write_png(folder_ / "mask.png", mask);
  const Outcome run = run_ddim("sample --steps 3 --count 2 --init-image " + picture(1) + "--mask " +
                               (folder_ / "mask.png") + " --out " + (folder_ / "drawn") + model_);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Image before = read_png(folder_ / "pictures/1.png");
  const Image after = read_png(folder_ / "drawn/000001.png");
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before.pixels.size(); ++i) {
    const bool is_kept = i / 3 % 8 < 4;
    if (is_kept) {
      EXPECT_EQ(after.pixels[i], before.pixels[i]) << i;
    } else {
      changed += after.pixels[i] != before.pixels[i] ? 1 : 0;
    }
  }
  EXPECT_GT(changed, 50U);
}

TEST_F(EncodeCommands, SampleStartsFromAllPicturesOfAFile) {
  FloatImages three{.count = 3, .shape = {3, 8, 8}, .values = std::vector<float>(3 * 192)};
  for (std::size_t i = 0; i < three.values.size(); ++i)
    three.values[i] = static_cast<float>(i % 17) / 10.0F - 0.8F;
  write_npz(folder_ / "three.npz", three);
  for (const std::string by : {"", " --init-by encoding", " --init-by encoding --count 3"}) {
    const std::string out = folder_ / "three-drawn.npz";
    const Outcome run = run_ddim("sample --steps 3 --json --overwrite --out " + out +
                                 " --init-image " + (folder_ / "three.npz") + by + model_);
    ASSERT_EQ(run.exit_code, 0) << by << run.err;
    EXPECT_EQ(Json::parse(run.out)["images"], 3) << by;
  }
  const Outcome more = run_ddim("sample --steps 3 --count 4 --init-by encoding --out " +
                                (folder_ / "four.npz") + " --init-image " + picture(1) + model_);
  EXPECT_NE(more.err.find("--count 4: --init-by encoding draws the same"), std::string::npos)
      << more.err;
}

TEST_F(EncodeCommands, SayWhichSplitOfAFileIsRead) {
  const std::string splits = "tests/data/arrays/splits.npz";
  for (const std::string& command :
       {"encode " + splits, "sample --init-image " + splits, "interpolate 3 " + splits}) {
    const std::string out = folder_ / (command.starts_with("e") ? "c.safetensors" : "d.png");
    const Outcome run = run_ddim(command + " --steps 2 --resize --overwrite --out " + out + model_);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_NE(run.err.find(splits + ": of its splits, the test pictures are read"),
              std::string::npos)
        << run.err;
  }
}

// Of a picture, and of the same in an array.
TEST_F(EncodeCommands, LayWhatIsTransparentOverTheBackground) {
  Image rgba{.width = 8, .height = 8, .channels = 4};
  for (int i = 0; i < 256; ++i) rgba.pixels.push_back(static_cast<std::uint8_t>(i * 37));
  write_png(folder_ / "alpha.png", rgba);
  std::string npy("\x93NUMPY\x01\x00\x76\x00", 10);
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 8, 8, 4), }";
  header.resize(117, ' ');
  npy += header + "\n" + std::string(rgba.pixels.begin(), rgba.pixels.end());
  write_file(folder_ / "alpha.npy", npy);
  std::vector<Codes> codes;
  for (const char* file : {"alpha.png", "alpha.npy"}) {
    const std::string out = folder_ / "laid.safetensors";
    const Outcome run = run_ddim("encode --steps 3 --background black --overwrite --out " + out +
                                 " " + (folder_ / file) + model_);
    ASSERT_EQ(run.exit_code, 0) << file << run.err;
    codes.push_back(read_codes(out));
  }
  EXPECT_EQ(codes[0].x_T.values, codes[1].x_T.values);
}

}  // namespace
}  // namespace ddim::cli_test
