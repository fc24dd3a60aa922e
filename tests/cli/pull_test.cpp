#include <ddim/image.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"
#include "tests/hub/fake_hub.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using hub_test::FakeHub;
using hub_test::Storage;
using Json = nlohmann::json;

// A hub whose model owner/name is the micro network of the golden files.
class Pull : public testing::Test {
 protected:
  void SetUp() override {
    if (!DDIM_HAS_CURL) GTEST_SKIP() << "ddim was built without libcurl";
    make_micro_model(folder_ / "micro");
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "micro")) {
      if (!entry.is_regular_file()) continue;
      const std::string name = fs::relative(entry.path(), folder_ / "micro").string();
      hub_.add(name, read_file(entry.path()),
               name.ends_with(".safetensors") ? Storage::large : Storage::git);
    }
    hub_.add("README.md", "not needed", Storage::git);
  }

  Outcome run(const std::string& arguments, const std::string& environment = "",
              const std::string& out_file = "") const {
    return run_ddim(arguments,
                    "no_proxy=127.0.0.1 HF_ENDPOINT=" + hub_.url() +
                        " HF_HOME=" + (folder_ / "hf") + " " + environment,
                    out_file);
  }

  TemporaryFolder folder_;
  FakeHub hub_;
};

TEST_F(Pull, FetchesAModelThatEveryCommandThenFinds) {
  const Outcome pulled = run("pull owner/name");
  ASSERT_EQ(pulled.exit_code, 0) << pulled.err;
  const std::string snapshot =
      folder_ / ("hf/hub/models--owner--name/snapshots/" + std::string(FakeHub::kCommit));
  EXPECT_NE(pulled.out.find("commit 0123456789ab, 4 files of"), std::string::npos) << pulled.out;
  EXPECT_NE(pulled.out.find(snapshot), std::string::npos) << pulled.out;

  const std::size_t num_requests = hub_.hub_requests().size();
  const std::string out = " --steps 2 --count 2 --out ";
  const Outcome sampled = run("sample --model owner/name" + out + (folder_ / "hub.png"));
  ASSERT_EQ(sampled.exit_code, 0) << sampled.err;
  ASSERT_EQ(run("sample --model " + (folder_ / "micro") + out + (folder_ / "local.png")).exit_code,
            0);
  EXPECT_EQ(read_png(folder_ / "hub.png").pixels, read_png(folder_ / "local.png").pixels);
  EXPECT_EQ(read_png_text(folder_ / "hub.png").at("model"), "owner/name");
  EXPECT_EQ(run("plan --steps 3 --model owner/name").exit_code, 0);
  EXPECT_EQ(run("bench --batch 1 --repetitions 1 --model owner/name").exit_code, 0);
  EXPECT_EQ(Json::parse(run("info --json owner/name").out).at("name"), "owner/name");
  EXPECT_EQ(hub_.hub_requests().size(), num_requests) << "something asked the hub unasked";
}

TEST_F(Pull, PrintsJsonAndShowsProgress) {
  const Outcome pulled = run("pull --json owner/name@main");
  ASSERT_EQ(pulled.exit_code, 0) << pulled.err;
  EXPECT_EQ(pulled.err, "");
  const Json result = Json::parse(pulled.out);
  EXPECT_EQ(result.at("commit"), FakeHub::kCommit);
  EXPECT_EQ(result.at("files"), 4);
  EXPECT_GT(result.at("bytes_fetched"), 1000);
  EXPECT_TRUE(fs::exists(result.at("folder").get<std::string>() + "/unet/config.json"));
  fs::remove_all(folder_ / "hf");
  EXPECT_NE(run("pull owner/name").err.find("kB"), std::string::npos);
  EXPECT_EQ(run("pull --quiet owner/name").err, "");
}

TEST_F(Pull, ModelsAreListedAndShippedOnesFoundByName) {
  fs::create_directories(folder_ / "shipped");
  fs::copy(folder_ / "micro", folder_ / "shipped/tiny", fs::copy_options::recursive);
  fs::create_directories(folder_ / "shipped/none");
  fs::create_directories(folder_ / "here/models");
  fs::copy(folder_ / "micro", folder_ / "here/models/mine", fs::copy_options::recursive);
  fs::copy(folder_ / "micro", folder_ / "here/broken", fs::copy_options::recursive);
  write_file(folder_ / "here/broken/unet/config.json", "{");
  ASSERT_EQ(run("pull owner/name").exit_code, 0);
  fs::create_directories(folder_ / "hf/hub/models--owner--half/refs");

  const std::string shipped = "DDIM_MODELS=/nowhere:" + (folder_ / "shipped");
  const Outcome listed = run("models --json " + (folder_ / "here"), shipped);
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  std::vector<std::string> names;
  const Json found = Json::parse(listed.out);
  for (const Json& model : found) {
    const std::string name = model.at("name");
    if (model.at("place") == "shipped" && name != "tiny") continue;  // those of this build
    names.push_back(name + " " + model.at("place").get<std::string>());
    EXPECT_EQ(model.contains("problem"), name.ends_with("broken")) << model;
    EXPECT_EQ(model.value("width", 8), 8);
  }
  const std::vector<std::string> expected = {"tiny shipped", "owner/name cached",
                                             (folder_ / "here/broken") + " local",
                                             (folder_ / "here/models/mine") + " local"};
  EXPECT_EQ(names, expected);
  const std::string table = run("models " + (folder_ / "here"), shipped).out;
  EXPECT_NE(table.find("cannot be used: "), std::string::npos) << table;
  EXPECT_NE(table.find("8x8x3"), std::string::npos) << table;

  EXPECT_EQ(Json::parse(run("info --json tiny", shipped).out).at("name"), "tiny");
  EXPECT_EQ(run("sample --model tiny --steps 2 --count 1 --out " + (folder_ / "t.png"), shipped)
                .exit_code,
            0);
  EXPECT_EQ(read_png_text(folder_ / "t.png").at("model"), "tiny");
  for (const Outcome& unknown : {run("info tiny"), run("info none", shipped)}) {
    EXPECT_EQ(unknown.exit_code, 1);
    EXPECT_NE(unknown.err.find("no shipped model of this name; `ddim models`"), std::string::npos)
        << unknown.err;
  }
}

