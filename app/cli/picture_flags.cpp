#include "picture_flags.h"

#include <ddim/error.h>

namespace ddim::cli {

void PictureFlags::add_to(Command command) {
  command.add_option("pictures", files_, "PNG and JPEG files").type_name("FILE");
  command.add_option("--data", data_, "Instead of files: folder of a data set, as for ddim train")
      .envname("DDIM_DATA")
      .type_name("DIR");
  split_.add_to(command, "--split", "With --data: test or train");
  command.add_option("--max-images", max_images_, "With --data: only the first so many");
  resize_.add_to(command);
}

FloatImages PictureFlags::load(const Model& model) const {
  if (!files_.empty()) return load_pictures(model, files_, resize_.value());
  if (data_.empty())
    throw Error(ErrorCode::user, "pictures: name files, or a data set with --data DIR");
  return load_data_set(model, {.data = data_, .split = split_.value(), .max_images = max_images_},
                       resize_.value());
}

}  // namespace ddim::cli
