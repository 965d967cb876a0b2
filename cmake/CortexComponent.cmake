# What every component and every program of this project has in common.

# Warnings for our own code. Private: a target that links ours does not inherit them.
function(cortex_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-align -Wformat=2 -Wundef -Wextra-semi
    # GCC 12 sees overlaps in every `"text" + std::string` that it inlines.
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
    $<$<BOOL:${CORTEX_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# cortex_component(cortex_runtime EXPORT_NAME runtime)
# Language level, warnings and install rules of a library whose sources and links are set already.
function(cortex_component target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORT_NAME" "")

  target_compile_features(${target} PUBLIC cxx_std_20)
  # Sums must give the same bits on every machine: no fused multiply-add behind the source's back.
  target_compile_options(${target} PRIVATE -ffp-contract=off)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    EXPORT_NAME ${arg_EXPORT_NAME}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  cortex_warnings(${target})

  if(CORTEX_INSTALL)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(TARGETS ${target} EXPORT cortexTargets FILE_SET HEADERS)
  endif()
endfunction()
