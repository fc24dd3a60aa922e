#include "help.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "help_table.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

using Takes = OptionData::Takes;

/// In the place of a space at which no line ends.
constexpr char kHeld = '\x01';

/// "eq. 13" stays together.
std::string with_equations_held(std::string text) {
  constexpr std::string_view kEquation = "eq. ";
  for (std::size_t at = text.find(kEquation); at != std::string::npos;
       at = text.find(kEquation, at + 1))
    text[at + kEquation.size() - 1] = kHeld;
  return text;
}

/// The words in lines of at most `width` characters; a longer word is cut.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::istringstream words(with_equations_held(text));
  for (std::string word; words >> word;) {
    const std::size_t before = lines.back().empty() ? 0 : lines.back().size() + 1;
    if (before > 0 && before + word.size() > width) lines.emplace_back();
    while (word.size() > width) {
      lines.back() = word.substr(0, width);
      lines.emplace_back();
      word.erase(0, width);
    }
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  for (std::string& line : lines) std::ranges::replace(line, kHeld, ' ');
  return lines;
}

/// A command line whose flags stay with their values.
std::string with_values_held(std::string line) {
  for (std::size_t space = line.find(' '); space != std::string::npos;
       space = line.find(' ', space + 1)) {
    const std::size_t begin = line.rfind(' ', space - 1) + 1;
    const bool is_flag = line.compare(begin, 2, "--") == 0;
    if (is_flag && line.compare(space + 1, 1, "-") != 0) line[space] = kHeld;
  }
  return line;
}

/// What a help is written on.
class Page {
 public:
  virtual ~Page() = default;
  virtual void paragraph(const std::string& text) = 0;
  virtual void heading(const std::string& title) = 0;
  virtual void gap() = 0;
  /// A command line as a shell takes it, also when it is too long for one line.
  virtual void command_line(const std::string& line) = 0;
  /// A name and what it means.
  virtual void row(const std::string& name, const std::string& description) = 0;
};

class TerminalPage : public Page {
 public:
  explicit TerminalPage(const HelpStyle& style)
      : style_(style), width_(static_cast<std::size_t>(style.width)) {}

  void paragraph(const std::string& text) override {
    for (const std::string& line : wrapped(text, width_)) text_ += line + "\n";
  }
  void heading(const std::string& title) override {
    text_ += "\n" + bold(title + ":", style_.colour) + "\n";
  }
  void gap() override { text_ += "\n"; }

  void command_line(const std::string& line) override {
    const std::vector<std::string> lines = wrapped(with_values_held(line), width_ - 6);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      text_ += fmt::format("{}{}{}\n", i == 0 ? "  " : "    ", lines[i],
                           i + 1 < lines.size() ? " \\" : "");
    }
  }

  /// "  --name N      description", in two columns where the window is wide enough.
  void row(const std::string& name, const std::string& description) override {
    constexpr std::size_t kIndent = 2, kColumn = 24, kIndentBelow = 6, kNarrow = 64;
    const bool is_narrow = width_ < kNarrow;
    const std::size_t indent = is_narrow ? kIndentBelow : kColumn;
    const std::vector<std::string> names = wrapped(name, width_ - kIndent);
    for (std::size_t i = 0; i + 1 < names.size(); ++i)
      text_ += "  " + cyan(names[i], style_.colour) + "\n";
    const bool is_beside = !is_narrow && kIndent + names.back().size() + 2 <= indent;
    text_ += "  " + cyan(names.back(), style_.colour);
    std::string before =
        is_beside ? std::string(indent - kIndent - names.back().size(), ' ') : "\n";
    for (const std::string& line : wrapped(description, width_ - indent)) {
      text_ += before + (before == "\n" ? std::string(indent, ' ') : "") + line;
      before = "\n";
    }
    text_ += "\n";
  }

  std::string text() const { return text_; }

 private:
  HelpStyle style_;
  std::size_t width_;
  std::string text_;
};

/// The source of a manual page, for man.
class ManualPage : public Page {
 public:
  void paragraph(const std::string& text) override { text_ += ".PP\n" + escaped(text) + "\n"; }
  void heading(const std::string& title) override {
    std::string name = title == "Usage" ? "Synopsis" : title;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    text_ += ".SH " + name + "\n";
  }
  void gap() override {}
  void command_line(const std::string& line) override {
    text_ += ".PP\n.RS 4\n.nf\n" + escaped(line) + "\n.fi\n.RE\n";
  }
  void row(const std::string& name, const std::string& description) override {
    text_ += ".TP\n.B " + escaped(name) + "\n" + escaped(description) + "\n";
  }

  std::string text() const { return text_; }

