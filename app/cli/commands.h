#pragma once

#include "command_line.h"

namespace ddim::cli {

// Each adds a subcommand to the program, whose callback does its work and throws ddim::Error.
void add_sample_command(Command root);
void add_train_command(Command root);
void add_plan_command(Command root);
void add_plot_command(Command root);
void add_info_command(Command root);
void add_models_command(Command root);
void add_convert_command(Command root);
void add_evaluate_command(Command root);
void add_encode_command(Command root);
void add_decode_command(Command root);
void add_reconstruct_command(Command root);
void add_interpolate_command(Command root);
void add_filmstrip_command(Command root);
void add_consistency_command(Command root);
void add_sweep_command(Command root);
void add_reproduce_command(Command root);
void add_bench_command(Command root);
void add_verify_command(Command root);
void add_pull_command(Command root);
void add_serve_command(Command root);

}  // namespace ddim::cli
