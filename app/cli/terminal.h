#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

namespace ddim::cli {

/// Takes the numbers of standard streams that are closed, so that no file gets them and is printed
/// into. To be called first of all.
void hold_closed_streams();

/// What the user asked for, on standard output. Error(io) when it cannot be written, which may show
/// only in flush_output().
void write_out(const std::string& text);
template <class... Parts>
void print_out(fmt::format_string<Parts...> text, Parts&&... parts) {
  write_out(fmt::format(text, std::forward<Parts>(parts)...));
}

/// "-" for NaN, which is what cannot be said of the numbers there are; else the value in a pattern
/// such as "{:.4f}".
std::string number_or_dash(fmt::format_string<double&> pattern, double value);

/// What the user is told besides, on standard error. Lost when it cannot be written.
void write_err(const std::string& text);
template <class... Parts>
void print_err(fmt::format_string<Parts...> text, Parts&&... parts) {
  write_err(fmt::format(text, std::forward<Parts>(parts)...));
}

/// To be called when all is printed. Error(io) when something of it cannot be written.
void flush_output();

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
