# Writes OUT, the C++ source of web_files(), from the FILES of the page (names relative to FOLDER, with commas):
#   cmake -DFOLDER=app/web -DFILES=index.html,draw.js -DOUT=web_files.cpp -P embed.cmake
string(REPLACE "," ";" files "${FILES}")
set(types html text/html css text/css js text/javascript svg image/svg+xml)
set(entries "")
foreach(name IN LISTS files)
  file(READ ${FOLDER}/${name} content)
  if(content MATCHES "\\)page\"")
    message(FATAL_ERROR "${name} must not have )page\" in it")
  endif()
  string(REGEX MATCH "[a-z]+$" ending ${name})
  list(FIND types ${ending} at)
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  string(APPEND entries "    {\"/${name}\", \"${type}; charset=utf-8\", R\"page(${content})page\"},\n")
endforeach()
file(WRITE ${OUT} "// Written by app/server/embed.cmake.\n#include \"web_files.h\"\n\nnamespace ddim::server {\nnamespace {\n
constexpr WebFile kFiles[] = {\n${entries}};\n
}  // namespace\n\nstd::span<const WebFile> web_files() { return kFiles; }\n\n}  // namespace ddim::server\n")
