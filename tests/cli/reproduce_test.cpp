#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

/// Reports of the micro model (3x8x8) on a folder with training and test pictures.
class ReproducedReport : public testing::Test {
 protected:
  ReproducedReport() {
    make_micro_model(folder_ / "micro");
    make_pictures(folder_ / "set/train", 8);
    make_pictures(folder_ / "set/test", 5);
  }

  std::string command(const std::string& data = "set", const std::string& out = "report") const {
    return "reproduce --quiet --json --count 6 --model " + (folder_ / "micro") + " --data " +
           (folder_ / data) + " --out " + (folder_ / out);
  }
  std::string short_command() const { return command() + " --steps 2,3"; }
  static Json report_of(const std::string& command) {
    const Outcome run = run_ddim(command);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.exit_code == 0 ? Json::parse(run.out) : Json();
  }
  static Json cell(Json report, const std::string& name) {
    for (const Json& each : report["cells"])
      if (each.at("name") == name) return each;
    return Json();
  }
  std::string page(const std::string& out = "report") const {
    return read_file(folder_ / (out + "/index.html"));
  }
  /// What the page finds of a claim, as HTML.
  std::string finding(const std::string& claim) const {
    const std::string text = page();
    const std::size_t row = text.find("<th>" + claim + "</th>");
    return row == std::string::npos ? "" : text.substr(row, text.find("</tr>", row) - row);
  }
  /// Changes the lines of a finished cell: a line for which nothing is returned goes.
  void change_cell(const std::string& name,
                   const std::function<std::string(const std::string&)>& changed) const {
    const std::string file = folder_ / ("report/cells/" + name + ".txt");
    const std::string old = read_file(file);
    std::string text;
    for (std::size_t at = 0; at < old.size();) {
      const std::size_t end = old.find('\n', at);
      const std::string line = changed(old.substr(at, end - at));
      if (!line.empty()) text += line + "\n";
      at = end + 1;
    }
    write_file(file, text);
  }

  TemporaryFolder folder_;
};

TEST_F(ReproducedReport, NamesTestPicturesThatAreLeftOutToo) {
  for (const char* name : {"set/train/0.png", "set/test/1.png"})
    fs::resize_file(folder_ / name, 60);
  const Outcome run = run_ddim(short_command() + " --skip-corrupt");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* part : {"2 files were left out", "train/0.png", "test/1.png"})
    EXPECT_THAT(run.err, HasSubstr(part));
  EXPECT_EQ(cell(Json::parse(run.out), "table-2-steps-2")["recipe"]["count"], "4");
  // Training and test pictures of a set that is not split are the same files.
  const Outcome not_split = run_ddim(command("set/train", "other") + " --steps 2,3 --skip-corrupt");
  ASSERT_EQ(not_split.exit_code, 0) << not_split.err;
  EXPECT_THAT(not_split.err, HasSubstr("1 file was left out"));
}

TEST_F(ReproducedReport, IsAboutTheFirstPicturesOfEachPart) {
  Json report = report_of(short_command() + " --max-images 4");
  EXPECT_EQ(cell(report, "drawn-eta-0-steps-2-quadratic")["recipe"]["reference"],
            "first 4 training pictures");
  Json table_2 = cell(report, "table-2-steps-2");
  EXPECT_EQ(table_2["recipe"]["pictures"], "test pictures, evenly spaced among the first 4");
  EXPECT_EQ(table_2["count"], 4);
  Json expected =
      Json::parse(run_ddim("reconstruct --quiet --json --steps 2 --max-images 4 --model " +
                           (folder_ / "micro") + " --data " + (folder_ / "set"))
                      .out);
  EXPECT_NEAR(table_2["mean_squared_error"].get<double>(),
              expected["table"][0]["mean_squared_error"].get<double>(), 1e-9);
  EXPECT_THAT(page(), HasSubstr("compares them with the first 4 training pictures of set"));
  EXPECT_THAT(page(), HasSubstr("Test pictures, evenly spaced among the first 4, encoded"));

  Json not_split = report_of(command("set/train", "other") + " --steps 2,3 --max-images 5");
  EXPECT_EQ(cell(not_split, "table-2-steps-3")["recipe"]["pictures"],
            "pictures of a set that is not split, evenly spaced among the first 5");
}

