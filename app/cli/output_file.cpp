#include "output_file.h"

#include <ddim/error.h>
#include <fmt/core.h>

namespace ddim::cli {

namespace fs = std::filesystem;

void check_output(const fs::path& file, Overwrite overwrite) {
  if (fs::is_directory(file))
    throw Error(ErrorCode::user, fmt::format("{} is a folder, not a file", file.string()));
  if (fs::exists(file) && overwrite == Overwrite::refuse) {
    throw Error(ErrorCode::user,
                fmt::format("{} exists; choose another name, or add --overwrite", file.string()));
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder)) {
    throw Error(ErrorCode::user,
                fmt::format("{}: there is no folder {}", file.string(), folder.string()));
  }
}

}  // namespace ddim::cli
