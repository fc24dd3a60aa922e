#include "io/pickle_text.h"

#include <charconv>
#include <cstdint>

namespace ddim::engine::io {
namespace {

void append_utf8(std::string& text, std::uint32_t code) {
  const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  const auto put_low_bits = [&](int shift) { put(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put_low_bits(0);
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put_low_bits(6);
    put_low_bits(0);
  } else {
    put(0xF0 | code >> 18);
    put_low_bits(12);
    put_low_bits(6);
    put_low_bits(0);
  }
}

/// A character as its `count` hexadecimal digits at the front of `text`, which are taken.
std::optional<std::uint32_t> take_hex(std::string_view& text, std::size_t count) {
  constexpr std::uint32_t kLastCharacter = 0x10FFFF;
  if (text.size() < count) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value, 16);
  if (error != std::errc() || end != text.data() + count || value > kLastCharacter)
    return std::nullopt;
  text.remove_prefix(count);
  return value;
}

}  // namespace

std::optional<std::string> decoded_raw_unicode_escape(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (text.starts_with("\\u") || text.starts_with("\\U")) {
      const std::size_t num_digits = text[1] == 'u' ? 4 : 8;
      text.remove_prefix(2);
      const auto code = take_hex(text, num_digits);
      if (!code) return std::nullopt;
      append_utf8(result, *code);
    } else {
      append_utf8(result, static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
    }
  }
  return result;
}

std::optional<std::string> decoded_quoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                      (text.front() == '\'' || text.front() == '"');
  if (!quoted) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string result;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '\\') {
      if (text.empty()) return std::nullopt;
      const char escape = text.front();
      text.remove_prefix(1);
      constexpr std::string_view kEscapes = "\\'\"ntr", kMeanings = "\\'\"\n\t\r";
      if (escape == 'x') {
        const auto code = take_hex(text, 2);
        if (!code) return std::nullopt;
        c = static_cast<char>(*code);
      } else if (const auto found = kEscapes.find(escape); found != std::string_view::npos) {
        c = kMeanings[found];
      } else {
        return std::nullopt;
      }
    }
    result += c;
  }
  return result;
}

}  // namespace ddim::engine::io
