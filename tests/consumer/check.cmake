# Builds and runs the programs beside this file, in one of two ways (MODE): `package` against an
# installed copy, `subdirectory` with the sources as a part of its own build.

set(folder ${BINARY}/consumer/${MODE})
set(options
  -G ${GENERATOR}
  -DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}
  -DCMAKE_CXX_COMPILER=${COMPILER}
  -DCMAKE_CXX_FLAGS=${FLAGS})
if(CAF)
  list(APPEND options -DCAF_ROOT=${CAF})
endif()

function(step)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(MODE STREQUAL "package")
  file(REMOVE_RECURSE ${folder})
  step(${CMAKE_COMMAND} --install ${BINARY} --prefix ${folder}/prefix)
  list(APPEND options
    -DCMAKE_BUILD_TYPE=${BUILD_TYPE}
    -DCMAKE_PREFIX_PATH=${folder}/prefix
    -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
else()
  # kept between runs: what is built here is the runtime itself, unoptimised
  list(APPEND options -DCMAKE_BUILD_TYPE=Debug -DCORTEX_SUBDIRECTORY=${SOURCE})
endif()

step(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${folder}/build ${options})
step(${CMAKE_COMMAND} --build ${folder}/build --target consumer caf_consumer)
step(${folder}/build/consumer)
step(${folder}/build/caf_consumer)
