# Holds what a program prints to a schema.
#
#   cmake -DPROGRAM=<exe> -DARGS=<list> -DCHECK=<check_schema> -DSCHEMA=<file> [-DSTATUS=<n>] -P check_schema.cmake
if(NOT DEFINED STATUS)
  set(STATUS 0)
endif()
execute_process(COMMAND ${PROGRAM} ${ARGS} COMMAND ${CHECK} ${SCHEMA} RESULTS_VARIABLE results ERROR_VARIABLE faults)
if(NOT "${results}" STREQUAL "${STATUS};0")
  message(FATAL_ERROR "${PROGRAM} ${ARGS}: exit statuses ${results}:\n${faults}")
endif()
