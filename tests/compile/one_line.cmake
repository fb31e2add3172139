# A compiler that cannot do what pageblock needs says so in one line: FLAG makes it one, MESSAGE is the line.
cmake_minimum_required(VERSION 3.25)

list(TRANSFORM INCLUDES PREPEND -I)
set(ENV{LC_ALL} C)
foreach(header pageblock.hpp lab/verify.hpp io/text/parse_error.hpp)
  file(WRITE ${WORK}/user.cpp "#include <pageblock/${header}>\n")
  execute_process(COMMAND ${COMPILER} -std=c++20 ${FLAG} -fsyntax-only ${INCLUDES} ${WORK}/user.cpp
                  RESULT_VARIABLE status ERROR_VARIABLE errors)
  string(REGEX MATCHALL "error: [^\n]*" lines "${errors}")
  list(LENGTH lines count)
  if(status EQUAL 0 OR NOT count EQUAL 1 OR NOT lines MATCHES "${MESSAGE}")
    message(SEND_ERROR "${header} with ${FLAG} should end with one error, '${MESSAGE}', but printed\n${errors}")
  endif()
endforeach()
