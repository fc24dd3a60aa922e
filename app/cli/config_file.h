#pragma once

#include <CLI/CLI.hpp>

namespace ddim::cli {

/// Adds --config FILE to the program: a TOML file with a section per subcommand, whose keys are the
/// names of flags:
///     [sample]
///     model = "models/fashion-mnist"
///     steps = 20
void add_config_file(CLI::App& app);

}  // namespace ddim::cli
