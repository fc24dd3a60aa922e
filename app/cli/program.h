#pragma once

#include <memory>
#include <string>

#include "command_line.h"

namespace ddim::cli {

/// The command line as a whole: owns all commands.
class Program {
 public:
  /// With --help and --version, which prints `version`.
  Program(const std::string& name, const std::string& description, const std::string& version);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// What commands are added to.
  Command root() const { return Command(*app_); }

  /// Adds --config FILE: a TOML file with a section per command, whose keys are the names of flags:
  ///     [sample]
  ///     model = "models/fashion-mnist"
  ///     steps = 20
  /// To be called when all commands are there.
  void add_config_file();

  /// Sets the variables of all options, then calls the command back; or prints help or version,
  /// when those are asked for. Error(usage) for words that it cannot understand and for a file that
  /// is not TOML, Error(io) when that cannot be read; and whatever the command throws.
  void run(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace ddim::cli
