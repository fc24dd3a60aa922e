#pragma once

#include <CLI/CLI.hpp>

namespace ddim::cli {

// Each adds a subcommand to the program, whose callback does its work and throws ddim::Error.
void add_sample_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_info_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_evaluate_command(CLI::App& app);
void add_encode_command(CLI::App& app);
void add_decode_command(CLI::App& app);
void add_reconstruct_command(CLI::App& app);
void add_interpolate_command(CLI::App& app);
void add_consistency_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_pull_command(CLI::App& app);

}  // namespace ddim::cli
