# Holds replay --memory to the right counts.
#
#   cmake -DPROGRAM=<replay> -DTRACE=<file> -DMEMORY=<size> -DCOUNTS=<member=number> [-DSAYS=<regular expression>]
#         -P check_trace.cmake
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${PROGRAM} --memory ${MEMORY} ${TRACE} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} --memory ${MEMORY} ${TRACE} --json OUTPUT_VARIABLE json COMMAND_ERROR_IS_FATAL ANY)
if(SAYS AND NOT text MATCHES "${SAYS}")
  message(SEND_ERROR "no match for '${SAYS}' in:\n${text}")
endif()
foreach(count IN LISTS COUNTS)
  string(REGEX MATCH "^(.*)=(.*)$" count "${count}")
  string(JSON actual GET "${json}" plain ${CMAKE_MATCH_1})
  if(NOT actual EQUAL CMAKE_MATCH_2)
    message(SEND_ERROR "plain.${CMAKE_MATCH_1} is ${actual}, not ${CMAKE_MATCH_2}")
  endif()
endforeach()