  static std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
      if (c == '\\') {
        result += "\\e";
      } else if (c == '-') {
        result += "\\-";
      } else if (result.empty() && (c == '.' || c == '\'')) {
        result += std::string("\\&") + c;
      } else {
        result += c;
      }
    }
    return result;
  }

 private:
  std::string text_;
};

std::string title_of(const OptionData& option) {
  if (option.is_argument()) return option.type_name + (option.takes == Takes::many ? " ..." : "");
  std::string name = option.name;
  if (name == "--help") name = "-h, --help";
  if (name == "--version") name = "-V, --version";
  if (option.takes == Takes::nothing) return name;
  if (option.takes == Takes::optional) return name + " [" + option.type_name + "]";
  return name + " " + option.type_name;
}

std::string description_of(const OptionData& option) {
  std::string facts;
  const auto add = [&facts](const std::string& fact) {
    facts += (facts.empty() ? "" : "; ") + fact;
  };
  if (option.required) add("required");
  if (!option.default_text.empty()) add("default: " + option.default_text);
  if (!option.variable.empty()) add("environment: " + option.variable);
  return facts.empty() ? option.description : option.description + " (" + facts + ")";
}

/// What stands behind the name in the line of usage.
std::string usage_of(const CommandData& command) {
  if (!command.commands.empty()) return " COMMAND [FLAGS]";
  std::string text;
  for (const OptionData& option : command.options) {
    if (!option.is_argument()) continue;
    text += option.required ? " " + title_of(option) : " [" + title_of(option) + "]";
  }
  for (const OptionData& option : command.options)
    if (!option.is_argument() && option.required) text += " " + title_of(option);
  return text + " [FLAGS]";
}

/// Its row in the table; the number of rows for a flag that has none.
std::size_t place_of(const OptionData* option) {
  const auto row = std::ranges::find(help_rows(), option->name, &HelpRow::flag);
  return static_cast<std::size_t>(row - help_rows().begin());
}

/// All but the first lines of a help.
void write_help(Page& page, const CommandData& command, const CommandData& program, Flags flags) {
  page.heading("Usage");
  page.command_line(command.full_name() + usage_of(command));
  page.heading("Examples");
  for (const HelpExample& example : help_examples())
    if (example.command == command.name) page.command_line(std::string(example.line));
  if (!command.commands.empty()) page.heading("Commands");
  for (const CommandData& child : command.commands) page.row(child.name, child.description);
  if (command.has_arguments()) page.heading("Arguments");
  for (const OptionData& option : command.options)
    if (option.is_argument()) page.row(title_of(option), description_of(option));

  std::vector<const OptionData*> options;
  for (const CommandData* owner : {&command, &program}) {
    for (const OptionData& option : owner->options)
      if (!option.is_argument()) options.push_back(&option);
    if (&command == &program) break;
  }
  std::ranges::stable_sort(options, {}, place_of);
  std::string_view group;
  int num_hidden = 0;
  for (const OptionData* option : options) {
    const std::size_t place = place_of(option);
    const HelpRow row = place < help_rows().size() ? help_rows()[place] : HelpRow{"Other", ""};
    if (row.use == HelpRow::Use::rare && row.common_in != command.name && flags == Flags::common) {
      ++num_hidden;
      continue;
    }
    if (row.group != group) {
      group = row.group;
      page.heading(std::string(group));
    }
    page.row(title_of(*option), description_of(*option));
  }
  if (num_hidden > 0) {
    page.gap();
    page.paragraph(fmt::format("{} --help-all shows {} more {}.", command.full_name(), num_hidden,
                               num_hidden == 1 ? "flag" : "flags"));
  }
  if (!command.footer.empty()) {
    page.gap();
    page.paragraph(command.footer);
  }
}

}  // namespace

std::string help_of(const CommandData& command, const CommandData& program,
                    const HelpStyle& style) {
  TerminalPage page(style);
  page.paragraph(command.description);
  write_help(page, command, program, style.flags);
  return page.text();
}

std::string manual_of(const CommandData& command, const CommandData& program,
                      const std::string& version) {
  std::string name = command.full_name();
  std::ranges::replace(name, ' ', '-');
  ManualPage page;
  write_help(page, command, program, Flags::all);
  std::string text =
      fmt::format(".TH {} 1 \"\" \"{}\"\n.SH NAME\n{} \\- {}\n", name, ManualPage::escaped(version),
                  ManualPage::escaped(name), ManualPage::escaped(command.description));
  text += page.text();
  if (command.commands.empty() && &command != &program) {
    text += ".SH SEE ALSO\n.BR ddim (1)\n";
  } else {
    std::string pages;
    for (const CommandData& child : command.commands)
      pages += fmt::format("{}.BR ddim\\-{} (1)", pages.empty() ? "" : ",\n", child.name);
    text += ".SH SEE ALSO\n" + pages + "\n";
  }
  return text;
}

}  // namespace ddim::cli
