# A file that must not compile proves something only if it would compile without the one wrong line, and if the compiler
# refuses it for the reason we mean. So it is compiled twice: as it is (fine), then with MUST_FAIL (refused, with the
# text of its first line, "// expect: TEXT", among the errors).
cmake_minimum_required(VERSION 3.25)

file(READ ${SOURCE} text)
if(NOT text MATCHES "^// expect: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE}:1: must start with '// expect: TEXT'")
endif()
set(expected "${CMAKE_MATCH_1}")

list(TRANSFORM INCLUDES PREPEND -I)
list(TRANSFORM DEFINITIONS PREPEND -D)
set(compile ${COMPILER} -std=c++20 -fsyntax-only ${INCLUDES} ${DEFINITIONS} ${SOURCE})
set(ENV{LC_ALL} C)  # the errors in English

execute_process(COMMAND ${compile} RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} does not even compile without MUST_FAIL:\n${errors}")
endif()

execute_process(COMMAND ${compile} -DMUST_FAIL RESULT_VARIABLE status ERROR_VARIABLE errors)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles with MUST_FAIL")
endif()
string(FIND "${errors}" "${expected}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${SOURCE} is refused, but not with '${expected}':\n${errors}")
endif()
