#include <ddim/error.h>
#include <ddim/version.h>
#include <fmt/core.h>

#include <new>

#include "commands.h"
#include "config_file.h"

namespace {

constexpr const char* kFooter =
    "A flag wins over its environment variable, that over the file of --config, that over the\n"
    "default. Exit codes: 0 done, 1 impossible request, 2 usage, 3 NaN or infinity, 4 damaged "
    "file,\n"
    "5 reading or writing failed, 130 interrupted.";

int run(int argc, char** argv) {
  CLI::App app("Denoising diffusion implicit models (arXiv:2010.02502) on the CPU", "ddim");
  app.set_version_flag("--version", fmt::format("ddim {}", ddim::version()));
  app.require_subcommand(1);
  ddim::cli::add_sample_command(app);
  ddim::cli::add_interpolate_command(app);
  ddim::cli::add_encode_command(app);
  ddim::cli::add_decode_command(app);
  ddim::cli::add_reconstruct_command(app);
  ddim::cli::add_consistency_command(app);
  ddim::cli::add_train_command(app);
  ddim::cli::add_plan_command(app);
  ddim::cli::add_info_command(app);
  ddim::cli::add_convert_command(app);
  ddim::cli::add_evaluate_command(app);
  ddim::cli::add_bench_command(app);
  ddim::cli::add_pull_command(app);
  ddim::cli::add_config_file(app);
  app.footer(kFooter);
  if (argc == 1) {
    fmt::print(stderr, "{}", app.help());
    return static_cast<int>(ddim::ErrorCode::usage);
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::FileError& error) {
    fmt::print(stderr, "ddim: {}\n", error.what());
    return static_cast<int>(ddim::ErrorCode::io);
  } catch (const CLI::ConfigError& error) {
    fmt::print(stderr, "ddim: {}: not TOML, or not a setting of a command: {}\n",
               app["--config"]->as<std::string>(), error.what());
    return static_cast<int>(ddim::ErrorCode::usage);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    const std::string problem =
        unknown.empty() ? error.what() : fmt::format("there is no {}", unknown.front());
    fmt::print(stderr, "ddim: {}\nSee ddim --help, or ddim COMMAND --help.\n", problem);
    return static_cast<int>(ddim::ErrorCode::usage);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const ddim::Error& error) {
    fmt::print(stderr, "ddim: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "ddim: not enough memory; a smaller --batch needs less\n");
    return static_cast<int>(ddim::ErrorCode::user);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ddim: {}\n", error.what());
    return static_cast<int>(ddim::ErrorCode::user);
  }
}