TEST_F(Pull, ModelsOfATrainingRunAreItsNewestCheckpoint) {
  fs::create_directories(folder_ / "here/runs/first/checkpoints");
  for (const char* step : {"step-00000002", "step-00000010"})
    fs::copy(folder_ / "micro", folder_ / ("here/runs/first/checkpoints/" + std::string(step)),
             fs::copy_options::recursive);
  fs::create_directories(folder_ / "here/runs/empty/checkpoints");
  const Json found =
      Json::parse(run("models --json " + (folder_ / "here"), "DDIM_MODELS=models").out);
  const Json& last = found.back();
  EXPECT_EQ(last.at("name"), folder_ / "here/runs/first");
  EXPECT_TRUE(last.at("folder").get<std::string>().ends_with("step-00000010"));
  EXPECT_EQ(found[found.size() - 2].at("place"), "shipped");  // nothing else local
}

TEST_F(Pull, ALostStandardOutputIsAnErrorOfWhatWasFetchedAllTheSame) {
  const Outcome lost = run("pull owner/name", "", "/dev/full");
  EXPECT_EQ(lost.exit_code, 5);
  EXPECT_NE(lost.err.find("standard output: cannot be written"), std::string::npos) << lost.err;
  EXPECT_EQ(run("plan --steps 3 --model owner/name").exit_code, 0);
}

TEST_F(Pull, ModelsAreFetchedOnlyWhenAskedTo) {
  const std::string sample = "sample --model owner/name --steps 2 --out " + (folder_ / "a.png");
  const Outcome refused = run(sample);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("ddim pull owner/name"), std::string::npos) << refused.err;
  EXPECT_TRUE(hub_.hub_requests().empty());

  const Outcome offline = run(sample + " --pull", "HF_HUB_OFFLINE=1");
  EXPECT_EQ(offline.exit_code, 1);
  EXPECT_NE(offline.err.find("HF_HUB_OFFLINE"), std::string::npos) << offline.err;
  EXPECT_TRUE(hub_.hub_requests().empty());

  const Outcome asked = run(sample + " --pull");
  EXPECT_EQ(asked.exit_code, 0) << asked.err;
  EXPECT_TRUE(fs::exists(folder_ / "a.png"));
}

TEST_F(Pull, AFolderOfThatNameComesFirst) {
  fs::create_directory(folder_ / "owner");
  fs::copy(folder_ / "micro", folder_ / "owner/name", fs::copy_options::recursive);
  const Outcome info = run_ddim("info --json owner/name", "cd " + folder_.path().string() + " &&");
  ASSERT_EQ(info.exit_code, 0) << info.err;
  EXPECT_EQ(Json::parse(info.out).at("name"), "name");
}

TEST_F(Pull, TheTokenIsSentAndNotShown) {
  hub_.on_reply([](const hub_test::Request& request, hub_test::Reply& reply) {
    if (request.header("authorization") != "Bearer hf_secret") reply = {.status = 401};
  });
  const Outcome anonymous = run("pull owner/name", "HF_TOKEN=hf_wrong");
  EXPECT_EQ(anonymous.exit_code, 1);
  EXPECT_NE(anonymous.err.find("HF_TOKEN"), std::string::npos) << anonymous.err;
  EXPECT_EQ(anonymous.err.find("hf_wrong"), std::string::npos) << anonymous.err;
}

TEST_F(Pull, TheNetworkOfTheFidIsKeptWhereTorchKeepsIt) {
  // A server with something else under its name, since the real one is too large for a test.
  const hub_test::HttpServer server([](const hub_test::Request& request) {
    return request.path == "/network" ? hub_test::Reply{.body = "something else"}
                                      : hub_test::Reply{.status = 404};
  });
  const std::string torch_home = "TORCH_HOME=" + (folder_ / "torch") + " ";
  const std::string url = torch_home + "DDIM_INCEPTION_URL=" + server.url();
  const Outcome wrong = run("pull inception", url + "/network");
  EXPECT_EQ(wrong.exit_code, 4);
  EXPECT_NE(wrong.err.find("its SHA-256 does not begin with 6726825d"), std::string::npos)
      << wrong.err;
  const Outcome missing = run("pull inception", url + "/other");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.err.find(server.url() + "/other"), std::string::npos) << missing.err;

  const std::string set = folder_ / "set.npz";
  ASSERT_EQ(
      run("sample --model " + (folder_ / "micro") + " --steps 1 --count 2 --out " + set).exit_code,
      0);
  const std::string evaluate = "evaluate --extractor inception " + set + " " + set;
  const std::string kept = folder_ / "torch/hub/checkpoints";
  const Outcome asked = run(evaluate, torch_home);
  EXPECT_NE(asked.exit_code, 0);
  EXPECT_NE(asked.err.find("ddim pull inception"), std::string::npos) << asked.err;
  EXPECT_NE(asked.err.find(kept), std::string::npos) << asked.err;
}

}  // namespace
}  // namespace ddim::cli_test
