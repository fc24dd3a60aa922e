#include "io/picture.h"

#include "base/error.h"
#include "base/file_input.h"
#include "io/bmp.h"
#include "io/gif.h"
#include "io/jpeg.h"
#include "io/picture_kind.h"
#include "io/png.h"
#include "io/strangers.h"
#include "io/tiff.h"
#include "io/webp.h"

namespace ddim::engine::io {

Picture decode_picture(std::span<const std::byte> bytes, const std::string& file_name,
                       const PixelBudget& budget) {
  const PictureStart start = picture_start(bytes);
  switch (start.kind) {
    case PictureKind::png:
      return decode_png_picture(bytes, file_name, budget);
    case PictureKind::jpeg:
      return decode_jpeg(bytes, file_name, budget);
    case PictureKind::webp:
      return decode_webp(bytes, file_name, budget);
    case PictureKind::bmp:
      return decode_bmp(bytes, file_name, budget);
    case PictureKind::gif:
      return decode_gif(bytes, file_name, budget);
    case PictureKind::tiff:
      return decode_tiff(bytes, file_name, budget);
    case PictureKind::other:
      fail(ErrorCode::corrupt, file_name, ": a picture of kind ", start.name,
           ", which is not read: ", start.hint);
    case PictureKind::none:
      break;
  }
  if (bytes.empty()) fail(ErrorCode::corrupt, file_name, ": the file is empty");
  refuse_strangers(bytes, file_name);
  fail(ErrorCode::corrupt, file_name,
       ": no picture (by its content): expected PNG, JPEG, WebP, BMP, GIF or TIFF");
}

Picture read_picture(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, kMaxImageFileBytes);
  return decode_picture(std::as_bytes(std::span(bytes)), path.string());
}

}  // namespace ddim::engine::io
