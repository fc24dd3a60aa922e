#include "picture_flags.h"

#include <ddim/error.h>

namespace ddim::cli {

void PictureFlags::add_to(Command command) {
  command
      .add_option("pictures", files_,
                  "PNG, JPEG, .npz (bytes [N,H,W,C]) and .safetensors (x_0 [N,C,H,W]) files")
      .type_name("FILE");
  command.add_option("--data", data_.data, "Folder or .npz file with a data set, instead of files")
      .envname("DDIM_DATA")
      .type_name("DIR");
  split_.add_to(command, "--split", "With --data: which part of the data set, test or train");
  command.add_option("--max-images", data_.max_images,
                     "With --data: use only the first N pictures");
  resize_.add_to(command);
}

void PictureFlags::check() const {
  if (files_.empty() && data_.data.empty())
    throw Error(ErrorCode::user, "give picture files, or a data set with --data DIR");
}

FloatImages PictureFlags::load(const Model& model) const {
  check();
  if (!files_.empty()) return load_pictures(model, files_, resize_.value());
  DataOptions data = data_;
  data.split = split_.value();
  return load_data_set(model, data, resize_.value());
}

}  // namespace ddim::cli
