# Finds the C++ Actor Framework, whose 0.17 packages ship no CMake files of their own.
#
#   CAF::core     the core library
#   CAF_VERSION   read from caf/config.hpp
#   CAF_ROOT      an install prefix to use; nothing outside it is considered then

set(_caf_where)
if(CAF_ROOT)
  set(_caf_where HINTS ${CAF_ROOT} NO_DEFAULT_PATH)
endif()
find_path(CAF_INCLUDE_DIR NAMES caf/config.hpp ${_caf_where} PATH_SUFFIXES include)
find_library(CAF_CORE_LIBRARY NAMES caf_core ${_caf_where} PATH_SUFFIXES lib lib64)
unset(_caf_where)
mark_as_advanced(CAF_INCLUDE_DIR CAF_CORE_LIBRARY)

set(CAF_VERSION)
if(EXISTS "${CAF_INCLUDE_DIR}/caf/config.hpp")
  # one number: major * 10000 + minor * 100 + patch
  file(STRINGS ${CAF_INCLUDE_DIR}/caf/config.hpp _caf_line REGEX "^#define CAF_VERSION [0-9]+")
  if(_caf_line MATCHES "([0-9]+)$")
    math(EXPR _caf_major "${CMAKE_MATCH_1} / 10000")
    math(EXPR _caf_minor "${CMAKE_MATCH_1} / 100 % 100")
    math(EXPR _caf_patch "${CMAKE_MATCH_1} % 100")
    set(CAF_VERSION ${_caf_major}.${_caf_minor}.${_caf_patch})
    unset(_caf_major)
    unset(_caf_minor)
    unset(_caf_patch)
  endif()
  unset(_caf_line)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF
  REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR
  VERSION_VAR CAF_VERSION
  HANDLE_VERSION_RANGE)

if(CAF_FOUND AND NOT TARGET CAF::core)
  include(CMakeFindDependencyMacro)
  find_dependency(Threads)
  add_library(CAF::core UNKNOWN IMPORTED)
  set_target_properties(CAF::core PROPERTIES
    IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
