#pragma once

#include <string>

namespace ddim::cli {

/// Columns of a window of text: COLUMNS, else those of the terminal that standard output is, else
/// 80; at most 100, since longer lines are hard to read.
int text_width();

/// Whether a stream (STDOUT_FILENO, STDERR_FILENO) shows colour: a terminal that has it, unless
/// NO_COLOR is set.
bool has_colour(int stream);

/// The text in a style of the terminal, or as it is.
std::string bold(const std::string& text, bool colour);
std::string cyan(const std::string& text, bool colour);
std::string red(const std::string& text, bool colour);

}  // namespace ddim::cli
