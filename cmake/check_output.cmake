# Runs a program and compares what it prints with a file, byte by byte: an example's output is a promise.
#
#   cmake -DPROGRAM=<exe> [-DARGS=<list>] [-DSTATUS=<exit status>] [-DVERSION=<version>] -DEXPECTED=<file>
#         -DACTUAL=<file> -P check_output.cmake
#
# Where the file has @VERSION@, the program's version has to stand.
# What was printed stays in ACTUAL; after a wanted change, that file is the new EXPECTED.
cmake_minimum_required(VERSION 3.25)

if(NOT DEFINED STATUS)
  set(STATUS 0)
endif()
execute_process(COMMAND ${PROGRAM} ${ARGS} OUTPUT_FILE ${ACTUAL} RESULT_VARIABLE result)
if(NOT result STREQUAL STATUS)
  file(READ ${ACTUAL} text)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}, not ${STATUS}, after printing\n${text}")
endif()

if(DEFINED VERSION)
  file(READ ${EXPECTED} expected)
  string(REPLACE "@VERSION@" "${VERSION}" expected "${expected}")
  set(EXPECTED ${ACTUAL}.expected)
  file(WRITE ${EXPECTED} "${expected}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${EXPECTED} ${ACTUAL}
                RESULT_VARIABLE differs ERROR_QUIET)
if(differs)
  find_program(diff diff)
  if(diff)
    execute_process(COMMAND ${diff} -u ${EXPECTED} ${ACTUAL})
  endif()
  message(FATAL_ERROR "the output in ${ACTUAL} is not that in ${EXPECTED}")
endif()
