#include <ddim/error.h>
#include <ddim/version.h>

#include <csignal>
#include <string>

#include "commands.h"
#include "program.h"
#include "report.h"
#include "terminal.h"

namespace {

constexpr const char* kFooter =
    "A flag overrides its environment variable, which overrides the file of --config, which "
    "overrides the default. Exit codes: 0 done, 1 impossible request, 2 wrong command line, 3 NaN "
    "or infinity, 4 damaged file, 5 reading or writing failed, 70 internal error (a defect of "
    "ddim), 130 interrupted.";

std::string version_details() {
  return ddim::version_details() + "of the program   " + DDIM_PROGRAM_LIBRARIES + "\n";
}

int run(int argc, char** argv) {
  ddim::cli::Program program("ddim",
                             "Denoising diffusion implicit models (arXiv:2010.02502) on the CPU",
                             ddim::version(), version_details);
  const ddim::cli::Command root = program.root();
  ddim::cli::add_sample_command(root);
  ddim::cli::add_sweep_command(root);
  ddim::cli::add_filmstrip_command(root);
  ddim::cli::add_interpolate_command(root);
  ddim::cli::add_encode_command(root);
  ddim::cli::add_decode_command(root);
  ddim::cli::add_reconstruct_command(root);
  ddim::cli::add_consistency_command(root);
  ddim::cli::add_train_command(root);
  ddim::cli::add_plot_command(root);
  ddim::cli::add_plan_command(root);
  ddim::cli::add_info_command(root);
  ddim::cli::add_models_command(root);
  ddim::cli::add_convert_command(root);
  ddim::cli::add_evaluate_command(root);
  ddim::cli::add_reproduce_command(root);
  ddim::cli::add_bench_command(root);
  ddim::cli::add_verify_command(root);
  ddim::cli::add_pull_command(root);
  ddim::cli::add_serve_command(root);
  program.add_help_commands();
  root.footer(kFooter);
  if (argc == 1) {
    ddim::cli::write_err(program.help());
    return static_cast<int>(ddim::ErrorCode::usage);
  }
  program.run({argv + 1, argv + argc});
  ddim::cli::flush_output();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ddim::cli::hold_closed_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write
  try {
    return run(argc, argv);
  } catch (...) {
    return ddim::cli::report_current_exception();
  }
}
