#include <ddim/verification.h>

#include "base/error.h"
#include "model/verified_files.h"
#include "train/config_digest.h"

namespace ddim {

using namespace engine;

std::vector<VerifiedFile> verify_files(const std::filesystem::path& path) {
  try {
    std::vector<VerifiedFile> files = model::verified_files(path);
    if (auto config = train::verified_config(path)) files.insert(files.begin(), std::move(*config));
    return files;
  } catch (const std::filesystem::filesystem_error& error) {
    fail(ErrorCode::io, "cannot read ", error.path1().string(), ": ", error.code().message());
  }
}

}  // namespace ddim
