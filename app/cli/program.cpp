#include "program.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace ddim::cli {
namespace {

// CLI11 asks the file before the environment. This reader leaves out what the environment says.
class FileBelowEnvironment : public CLI::ConfigTOML {
 public:
  explicit FileBelowEnvironment(const CLI::App& app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> values = CLI::ConfigTOML::from_config(input);
    std::erase_if(values, [this](const CLI::ConfigItem& item) { return is_in_environment(item); });
    return values;
  }

 private:
  bool is_in_environment(const CLI::ConfigItem& item) const {
    const CLI::App* app = &app_;
    for (const std::string& parent : item.parents) {
      const auto children =
          app->get_subcommands([&](const CLI::App* child) { return child->check_name(parent); });
      if (children.empty()) return false;
      app = children.front();
    }
    const CLI::Option* option = app->get_option_no_throw("--" + item.name);
    return option != nullptr && !option->get_envname().empty() &&
           std::getenv(option->get_envname().c_str()) != nullptr;
  }

  const CLI::App& app_;
};

}  // namespace

Program::Program(const std::string& name, const std::string& description,
                 const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
}

Program::~Program() = default;

void Program::add_config_file() {
  app_->set_config("--config", "", "TOML file with a section per command: [sample] steps = 20");
  app_->config_formatter(std::make_shared<FileBelowEnvironment>(*app_));
  app_->allow_config_extras(CLI::config_extras_mode::error);
}

void Program::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::FileError& error) {
    throw Error(ErrorCode::io, error.what());
  } catch (const CLI::ConfigError& error) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: not TOML, or not a setting of a command: {}",
                            (*app_)["--config"]->as<std::string>(), error.what()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app_->exit(error);
      return;
    }
    const std::vector<std::string> unknown = app_->remaining(/*recurse=*/true);
    const std::string problem =
        unknown.empty() ? error.what() : fmt::format("there is no {}", unknown.front());
    throw Error(ErrorCode::usage,
                fmt::format("{}\nSee ddim --help, or ddim COMMAND --help.", problem));
  }
}

}  // namespace ddim::cli
