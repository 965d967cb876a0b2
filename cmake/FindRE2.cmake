# Finds RE2 by its pkg-config file: Debian's package has no other.
#
#   RE2::re2

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(RE2_PC QUIET re2)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RE2
  REQUIRED_VARS RE2_PC_LINK_LIBRARIES
  REASON_FAILURE_MESSAGE "pkg-config and its file re2.pc are needed")

if(RE2_FOUND AND NOT TARGET RE2::re2)
  add_library(RE2::re2 INTERFACE IMPORTED)
  set_target_properties(RE2::re2 PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${RE2_PC_INCLUDE_DIRS}"
    INTERFACE_COMPILE_OPTIONS "${RE2_PC_CFLAGS_OTHER}"
    INTERFACE_LINK_OPTIONS "${RE2_PC_LDFLAGS_OTHER}"
    INTERFACE_LINK_LIBRARIES "${RE2_PC_LINK_LIBRARIES}")
endif()
