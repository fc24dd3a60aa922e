#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "command_data.h"

namespace ddim::cli {

/// The command line as a whole: owns all commands.
class Program {
 public:
  /// With --help, --help-all, --config, and --version, which prints `version_details`. Manual pages
  /// say `version`.
  Program(const std::string& name, const std::string& description, const std::string& version,
          std::string (*version_details)());
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// What commands are added to.
  Command root() { return Command(data_); }

  /// Adds the commands `help` and `completion`; the last ones, so that help lists them last.
  void add_help_commands();

  /// Sets the variables of all options, from the words, the environment and the file of --config,
  /// then calls the command back; or prints help or version, when those are asked for. Error(usage)
  /// for what cannot be understood, naming the help that explains it, Error(user) for numbers out
  /// of their range, Error(io) for a file that cannot be read; and whatever the command throws.
  void run(const std::vector<std::string>& words);

  /// The help of the program.
  std::string help() const;

 private:
  void run_command(CommandData& command);
  void print_help_of(const std::string& command_name);

  CommandData data_;
  std::filesystem::path config_;
  std::string version_;
  std::string topic_;
  std::string shell_;
  bool man_ = false;
  bool help_ = false;
  bool help_all_ = false;
};

}  // namespace ddim::cli
