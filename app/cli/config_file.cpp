#include "config_file.h"

#include <cstdlib>
#include <memory>

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

void add_config_file(CLI::App& app) {
  app.set_config("--config", "", "TOML file with a section per command: [sample] steps = 20");
  app.config_formatter(std::make_shared<FileBelowEnvironment>(app));
  app.allow_config_extras(CLI::config_extras_mode::error);
}

}  // namespace ddim::cli
