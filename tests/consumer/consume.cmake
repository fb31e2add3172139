# Configures, builds and runs the consumer project from nothing, pageblock coming to it in the given WAY.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
if(WAY STREQUAL "installed")
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${PAGEBLOCK_BUILD} --prefix ${prefix}
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endif()

execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/project -B ${WORK}/build
                        -G ${GENERATOR} --no-warn-unused-cli
                        -DCMAKE_CXX_COMPILER=${COMPILER}
                        "-DCMAKE_PREFIX_PATH=${prefix};${PREFIX_PATH}"
                        -DWAY=${WAY}
                        -DPAGEBLOCK_SOURCE=${PAGEBLOCK_SOURCE}
                        -DFETCHCONTENT_SOURCE_DIR_PAGEBLOCK=${PAGEBLOCK_SOURCE}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/build/consumer OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed STREQUAL "42\n")
  message(FATAL_ERROR "the consumer printed '${printed}', not 42")
endif()
