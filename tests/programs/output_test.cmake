# A program whose output does not arrive has failed, and says so.
#
#   cmake "-DCOMMANDS=<command>|<command>..." -P output_test.cmake
string(REPLACE "|" ";" commands "${COMMANDS}")
foreach(command IN LISTS commands)
  foreach(output ">/dev/full" ">&-")
    execute_process(COMMAND sh -c "exec ${command} ${output}" RESULT_VARIABLE result ERROR_VARIABLE text)
    if(NOT result STREQUAL 1 OR NOT text MATCHES "the output cannot be written")
      message(SEND_ERROR "${command} ${output}: exit status ${result}:\n${text}")
    endif()
  endforeach()
endforeach()
