#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ddim::engine::io {

/// Text of a pickle of protocol 0 as UTF-8; nullopt for escapes that Python does not write.

/// Python's raw-unicode-escape: \uXXXX and \UXXXXXXXX; everything else is Latin-1.
std::optional<std::string> decoded_raw_unicode_escape(std::string_view text);

/// A string in quotes, with the escapes of Python's repr().
std::optional<std::string> decoded_quoted(std::string_view text);

}  // namespace ddim::engine::io
