# Fails unless each README shows its examples word for word.
# cmake -DSOURCE=<root> -P readme.cmake
function(require_shown readme)
  file(READ "${SOURCE}/${readme}" text)
  foreach(example IN LISTS ARGN)
    file(READ "${SOURCE}/examples/${example}.cpp" code)
    string(FIND "${text}" "```cpp\n${code}```" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "${readme} does not show examples/${example}.cpp as it is")
    endif()
  endforeach()
endfunction()

require_shown(README.md quick_start notebook)
require_shown(actors/README.md cache_care)
