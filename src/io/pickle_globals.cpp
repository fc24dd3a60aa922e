#include "io/pickle_globals.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "base/text.h"

namespace ddim::engine::io {
namespace {

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

constexpr std::string_view kTensorFunctions[] = {
    "torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state",
    "torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3"};
/// Their state belongs to what they are: of an array, its shape and bytes.
constexpr std::string_view kArrayFunctions[] = {"numpy dtype", "numpy.core.multiarray _reconstruct",
                                                "numpy._core.multiarray _reconstruct"};

/// What no file of weights or arrays has and what attacks have: whoever loads them with Python runs
/// programs. (Here nothing runs, so that the list need not be complete.)
constexpr std::string_view kAttackModules[] = {"_pickle",   "_posixsubprocess",
                                               "asyncio",   "bdb",
                                               "cPickle",   "code",
                                               "codeop",    "commands",
                                               "ctypes",    "http",
                                               "httplib",   "importlib",
                                               "marshal",   "nt",
                                               "os",        "pdb",
                                               "pickle",    "posix",
                                               "pty",       "requests",
                                               "runpy",     "shutil",
                                               "smtplib",   "socket",
                                               "ssl",       "subprocess",
                                               "sys",       "timeit",
                                               "trace",     "urllib",
                                               "webbrowser"};
constexpr std::string_view kAttackFunctions[] = {"torch load",
                                                 "torch.hub load",
                                                 "torch.serialization load",
                                                 "torch.hub load_state_dict_from_url",
                                                 "torch.storage _load_from_bytes",
                                                 "torch.jit load",
                                                 "numpy load",
                                                 "pandas read_pickle",
                                                 "joblib load",
                                                 "operator methodcaller"};
/// The types of Python's own module; its functions are no data.
constexpr std::string_view kBuiltinTypes[] = {
    "NotImplemented", "Ellipsis", "bool",   "bytearray", "bytes",
    "complex",        "dict",     "float",  "frozenset", "int",
    "list",           "long",     "object", "range",     "set",
    "slice",          "str",      "tuple",  "unicode",   "xrange"};

}  // namespace

bool is_attack(std::string_view module, std::string_view name) {
  if (module == "builtins" || module == "__builtin__") return !is_one_of(name, kBuiltinTypes);
  return is_one_of(module.substr(0, module.find('.')), kAttackModules) ||
         is_one_of(concat(module, ' ', name), kAttackFunctions);
}

bool is_dotted_name(std::string_view name) {
  constexpr std::size_t kMaxNameSize = 256;
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxNameSize && std::ranges::all_of(name, fits);
}

bool makes_tensor(std::string_view global) { return is_one_of(global, kTensorFunctions); }

bool makes_array(std::string_view global) { return is_one_of(global, kArrayFunctions); }

}  // namespace ddim::engine::io