TEST_F(ReproducedReport, DrawsAgainWhatHasLostItsPicture) {
  const std::int64_t all = std::ssize(report_of(short_command())["cells"]);
  for (const char* name : {"figure-1-on-the-way", "table-2-steps-3"}) {
    const std::string file = folder_ / ("report/pictures/" + std::string(name) + ".png");
    const std::string drawn = read_file(file);
    fs::remove(file);
    EXPECT_EQ(report_of(short_command())["found"], all - 1) << name;
    EXPECT_EQ(read_file(file), drawn) << name;
    write_file(file, drawn.substr(0, drawn.size() / 2));
    const Outcome damaged = run_ddim(short_command());
    EXPECT_EQ(damaged.exit_code, 4);
    EXPECT_THAT(damaged.err, HasSubstr(file));
    EXPECT_THAT(damaged.err, HasSubstr("remove the file, and it is drawn again"));
    fs::remove(file);
    EXPECT_EQ(report_of(short_command())["found"], all - 1) << name;
  }
}

// The errors overlap widely, but each picture's falls.
TEST_F(ReproducedReport, ComparesTheErrorsOfTable2PictureByPicture) {
  report_of(short_command());
  const std::string claim = "encoding and decoding loses less with more steps";
  const auto set_errors = [&](const std::string& name, const std::string& errors) {
    change_cell(name, [&](const std::string& line) {
      return line.starts_with("pictures.") ? "pictures.mean_squared_error=" + errors : line;
    });
  };
  const auto finding_with = [&](const std::string& errors_of_3) {
    set_errors("table-2-steps-3", errors_of_3);
    report_of(short_command());
    return finding(claim);
  };
  set_errors("table-2-steps-2", "0.1,0.2,0.3,0.4,0.5");
  const std::string falls = finding_with("0.09,0.18,0.29,0.38,0.49");
  EXPECT_THAT(falls, HasSubstr("<td>holds</td>"));
  EXPECT_THAT(falls, HasSubstr("<small>S = 2 to 3: less by 0.0140 \u00b1 0.0068</small>"));
  const std::string rises = finding_with("0.11,0.22,0.31,0.42,0.51");
  EXPECT_THAT(rises, HasSubstr("<td>does not hold</td>"));
  EXPECT_THAT(rises, HasSubstr("<small>S = 2 to 3: more by 0.0140 \u00b1 0.0068</small>"));
  EXPECT_THAT(finding_with("0.09,0.22,0.29,0.42,0.49"), HasSubstr("<td>open: a difference may be"));
}

// They say neither the errors of each picture nor the options of the model.
TEST_F(ReproducedReport, GoesOnWithCellsOfTable2ThatSayLess) {
  const std::int64_t all = std::ssize(report_of(short_command())["cells"]);
  for (const char* name : {"table-2-steps-2", "table-2-steps-3"}) {
    const bool is_first = std::string(name) == "table-2-steps-2";
    change_cell(name, [&](const std::string& line) -> std::string {
      for (const char* missing :
           {"pictures.", "recipe.precision=", "recipe.size=", "recipe.Software=", "recipe.model="})
        if (line.starts_with(missing)) return "";
      if (line.starts_with("value.mean_squared_error_half"))
        return "value.mean_squared_error_half_width_95=0.01";
      if (line.starts_with("value.mean_squared_error="))
        return is_first ? "value.mean_squared_error=0.05" : "value.mean_squared_error=0.04";
      return line;
    });
  }
  EXPECT_EQ(report_of(short_command())["found"], all);
  const std::string found = finding("encoding and decoding loses less with more steps");
  EXPECT_THAT(found, HasSubstr("<td>open: intervals overlap</td><td>0.05, 0.04</td>"));
}

TEST_F(ReproducedReport, SaysOfTable2WhatTheModelWas) {
  Json recipe =
      cell(report_of(short_command() + " --schedule cosine --T 12"), "table-2-steps-2")["recipe"];
  EXPECT_EQ(recipe["precision"], "fp32");
  EXPECT_EQ(recipe["schedule"], "cosine");
  EXPECT_EQ(recipe["T"], "12");
  EXPECT_EQ(recipe["size"], "8x8x3");
}

TEST_F(ReproducedReport, HasNoTablesAndClaimsThatThePaperDoesNotHave) {
  report_of(command() + " --tau trailing --steps 2,10");
  for (const char* part : {"eta 0 draws better than eta 1 in 10 steps", "<th>the paper</th>",
                           "CIFAR-10's test pictures", "The paper: FID of LSUN Church"})
    EXPECT_THAT(page(), HasSubstr(part));
  for (const char* part : {"in 2 steps", "FID of CelebA", "FID of CIFAR-10"})
    EXPECT_THAT(page(), Not(HasSubstr(part)));
  report_of(command("set", "other") + " --steps 2,5");
  EXPECT_THAT(page("other"), HasSubstr("FID of CIFAR-10"));
  for (const char* part : {"<th>the paper</th>", "test pictures."})
    EXPECT_THAT(page("other"), Not(HasSubstr(part)));
}

}  // namespace
}  // namespace ddim::cli_test
