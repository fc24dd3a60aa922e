// The official checkpoint, written back by us, read by PyTorch: where both are there.
#include "io/torch_file.h"
#include "model/convert.h"
#include "tests/golden/golden_case.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine {
namespace {

constexpr const char* kScript = R"(
import sys, torch
a, b = (torch.load(path, map_location="cpu", weights_only=True) for path in sys.argv[1:])
assert len(a) == len(b) == 5 and a[2:4] == b[2:4]
for i in (0, 4):
    assert list(a[i]) == list(b[i])
    for name in a[i]:
        assert a[i][name].dtype == b[i][name].dtype and torch.equal(a[i][name], b[i][name]), name
assert list(a[1]["state"]) == list(b[1]["state"])
for i, state in a[1]["state"].items():
    for name in state:
        assert torch.equal(state[name], b[1]["state"][i][name]), (i, name)
for name, value in b[1]["param_groups"][0].items():
    assert a[1]["param_groups"][0][name] == value, name
# And the optimizer that the official code makes takes it up.
parameters = [torch.nn.Parameter(tensor) for tensor in b[0].values()]
optimizer = torch.optim.Adam(parameters, lr=1e-3)
optimizer.load_state_dict(b[1])
for parameter in parameters:
    parameter.grad = torch.ones_like(parameter)
optimizer.step()
)";

TEST(GoldenPython, PyTorchReadsTheCheckpointThatWeWriteBack) {
  const std::filesystem::path path = shared_folder() / "micro" / "ckpt.pth";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path.string() << " is not there";
  const std::string python = test::find_python("torch");
  if (python.empty()) GTEST_SKIP() << test::no_python_with("torch");
  const test::TemporaryFolder folder;
  model::write_model(model::open_model(path), folder / "ckpt.pth",
                     {.target = ConvertTarget::official});
  test::write_text(folder / "compare.py", kScript);
  const std::string command = python + " " + (folder / "compare.py").string() + " " +
                              path.string() + " " + (folder / "ckpt.pth").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace ddim::engine
