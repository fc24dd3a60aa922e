# What `cmake --install` leaves, in four components: the program (if it was built) with models, configurations, manual
# pages and completion scripts; what it uses MPI by; the library, where it is shared; and what is needed to develop
# with it: headers, and how CMake and pkg-config find them.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ddim)
set(data_dir ${CMAKE_INSTALL_DATADIR}/ddim)

if(TARGET ddim_program)
  install(TARGETS ddim_program COMPONENT program)
  ddim_install_tracked(models configs DESTINATION ${data_dir} COMPONENT program)
  # README.md, and where its links lead.
  install(FILES README.md CHANGELOG.md LICENSE NOTICE ARCHITECTURE.md CONTRIBUTING.md SECURITY.md
          DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
  ddim_install_tracked(docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
  file(RELATIVE_PATH models ${CMAKE_INSTALL_FULL_DOCDIR} ${CMAKE_INSTALL_FULL_DATADIR}/ddim/models)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/links)
  file(CREATE_LINK ${models} ${PROJECT_BINARY_DIR}/links/models SYMBOLIC)
  install(FILES ${PROJECT_BINARY_DIR}/links/models DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
  # Where the loader does not look by itself.
  if(BUILD_SHARED_LIBS AND NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    file(RELATIVE_PATH library_dir ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(ddim_program PROPERTIES INSTALL_RPATH "$ORIGIN/${library_dir}")
  endif()
  if(NOT CMAKE_CROSSCOMPILING)  # the program writes them
    set(pages ${PROJECT_BINARY_DIR}/pages)
    add_custom_command(OUTPUT ${pages}/man/ddim.1.gz VERBATIM
      COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
      COMMAND ${PROJECT_SOURCE_DIR}/scripts/manual_pages.sh $<TARGET_FILE:ddim_program> ${pages}
      DEPENDS ddim_program ${PROJECT_SOURCE_DIR}/scripts/manual_pages.sh)
    add_custom_target(ddim_manual_pages ALL DEPENDS ${pages}/man/ddim.1.gz)
    install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
    install(FILES ${pages}/completions/ddim DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
            COMPONENT program)
    install(FILES ${pages}/completions/_ddim DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
            COMPONENT program)
    install(FILES ${pages}/completions/ddim.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
            COMPONENT program)
  endif()
endif()
if(TARGET ddim_mpi)
  install(TARGETS ddim_mpi LIBRARY DESTINATION ${DDIM_PLUGIN_DIR} COMPONENT mpi)
endif()
install(TARGETS ddim EXPORT ddimTargets
        RUNTIME COMPONENT library
        LIBRARY COMPONENT library NAMELINK_COMPONENT development
        ARCHIVE COMPONENT development)
install(DIRECTORY include/ddim DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

install(EXPORT ddimTargets NAMESPACE ddim:: DESTINATION ${config_dir} COMPONENT development)
configure_package_config_file(cmake/ddimConfig.cmake.in ${PROJECT_BINARY_DIR}/ddimConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ddimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ddimConfig.cmake ${PROJECT_BINARY_DIR}/ddimConfigVersion.cmake
        DESTINATION ${config_dir} COMPONENT development)

# Who links a static library links its libraries too; a shared one knows them.
if(NOT BUILD_SHARED_LIBS)
  set(ddim_pc_requires "Requires: libhwy libpng libjpeg zlib tomlplusplus")
  if(CURL_FOUND)
    string(APPEND ddim_pc_requires " libcurl")
  endif()
  if(WebP_FOUND)
    string(APPEND ddim_pc_requires " libwebpmux libwebp")
  endif()
  if(YamlCpp_FOUND)
    string(APPEND ddim_pc_requires " yaml-cpp")
  endif()
  if(TIFF_FOUND)
    string(APPEND ddim_pc_requires " libtiff-4")
  endif()
  set(ddim_pc_link "-ldnnl -lgomp -lpthread")
  if(GIF_FOUND)  # which has no file for pkg-config
    string(APPEND ddim_pc_link " -lgif")
  endif()
endif()
# Relative, so that the prefix can be moved; but what lies at a place of its own does not move with it.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(ddim_pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH ddim_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(PREPEND ddim_pc_prefix "\${pcfiledir}/")
endif()
foreach(folder IN ITEMS LIBDIR INCLUDEDIR)
  set(ddim_pc_${folder} ${CMAKE_INSTALL_${folder}})
  if(NOT IS_ABSOLUTE ${ddim_pc_${folder}})
    string(PREPEND ddim_pc_${folder} "\${prefix}/")
  endif()
endforeach()
configure_file(cmake/ddim.pc.in ${PROJECT_BINARY_DIR}/ddim.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ddim.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# All that is installed, and nothing else: what `make install` builds.
add_custom_target(ddim_installed)
foreach(target IN ITEMS ddim ddim_program ddim_mpi ddim_cuda ddim_manual_pages ddim_python ddim_python_stubs)
  if(TARGET ${target})
    add_dependencies(ddim_installed ${target})
  endif()
endforeach()

if(PROJECT_IS_TOP_LEVEL)  # who embeds this project has packages of its own
  include(cmake/DdimPackage.cmake)
endif()
