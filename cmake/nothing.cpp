// Has nothing in it: a target of CMake needs a source to precompile headers for.
