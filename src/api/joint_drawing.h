#pragma once

#include "api/picture_destination.h"

namespace ddim {

/// Draws into files together with the processes of job.files.sharing, each some blocks of the
/// pictures. Errors as sample_to_files().
DrawnFiles draw_jointly(const PictureJob& job, const Plan& plan, OutputKind kind);

}  // namespace ddim
