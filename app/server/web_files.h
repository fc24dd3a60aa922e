#pragma once

#include <span>
#include <string_view>

namespace ddim::server {

/// A file of the page, which is part of the program.
struct WebFile {
  std::string_view path;  ///< "/draw.js"
  std::string_view type;
  std::string_view content;
};

/// Those of app/web; written by app/server/embed.cmake.
std::span<const WebFile> web_files();

}  // namespace ddim::server
