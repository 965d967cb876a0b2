# Finds libyaml by its pkg-config file: Debian's package has no other.
#
#   LibYaml::yaml

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(LibYaml_PC QUIET yaml-0.1)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibYaml
  REQUIRED_VARS LibYaml_PC_LINK_LIBRARIES
  VERSION_VAR LibYaml_PC_VERSION
  REASON_FAILURE_MESSAGE "pkg-config and its file yaml-0.1.pc are needed")

if(LibYaml_FOUND AND NOT TARGET LibYaml::yaml)
  add_library(LibYaml::yaml INTERFACE IMPORTED)
  set_target_properties(LibYaml::yaml PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${LibYaml_PC_INCLUDE_DIRS}"
    INTERFACE_COMPILE_OPTIONS "${LibYaml_PC_CFLAGS_OTHER}"
    INTERFACE_LINK_OPTIONS "${LibYaml_PC_LDFLAGS_OTHER}"
    INTERFACE_LINK_LIBRARIES "${LibYaml_PC_LINK_LIBRARIES}")
endif()
