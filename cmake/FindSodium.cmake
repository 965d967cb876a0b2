# Finds libsodium.
#
#   Sodium::sodium
#   Sodium_VERSION   read from sodium/version.h

find_path(Sodium_INCLUDE_DIR NAMES sodium.h)
find_library(Sodium_LIBRARY NAMES sodium)
mark_as_advanced(Sodium_INCLUDE_DIR Sodium_LIBRARY)

set(Sodium_VERSION)
if(EXISTS "${Sodium_INCLUDE_DIR}/sodium/version.h")
  file(STRINGS ${Sodium_INCLUDE_DIR}/sodium/version.h _sodium_line
    REGEX "^#define SODIUM_VERSION_STRING ")
  if(_sodium_line MATCHES "\"([0-9.]+)\"")
    set(Sodium_VERSION ${CMAKE_MATCH_1})
  endif()
  unset(_sodium_line)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Sodium
  REQUIRED_VARS Sodium_LIBRARY Sodium_INCLUDE_DIR
  VERSION_VAR Sodium_VERSION)

if(Sodium_FOUND AND NOT TARGET Sodium::sodium)
  add_library(Sodium::sodium UNKNOWN IMPORTED)
  set_target_properties(Sodium::sodium PROPERTIES
    IMPORTED_LOCATION ${Sodium_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${Sodium_INCLUDE_DIR})
endif()
