#include <ddim/train.h>

#include <filesystem>
#include <memory>
#include <string>

#include "commands.h"
#include "outputs.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct PlotCommandFlags {
  std::filesystem::path run;
  std::filesystem::path out;
};

void plot(const PlotCommandFlags& flags) {
  const std::filesystem::path out = flags.out.empty() ? flags.run / "loss.svg" : flags.out;
  Files(Overwrite::allow).writes("--out", flags.out, {".svg"}).check();
  plot_run_to_file(flags.run, out);
  print_out("{}\n", out.string());
}

}  // namespace

void add_plot_command(Command root) {
  const Command command =
      root.add_command("plot", "Draw the loss and other curves of a training run as SVG");
  command.footer("Training draws the same picture at each checkpoint.");
  const auto flags = std::make_shared<PlotCommandFlags>();
  command.add_option("run", flags->run, "Folder of a training run").required().type_name("RUN");
  command.add_option("--out", flags->out, "Picture to write; by default loss.svg in RUN")
      .check([](const std::string& path) -> std::string {
        if (path.ends_with(".svg")) return "";
        return "must end with .svg; got " + path;
      })
      .type_name("FILE.svg");
  command.callback([flags] { plot(*flags); });
}

}  // namespace ddim::cli
