#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

void expect_all(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "no " << part << " in\n" << text;
}

TEST(Help, NamesEveryCommandAndExitCode) {
  const Outcome run = run_ddim("--help");
  EXPECT_EQ(run.exit_code, 0);
  expect_all(run.out,
             {"sample", "train", "plan", "info", "convert", "evaluate", "bench", "encode", "decode",
              "reconstruct", "interpolate", "consistency", "filmstrip", "pull", "70", "130"});
}

TEST(Help, NamesEveryFlag) {
  expect_all(run_ddim("sample --help-all").out,
             {"--model", "--steps", "--tau", "--eta", "--sigma-hat", "--count", "--batch",
              "--threads", "--seed", "--out", "--noise", "--save-tensors", "--clip", "--json",
              "--like", "--no-metadata", "--pull"});
  expect_all(run_ddim("sample --help-all").out,
             {"--init-image", "--strength", "--init-by", "--mask", "--resize"});
  expect_all(run_ddim("encode --help-all").out, {"pictures", "--data", "--max-images", "--resize",
                                                 "--steps", "--tau", "--exact", "--out"});
  expect_all(run_ddim("decode --help-all").out, {"codes", "--clip", "--save-tensors", "--out"});
  expect_all(run_ddim("reconstruct --help-all").out, {"pictures", "--steps", "--exact", "--json"});
  expect_all(run_ddim("interpolate --help-all").out,
             {"SEED|FILE", "--frames", "--animation", "--out"});
  expect_all(run_ddim("filmstrip --help-all").out,
             {"--frames", "--animation", "--frame-ms", "--seed", "--eta", "--like", "--out"});
  expect_all(run_ddim("consistency --help-all").out,
             {"--steps", "--reference", "--count", "--out"});
  expect_all(run_ddim("train --help-all").out, {"CONFIG.toml", "--data", "--out", "--resume",
                                                "--max-steps", "--name", "--keys", "Ctrl-C"});
  expect_all(run_ddim("evaluate --help-all").out, {"--eps-error", "--model", "--data", "--json"});
  expect_all(run_ddim("bench --help-all").out,
             {"NETWORK", "--model", "--config", "--batch", "--threads", "--train"});
  expect_all(run_ddim("pull --help-all").out, {"OWNER/NAME", "HF_HOME", "HF_TOKEN", "--json"});
}

TEST(Help, VersionIsPrinted) {
  const Outcome run = run_ddim("--version");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out.substr(0, 5), "ddim ");
  expect_all(run.out,
             {"build", "instruction set", "libraries", "oneDNN", "Eigen ", "libpng", "fmt "});
  EXPECT_EQ(run_ddim("-V").out, run.out);
  EXPECT_EQ(run_ddim("sample --version").out, run.out);
}

TEST(Help, IsReachedInFourWays) {
  const std::string help = run_ddim("sample --help").out;
  EXPECT_EQ(run_ddim("help sample").out, help);
  EXPECT_EQ(run_ddim("sample -h --model x").out, help);
  EXPECT_EQ(run_ddim("--help sample").out, help);
  EXPECT_EQ(run_ddim("help sample --help-all").out, run_ddim("sample --help-all").out);
  EXPECT_EQ(help.find("--steps-offset"), std::string::npos);
  EXPECT_NE(help.find("ddim sample --help-all shows"), std::string::npos);
  EXPECT_NE(run_ddim("sample --help-all").out.find("--steps-offset"), std::string::npos);
}

const std::vector<std::string> kCommands = {"",         "sample",    "sweep",       "interpolate",
                                            "encode",   "decode",    "reconstruct", "consistency",
                                            "train",    "plan",      "info",        "convert",
                                            "evaluate", "bench",     "pull",        "help",
                                            "plot",     "filmstrip", "models",      "completion",
                                            "verify",   "reproduce", "serve"};

