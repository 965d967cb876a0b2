# Fails unless README.md shows each example word for word.
# cmake -DSOURCE=<root> -P readme.cmake
file(READ "${SOURCE}/README.md" readme)
foreach(example IN ITEMS quick_start notebook)
  file(READ "${SOURCE}/examples/${example}.cpp" code)
  string(FIND "${readme}" "```cpp\n${code}```" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "README.md does not show examples/${example}.cpp as it is")
  endif()
endforeach()
