# `make deb`: the packages ddim, ddim-mpi (where MPI is), libddimX.Y, libddim-dev and python3-ddim from the components of
# DdimInstall.cmake and of bindings/python. They need a shared library and the prefix /usr.

set(soname ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_PACKAGE_VENDOR "The ddim authors")
set(CPACK_PACKAGE_CONTACT "The ddim authors <ddim@example.org>" CACHE STRING "Maintainer that packages name")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_HOMEPAGE_URL ${PROJECT_HOMEPAGE_URL})
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL program library development)
if(TARGET ddim_mpi)
  list(APPEND CPACK_COMPONENTS_ALL mpi)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/src/api)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/package/shlibs
    ${PROJECT_BINARY_DIR}/package/triggers)
file(WRITE ${PROJECT_BINARY_DIR}/package/shlibs "libddim ${soname} libddim${soname} (>= ${PROJECT_VERSION})\n")
file(WRITE ${PROJECT_BINARY_DIR}/package/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)

# ddim_package(COMPONENT PACKAGE SECTION DESCRIPTION [the components that it needs ...])
macro(ddim_package component package section description)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${description}")
  set(CPACK_COMPONENT_${upper}_DEPENDS ${ARGN})
  # What Debian's policy wants of every package.
  set(extra ${PROJECT_BINARY_DIR}/package/${package})
  file(MAKE_DIRECTORY ${extra})
  file(WRITE ${extra}/changelog.Debian "ddim (${PROJECT_VERSION}-1) unstable; urgency=medium\n\n"
       "  * See CHANGELOG.md of the project.\n\n -- ${CPACK_PACKAGE_CONTACT}  Sat, 28 Nov 2026 12:00:00 +0000\n")
  if(DDIM_GZIP)
    execute_process(COMMAND ${DDIM_GZIP} -9nf ${extra}/changelog.Debian)
    install(FILES ${extra}/changelog.Debian.gz DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
            COMPONENT ${component})
  endif()
  install(FILES ${PROJECT_SOURCE_DIR}/NOTICE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} RENAME copyright
          COMPONENT ${component})
endmacro()
find_program(DDIM_GZIP gzip)
ddim_package(program ddim graphics "The program, with the models and configurations that come with it." library)
if(TARGET ddim_mpi)
  ddim_package(mpi ddim-mpi science "What the program needs to train on several machines, by Open MPI." program)
endif()
ddim_package(library libddim${soname} libs "The shared library.")
ddim_package(development libddim-dev libdevel "Headers of the library, and files for CMake and pkg-config." library)
if(DDIM_BUILD_PYTHON)
  list(APPEND CPACK_COMPONENTS_ALL python)
  ddim_package(python python3-ddim python "The module ddim for Python and NumPy." program library)
  get_property(needed GLOBAL PROPERTY DDIM_PYTHON_NEEDED)
  set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "${needed}, python3-numpy")
  set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS python3-pil)
  # Compiled where it is installed, for the interpreter that is there; nothing of that stays behind.
  set(scripts ${PROJECT_BINARY_DIR}/package/python3-ddim)
  file(WRITE ${scripts}/postinst "#!/bin/sh\nset -e\n"
       "if command -v py3compile >/dev/null; then py3compile -p python3-ddim; fi\n")
  file(WRITE ${scripts}/prerm "#!/bin/sh\nset -e\n"
       "if command -v py3clean >/dev/null; then py3clean -p python3-ddim; fi\n")
  file(CHMOD ${scripts}/postinst ${scripts}/prerm PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
       GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA ${scripts}/postinst ${scripts}/prerm)
endif()
include(CPack)
