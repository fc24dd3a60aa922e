#pragma once

#include <ddim/encode.h>
#include <ddim/sample.h>

#include <filesystem>
#include <set>
#include <string>

#include "command_line.h"
#include "outputs.h"

namespace ddim::cli {

/// --like FILE.png: the flags that made a picture, taken from the recipe in it. A recipe names
/// flags, so there is no second list of them here.
class LikeFlag {
 public:
  /// `codes` tells which states may be codes of a model, "--noise", for commands that read such:
  /// --other-weights is about them, too.
  void add_to(Command command, const std::string& codes = "");
  bool given() const { return !file_.empty(); }
  /// What is read.
  void add_to(Files& files) const { files.reads(file_); }

  /// Gives each flag of the command the recipe's value, unless it stands on the command line, or
  /// one does that it does not go together with. To be called when the command line has been
  /// parsed. Error(user) for a picture without a recipe, of another command, or with a recipe of a
  /// kind that this program does not have, and for one that was made from files that the command
  /// line does not name; Error(corrupt) for values that the flags do not take.
  void set_flags(Command command);

  /// Error(user) unless what is about to be drawn has the recipe of the picture, but for the flags
  /// on the command line; otherwise `recipe` gets the name by which the picture calls the model.
  void check(Recipe& recipe);

  /// Of a command that reads codes, before a model is loaded: Error(user) for --other-weights that
  /// there is nothing to use for.
  void check_other_weights(bool has_codes) const;
  /// Errors as ddim::check_codes(), unless other weights may draw them.
  void check_codes(const Model& model, const Codes& codes, const std::string& name) const;

  /// Says on stderr whether the file at `path` is the same picture, unless flags were to make it
  /// another.
  void print_likeness(const std::filesystem::path& path) const;

 private:
  std::string compare(const std::filesystem::path& path) const;
  void refuse_other_command(Command command) const;
  void set_endpoints(Command command);
  void ask_for_init_image() const;
  /// Whether the command line says where the pictures begin.
  bool begins_elsewhere() const;
  [[noreturn]] void fail_of_start(const std::string& now) const;
  void set_flag(Command command, const std::string& key, const std::string& value);

  std::filesystem::path file_;
  std::string codes_;  ///< which states may be codes
  bool other_weights_ = false;
  Recipe recipe_;
  std::set<std::string> given_;      ///< keys that the command line decides
  std::set<std::string> elsewhere_;  ///< and those that the environment or a file does
  bool same_recipe_ = false;         ///< what check() found
};

}  // namespace ddim::cli
