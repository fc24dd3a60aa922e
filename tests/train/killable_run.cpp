// The process that interruption_test kills: trains in the folder given, or goes on there.
#include "tests/train/killable_run.h"

int main(int num_arguments, char** arguments) {
  using namespace ddim::engine::train;
  if (num_arguments != 2) return 2;
  const std::filesystem::path folder = arguments[1];
  train_in(folder, "run",
           std::filesystem::exists(folder / "run") ? ddim::Start::resume : ddim::Start::fresh);
}
