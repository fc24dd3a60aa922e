# ddim_install_tracked(FOLDER ... DESTINATION PLACE COMPONENT NAME)
# Installs the folders' files that git tracks: beside them may lie a model that somebody is about to make. Where the project
# did not come by git, all files.
function(ddim_install_tracked)
  cmake_parse_arguments(PARSE_ARGV 0 said "" "DESTINATION;COMPONENT" "")
  set(folders ${said_UNPARSED_ARGUMENTS})
  # As root (sudo make install), git wants to be told that the folder may be somebody's.
  execute_process(COMMAND git -c safe.directory=* -c core.quotepath=off ls-files -- ${folders}
                  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} RESULT_VARIABLE failed OUTPUT_VARIABLE files ERROR_QUIET)
  if(failed OR files STREQUAL "")
    foreach(folder IN LISTS folders)
      install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${said_DESTINATION} COMPONENT ${said_COMPONENT})
    endforeach()
    return()
  endif()
  string(REGEX MATCHALL "[^\n]+" files "${files}")
  foreach(file IN LISTS files)
    get_filename_component(folder ${file} DIRECTORY)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
      install(FILES ${PROJECT_SOURCE_DIR}/${file} DESTINATION ${said_DESTINATION}/${folder} COMPONENT ${said_COMPONENT})
    endif()
  endforeach()
endfunction()
