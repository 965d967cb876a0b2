# Finds yaml-cpp by its own configuration, whose target was named differently before 0.8.
# Defines
#   YamlCpp::yaml-cpp

find_package(yaml-cpp CONFIG QUIET)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(YamlCpp
  REQUIRED_VARS yaml-cpp_DIR
  VERSION_VAR yaml-cpp_VERSION
  REASON_FAILURE_MESSAGE "yaml-cpp 0.7 or newer is needed")

if(YamlCpp_FOUND AND NOT TARGET YamlCpp::yaml-cpp)
  add_library(YamlCpp::yaml-cpp INTERFACE IMPORTED)
  set_target_properties(YamlCpp::yaml-cpp PROPERTIES
    INTERFACE_LINK_LIBRARIES "$<IF:$<TARGET_EXISTS:yaml-cpp::yaml-cpp>,yaml-cpp::yaml-cpp,yaml-cpp>")
endif()
