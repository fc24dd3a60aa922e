#pragma once

/// Marks what libddim.so offers: it stands before the name of a class (`class DDIM_API Error`) and
/// before a function's declaration (`DDIM_API Image read_png(...)`). Everything else is hidden.
/// Enums need no mark, and neither do structs that have no functions or inline ones only.
#if defined(__GNUC__)
#define DDIM_API __attribute__((visibility("default")))
#else
#define DDIM_API
#endif
