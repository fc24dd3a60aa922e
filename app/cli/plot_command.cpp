#include <ddim/train.h>

#include <filesystem>
#include <memory>
#include <string>

#include "commands.h"
#include "outputs.h"
#include "run_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct PlotCommandFlags {
  std::filesystem::path run;
  std::filesystem::path out;
  OverwriteFlag overwrite;  // of `out`
};

void plot(const PlotCommandFlags& flags) {
  // Training replaces its own picture as well.
  const bool is_own = flags.out.empty();
  const std::filesystem::path out = is_own ? flags.run / "loss.svg" : flags.out;
  const Overwrite overwrite = is_own ? Overwrite::allow : flags.overwrite.value();
  Files(overwrite).writes("--out", flags.out, {".svg"}).check();
  plot_run_to_file(flags.run, out, overwrite);
  print_out("{}\n", out.string());
}

}  // namespace

void add_plot_command(Command root) {
  const Command command =
      root.add_command("plot", "Draw the loss and other curves of a training run as SVG");
  command.footer("Training draws the same picture at each checkpoint.");
  const auto flags = std::make_shared<PlotCommandFlags>();
  command.add_option("run", flags->run, "Folder of a training run").required().type_name("RUN");
  const Option out =
      command
          .add_option("--out", flags->out,
                      "Picture to write; by default loss.svg in RUN, which is replaced")
          .check([](const std::string& path) -> std::string {
            if (path.ends_with(".svg")) return "";
            return "must end with .svg; got " + path;
          })
          .type_name("FILE.svg");
  flags->overwrite.add_to(command).needs(out);
  command.callback([flags] { plot(*flags); });
}

}  // namespace ddim::cli
