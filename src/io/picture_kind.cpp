#include "io/picture_kind.h"

#include "io/gif.h"
#include "io/tiff.h"
#include "io/webp.h"

namespace ddim::engine::io {
namespace {

using namespace std::string_view_literals;

struct Start {
  std::string_view bytes;
  PictureStart is;
};

constexpr std::string_view kConvert = "convert it to PNG";
constexpr PictureStart kOther(std::string_view name) {
  return {PictureKind::other, name, kConvert};
}

constexpr Start kStarts[] = {
    {"\x89PNG\r\n\x1a\n"sv, {PictureKind::png, "png"}},
    {"\xff\xd8\xff"sv, {PictureKind::jpeg, "jpeg"}},
    {"GIF87a"sv, {PictureKind::gif, "gif"}},
    {"GIF89a"sv, {PictureKind::gif, "gif"}},
    {"II*\0"sv, {PictureKind::tiff, "tiff"}},
    {"MM\0*"sv, {PictureKind::tiff, "tiff"}},
    {"II+\0"sv, {PictureKind::tiff, "tiff"}},
    {"MM\0+"sv, {PictureKind::tiff, "tiff"}},
    {"\x8aMNG\r\n\x1a\n"sv, kOther("mng")},
    {"8BPS\0\1"sv, kOther("psd")},
    {"\0\0\0\x0cjP  \r\n"sv, kOther("jpeg 2000")},
    {"\xff\x4f\xff\x51"sv, kOther("jpeg 2000")},
    {"\xff\x0a"sv, kOther("jpeg xl")},
    {"\0\0\0\x0cJXL \r\n"sv, kOther("jpeg xl")},
    {"\x76\x2f\x31\x01"sv, kOther("exr")},
    {"#?RADIANCE"sv, kOther("hdr")},
    {"qoif"sv, kOther("qoi")},
    {"DDS |"sv, kOther("dds")},
    {"\0\0\1\0"sv, kOther("ico")},
    {"gimp xcf"sv, kOther("xcf")},
};

/// A BMP begins with two letters only; the size of its second header must be one that exists.
bool is_bmp(std::string_view text) {
  if (!text.starts_with("BM") || text.size() < 18) return false;
  const std::string_view size = text.substr(14, 4);
  for (const int known : {12, 16, 40, 52, 56, 64, 108, 124}) {
    if (static_cast<unsigned char>(size[0]) == known && size.substr(1) == "\0\0\0"sv) return true;
  }
  return false;
}

/// "P5\n28 28": a letter, a digit, white space.
bool is_netpbm(std::string_view text) {
  return text.size() > 3 && text[0] == 'P' && text[1] >= '1' && text[1] <= '7' &&
         (text[2] == '\n' || text[2] == ' ' || text[2] == '\r' || text[2] == '\t');
}

PictureStart find(std::string_view text) {
  for (const Start& start : kStarts)
    if (text.starts_with(start.bytes)) return start.is;
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP")
    return {PictureKind::webp, "webp"};
  if (is_bmp(text)) return {PictureKind::bmp, "bmp"};
  if (is_netpbm(text)) return kOther("pnm");
  if (text.size() >= 12 && text.substr(4, 4) == "ftyp") {
    const std::string_view brand = text.substr(8, 4);
    if (brand == "avif" || brand == "avis") return kOther("avif");
    if (brand == "heic" || brand == "heix" || brand == "mif1" || brand == "msf1")
      return kOther("heic");
  }
  return {};
}

}  // namespace

PictureStart picture_start(std::span<const std::byte> start) {
  PictureStart found = find({reinterpret_cast<const char*>(start.data()), start.size()});
  const auto needs = [&](PictureKind kind, bool is_there, std::string_view hint) {
    if (found.kind == kind && !is_there) found = {PictureKind::other, found.name, hint};
  };
  needs(PictureKind::webp, has_webp(), "build with libwebp (Debian: libwebp-dev), or convert it");
  needs(PictureKind::gif, has_gif(), "build with giflib (Debian: libgif-dev), or convert it");
  needs(PictureKind::tiff, has_tiff(), "build with libtiff (Debian: libtiff-dev), or convert it");
  return found;
}

}  // namespace ddim::engine::io
