#include "picture_flags.h"

#include <ddim/error.h>

namespace ddim::cli {

void PictureFlags::add_to(Command command) {
  const Option files =
      command
          .add_option("pictures", files_,
                      "Files: PNG, JPEG, BMP, WebP, GIF, TIFF; .npz and .npy (bytes "
                      "[N,H,W,C]) and .safetensors (x_0 [N,C,H,W])")
          .type_name("FILE");
  data_
      .add_to(command, "Folder, .npz or .npy file with a data set, instead of files",
              "With --data: ")
      .excludes(files);
  resize_.add_to(command);
}

void PictureFlags::check() const {
  if (files_.empty() && !data_.given())
    throw Error(ErrorCode::user, "give picture files, or a data set with --data DIR");
}

void PictureFlags::add_to(Files& files) const {
  for (const std::filesystem::path& file : files_) files.reads(file);
  files.reads(data_.data());
}

FloatImages PictureFlags::load(const Model& model) const {
  const DataOptions data = data_.options();
  if (!files_.empty()) return load_pictures(model, files_, resize_.value(), data.read);
  return load_data_set(model, data, resize_.value());
}

}  // namespace ddim::cli
