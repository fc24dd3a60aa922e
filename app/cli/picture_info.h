#pragma once

#include <filesystem>

namespace ddim::cli {

enum class InfoStyle { text, json };

/// Prints the text that a PNG carries, which in those of ddim is the recipe: as a table, the most
/// telling first, or as one JSON object. Errors as read_png_text().
void print_picture_info(const std::filesystem::path& file, InfoStyle style);

}  // namespace ddim::cli
