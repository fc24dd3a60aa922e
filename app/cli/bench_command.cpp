#include <ddim/bench.h>
#include <ddim/error.h>
#include <fmt/core.h>

#include <memory>
#include <set>

#include "commands.h"
#include "device_flags.h"
#include "json_object.h"
#include "model_flag.h"
#include "model_override_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct BenchCommandFlags {
  BenchOptions options;
  ModelFlag model;
  ModelOverrideFlags overrides;
  std::string network;
  DeviceFlags device;
  bool train = false;
  bool json = false;
};

double rate(double gflop, double ms) { return ms > 0.0 ? 1000.0 * gflop / ms : 0.0; }

void print_json(const BenchResult& result, const BenchOptions& options) {
  std::string ops;
  for (const OpTime& op : result.ops) {
    if (!ops.empty()) ops += ",";
    JsonObject row;
    row.add("op", op.op);
    if (!op.algorithm.empty()) row.add("algorithm", op.algorithm).add("reason", op.reason);
    ops += row.add("ms", op.ms).add("gflop", op.gflop).text();
  }
  print_out("{}\n", JsonObject()
                        .add("network", options.network.string())
                        .add("num_parameters", result.num_parameters)
                        .add("batch", options.batch)
                        .add("threads", result.threads)
                        .add("median_ms", result.median_ms)
                        .add("least_ms", result.least_ms)
                        .add("gflop", result.gflop)
                        .add("gflop_per_second", result.gflop_per_second)
                        .add("product_gflop_per_second", result.product_gflop_per_second)
                        .add("peak_memory_bytes", result.peak_memory_bytes)
                        .add_text("ops", "[" + ops + "]")
                        .text());
}

void print_table(const BenchResult& result, const BenchOptions& options) {
  print_out("{}, {} parameters, {}, batch {}, {} {}\n", options.network.string(),
            result.num_parameters,
            options.workload == Workload::training ? "training steps" : "sampling steps",
            options.batch, result.threads, result.threads == 1 ? "thread" : "threads");
  print_out("{:.2f} ms per image and step (best {:.2f}), {:.2f} GFLOP, {:.0f} GFLOP/s, {} MB\n",
            result.median_ms, result.least_ms, result.gflop, result.gflop_per_second,
            result.peak_memory_bytes / 1'000'000);
  const bool has_peak = result.product_gflop_per_second > 0.0;
  if (has_peak)
    print_out(
        "peak: products in the cache reach {:.0f} GFLOP/s, {:.0f} per thread; Winograd "
        "convolutions can exceed it\n\n",
        result.product_gflop_per_second, result.product_gflop_per_second / result.threads);
  double sum_ms = 0.0;
  for (const OpTime& op : result.ops) sum_ms += op.ms;
  print_out("{:<48} {:>9} {:>6} {:>9} {:>9} {:>8}  {}\n", "op, per image and step", "thread ms",
            "%", "GFLOP", "GFLOP/s", "of peak", "algorithm");
  const auto print_row = [&](const OpTime& op) {
    const double of_peak =
        has_peak ? rate(op.gflop, op.ms) * result.threads / result.product_gflop_per_second : 0.0;
    const std::string line =
        fmt::format("{:<48} {:>9.3f} {:>6.1f} {:>9.3f} {:>9.0f} {:>6.0f} %", op.op, op.ms,
                    100.0 * op.ms / sum_ms, op.gflop, rate(op.gflop, op.ms), 100.0 * of_peak);
    print_out("{}{}{}\n", line, op.algorithm.empty() ? "" : "  ", op.algorithm);
  };
  std::set<std::string> algorithms;
  for (const OpTime& op : result.ops) {
    print_row(op);
    if (!op.algorithm.empty()) algorithms.insert(fmt::format("{}: {}", op.algorithm, op.reason));
  }
  print_row({.op = "sum", .algorithm = {}, .reason = {}, .ms = sum_ms, .gflop = result.gflop});
  print_out("\n");
  for (const std::string& algorithm : algorithms) print_out("{}\n", algorithm);
}

void run(const BenchCommandFlags& flags) {
  BenchOptions options = flags.options;
  if (flags.network.empty() && !flags.model.given()) {
    throw Error(ErrorCode::usage,
                "give the network to time: a training configuration (.toml), or a model as for "
                "--model");
  }
  options.network = flags.model.folder(flags.network);
  options.overrides = flags.overrides.overrides();
  const LoadOptions where = flags.device.options();
  options.device = where.device;
  options.precision = where.precision;
  options.memory_use = where.memory_use;
  options.workload = flags.train ? Workload::training : Workload::sampling;
  const BenchResult result = bench(options);
  if (flags.json) {
    print_json(result, options);
  } else {
    print_table(result, options);
  }
}

}  // namespace

void add_bench_command(Command root) {
  const Command command =
      root.add_command("bench", "Time a network on this machine, per op and in total");
  const auto flags = std::make_shared<BenchCommandFlags>();
  const Option network =
      command
          .add_option("network", flags->network,
                      "The network to time: a training configuration (.toml), for example "
                      "configs/cifar10.toml, or any model that --model takes")
          .type_name("NETWORK");
  flags->model.add_model_to(command).excludes(network);
  flags->model.add_pull_to(command);
  flags->overrides.add_to(command);
  command.add_flag("--train", flags->train, "Time training steps instead of network calls");
  flags->device.add_to(command);
  command.add_option("--batch", flags->options.batch, "Pictures processed at once")
      .envname("DDIM_BATCH")
      .positive()
      .show_default();
  command
      .add_option("--threads", flags->options.threads,
                  "Number of threads; 0 means one per processor")
      .envname("DDIM_THREADS")
      .within(0, kMaxThreads)
      .show_default();
  command
      .add_option("--repetitions", flags->options.repetitions,
                  "Number of measurements; the median is shown")
      .positive()
      .show_default();
  command.add_flag("--json", flags->json, "Print one JSON object");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