TEST(Help, ManualPagesSayTheSameAsHelp) {
  for (const std::string& command : kCommands) {
    const std::string page = run_ddim("help " + command + " --man").out;
    EXPECT_TRUE(page.starts_with(".TH ddim")) << page.substr(0, 80);
    EXPECT_NE(page.find("\n.SH SYNOPSIS\n"), std::string::npos) << command;
    EXPECT_NE(page.find("\n.B \\-\\-config FILE\n"), std::string::npos) << command;
    EXPECT_NE(page.find("\n.SH SEE ALSO\n.BR ddim"), std::string::npos) << command;
  }
  const std::string sample = run_ddim("help sample --man").out;
  EXPECT_NE(sample.find("\n.B \\-\\-steps\\-offset "), std::string::npos);  // also rare flags
  EXPECT_NE(run_ddim("help --man").out.find(".BR ddim\\-sample (1)"), std::string::npos);
  if (std::system("command -v groff >/dev/null") != 0) GTEST_SKIP() << "groff is not installed";
  const TemporaryFolder folder;
  for (const std::string& command : kCommands) {
    write_file(folder / "page.1", run_ddim("help " + command + " --man").out);
    ASSERT_EQ(std::system(("groff -man -Tutf8 -ww " + (folder / "page.1") + " >" +
                           (folder / "text") + " 2>" + (folder / "warnings"))
                              .c_str()),
              0);
    EXPECT_EQ(read_file(folder / "warnings"), "") << command;
  }
}

TEST(Completion, ScriptsAreThoseOfTheirShells) {
  const TemporaryFolder folder;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const std::string script = run_ddim("completion " + shell).out;
    for (const std::string& command : kCommands)
      EXPECT_NE(script.find(command), std::string::npos) << shell << " " << command;
    if (shell != "bash") {
      EXPECT_NE(script.find("t, sqrt(alpha_bar), sigma"), std::string::npos);
    }
    write_file(folder / shell, script);
    if (std::system(("command -v " + shell + " >/dev/null").c_str()) != 0) continue;
    EXPECT_EQ(std::system((shell + " -n " + (folder / shell)).c_str()), 0) << shell;
  }
  const Outcome unknown = run_ddim("completion csh");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.err.find("bash"), std::string::npos) << unknown.err;
}

TEST(Help, EveryFlagStandsInAGroupAndEveryCommandHasTwoExamples) {
  for (const std::string& command : kCommands) {
    const std::string help = run_ddim(command + " --help-all", "COLUMNS=100").out;
    EXPECT_EQ(help.find("\nOther:"), std::string::npos) << help;
    const std::size_t begin = help.find("\nExamples:\n");
    ASSERT_NE(begin, std::string::npos) << command;
    const std::string examples = help.substr(begin, help.find("\n\n", begin) - begin);
    std::size_t count = 0;
    for (auto at = examples.find("\n  ddim "); at != std::string::npos;
         at = examples.find("\n  ddim ", at + 1))
      ++count;
    EXPECT_EQ(count, 2U) << examples;
  }
}

TEST(Help, FitsTheWindow) {
  for (const int columns : {40, 60, 100}) {
    for (const std::string& command : kCommands) {
      const std::string help = run_ddim_in_terminal(command + " --help-all", columns, "NO_COLOR=1");
      EXPECT_GT(help.size(), 500U);
      std::istringstream lines(help);
      std::size_t longest = 0;
      for (std::string line; std::getline(lines, line);) {
        if (line.ends_with('\r')) line.pop_back();
        longest = std::max(longest, line.size());
        EXPECT_LE(line.size(), static_cast<std::size_t>(columns)) << command << ": " << line;
      }
      EXPECT_GT(longest, static_cast<std::size_t>(columns) * 3 / 4) << command;  // it fills it, too
    }
  }
}

TEST(Help, HasColourWhereTheTerminalHasIt) {
  const std::string escape = "\033[";
  const std::string plain = run_ddim_in_terminal("sample --help", 80, "TERM=dumb");
  EXPECT_EQ(plain.find(escape), std::string::npos);
  EXPECT_EQ(run_ddim_in_terminal("sample --help", 80, "TERM=xterm NO_COLOR=1"), plain);
  EXPECT_NE(run_ddim_in_terminal("sample --help", 80, "TERM=xterm").find(escape),
            std::string::npos);
  EXPECT_EQ(run_ddim("sample --help", "TERM=xterm").out.find(escape), std::string::npos);
  EXPECT_NE(run_ddim_in_terminal("sampel", 80, "TERM=xterm").find(escape), std::string::npos);
}

}  // namespace
}  // namespace ddim::cli_test
