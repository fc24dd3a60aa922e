#pragma once

namespace ddim {

/// What to do when an output file already exists.
enum class Overwrite {
  refuse,  ///< Error(user) that names it
  allow,   ///< the old content stays readable until the new content is complete on the disk
};

}  // namespace ddim
