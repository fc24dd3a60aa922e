#include "report/page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "base/text.h"
#include "report/chart.h"

namespace ddim::engine::report {
namespace {

constexpr const char* kStyle = R"(
body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:1180px;margin:0 auto;padding:24px 20px 80px}
h1{font-size:28px;margin:8px 0 0}h2{font-size:21px;margin:52px 0 8px;padding-top:12px;border-top:1px solid #ddd}
p{max-width:76ch;margin:8px 0}.lead{color:#555;font-size:17px}.note{color:#666;font-size:14px}
nav{margin:18px 0;display:flex;flex-wrap:wrap;gap:6px 18px;font-size:15px}a{color:#1f5fa8}
.beside{display:flex;flex-wrap:wrap;gap:12px 32px;align-items:flex-start}
table{border-collapse:collapse;margin:14px 0;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:4px 0 6px}
th{font-weight:500;color:#444;padding:5px 10px;text-align:right}tbody th,thead th:first-child{text-align:left;white-space:nowrap}
td{border:1px solid #e2e2e2;padding:5px 10px;text-align:right;vertical-align:top;min-width:52px}
td small{display:block;color:#555;font-size:12px;line-height:1.35;white-space:nowrap}td.none{color:#999}
img{display:block;max-width:100%;height:auto;margin:14px 0}svg{max-width:100%;height:auto;margin:10px 0}
details{margin:10px 0;font-size:14px;color:#444}summary{cursor:pointer;color:#1f5fa8}
details div{font-family:ui-monospace,monospace;font-size:12.5px;overflow-wrap:anywhere;margin:2px 0 2px 18px}
@media print{nav{display:none}h2{break-after:avoid}table,svg,img{break-inside:avoid}}
)";

std::string base64(std::span<const std::byte> bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < left ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= left ? kDigits[group >> (18U - 6U * k) & 63U] : '=';
  }
  return text;
}

/// From white to an orange that black text can be read on.
std::string colour_of(double shade) {
  const auto mix = [&](double from, double to) {
    return std::lround(from + (to - from) * std::clamp(shade, 0.0, 1.0));
  };
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "#%02lx%02lx%02lx", mix(255, 245), mix(255, 178),
                mix(255, 120));
  return text.data();
}

std::string html_of(const TableCell& cell) {
  if (cell.lines.empty()) return "<td class=\"none\">&ndash;</td>";
  std::string html = "<td";
  if (cell.shade) html += concat(" style=\"background:", colour_of(*cell.shade), "\"");
  html += concat(">", escaped(cell.lines.front()));
  for (std::size_t i = 1; i < cell.lines.size(); ++i)
    html += concat("<small>", escaped(cell.lines[i]), "</small>");
  return html + "</td>";
}

std::string html_of(const Table& table) {
  std::string html = concat("<table><caption>", escaped(table.caption), "</caption><thead><tr><th>",
                            escaped(table.corner), "</th>");
  for (const std::string& column : table.columns) html += concat("<th>", escaped(column), "</th>");
  html += "</tr></thead><tbody>\n";
  for (const Table::Row& row : table.rows) {
    html += concat("<tr><th>", escaped(row.label), "</th>");
    for (const TableCell& cell : row.cells) html += html_of(cell);
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

}  // namespace

std::vector<std::optional<double>> shades_of(std::span<const double> values) {
  double low = std::numeric_limits<double>::infinity(), high = 0.0;
  for (const double value : values) {
    if (!(value > 0.0)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::vector<std::optional<double>> shades;
  for (const double value : values) {
    if (!(value > 0.0) || high <= low)
      shades.emplace_back();
    else
      shades.emplace_back(std::log(value / low) / std::log(high / low));
  }
  return shades;
}

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::heading(const std::string& text) {
  const std::string anchor = concat("part-", headings_.size() + 1);
  headings_.push_back({text, anchor});
  body_ += concat("<h2 id=\"", anchor, "\">", escaped(text), "</h2>\n");
}

void Page::paragraph(const std::string& text) { body_ += concat("<p>", escaped(text), "</p>\n"); }

void Page::note(const std::string& text) {
  body_ += concat("<p class=\"note\">", escaped(text), "</p>\n");
}

void Page::table(const Table& table) { body_ += html_of(table); }

void Page::tables(std::span<const Table> tables) {
  body_ += "<div class=\"beside\">\n";
  for (const Table& table : tables) body_ += concat("<div>", html_of(table), "</div>\n");
  body_ += "</div>\n";
}

void Page::chart(const std::string& svg) { body_ += svg; }

void Page::picture(std::span<const std::byte> png, const std::string& alt) {
  body_ +=
      concat("<img alt=\"", escaped(alt), "\" src=\"data:image/png;base64,", base64(png), "\">\n");
}

void Page::details(const std::string& summary, std::span<const std::string> lines) {
  body_ += concat("<details><summary>", escaped(summary), "</summary>\n");
  for (const std::string& line : lines) body_ += concat("<div>", escaped(line), "</div>\n");
  body_ += "</details>\n";
}

std::string Page::html() const {
  std::string contents;
  for (const Heading& heading : headings_)
    contents += concat("<a href=\"#", heading.anchor, "\">", escaped(heading.text), "</a>\n");
  return concat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
      escaped(title_), "</title>\n<style>", kStyle, "</style></head><body>\n<h1>", escaped(title_),
      "</h1>\n<p class=\"lead\">", escaped(subtitle_), "</p>\n<nav>\n", contents, "</nav>\n", body_,
      "</body></html>\n");
}

}  // namespace ddim::engine::report
