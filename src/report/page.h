#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ddim::engine::report {

/// A cell of a table: its lines, the first one large. A cell without lines is a dash.
struct TableCell {
  std::vector<std::string> lines = {};
  std::optional<double> shade = {};  ///< 0 white to 1 dark, behind the text
};

struct Table {
  std::string caption;
  std::string corner;  ///< above the labels of the rows
  std::vector<std::string> columns = {};
  struct Row {
    std::string label;
    std::vector<TableCell> cells = {};
  };
  std::vector<Row> rows = {};
};

/// Shades for some numbers, by their logarithms: the smallest 0, the largest 1; none for those that
/// are not positive.
std::vector<std::optional<double>> shades_of(std::span<const double> values);

/// A page of HTML that needs no other file: pictures are in it. Texts are plain, and are escaped.
class Page {
 public:
  Page(std::string title, std::string subtitle);

  /// Begins a part of the page, which the list of contents leads to.
  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void note(const std::string& text);  ///< small print
  void table(const Table& table);
  /// Tables that belong together, side by side where the window is wide enough.
  void tables(std::span<const Table> tables);
  void chart(const std::string& svg);
  /// A PNG file's bytes; `alt` says what it shows.
  void picture(std::span<const std::byte> png, const std::string& alt);
  /// Lines "name: value" behind a line that opens them.
  void details(const std::string& summary, std::span<const std::string> lines);

  std::string html() const;

 private:
  struct Heading {
    std::string text, anchor;
  };
  std::string title_, subtitle_;
  std::vector<Heading> headings_;
  std::string body_;
};

}  // namespace ddim::engine::report
