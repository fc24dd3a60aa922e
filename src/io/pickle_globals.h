#pragma once

#include <string_view>

/// The types and functions of Python that a pickle asks for, "module name" as PickleKind::global
/// has them. docs/adr/0008 says which are let in.
namespace ddim::engine::io {

/// Whether a name is one of Python's: "torch.nn.modules", "Outer.Inner".
bool is_dotted_name(std::string_view name);

/// Whether only attacks ask for it.
bool is_attack(std::string_view module, std::string_view name);

/// Whether a call of it is a tensor or a parameter of PyTorch.
bool makes_tensor(std::string_view global);

/// Whether a call of it is an array of NumPy, or the type of one.
bool makes_array(std::string_view global);

}  // namespace ddim::engine::io
