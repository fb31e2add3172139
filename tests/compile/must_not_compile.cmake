# A file that must not compile proves something only if it would compile without the one wrong line, and if the compiler
# refuses it for the reason we mean. So it is compiled as it is (fine), then with MUST_FAIL, which is 1, 2, 3, ... for
# its lines "// expect: TEXT", one after the other (refused, with that text among the errors).
cmake_minimum_required(VERSION 3.25)

file(STRINGS ${SOURCE} expected REGEX "^// expect: [^\n]+$")
if(NOT expected)
  message(FATAL_ERROR "${SOURCE}:1: must start with '// expect: TEXT'")
endif()
list(TRANSFORM expected REPLACE "^// expect: " "")

list(TRANSFORM INCLUDES PREPEND -I)
list(TRANSFORM DEFINITIONS PREPEND -D)
set(compile ${COMPILER} -std=c++20 -fsyntax-only ${INCLUDES} ${DEFINITIONS} ${SOURCE})
set(ENV{LC_ALL} C)  # the errors in English

execute_process(COMMAND ${compile} RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} does not even compile without MUST_FAIL:\n${errors}")
endif()

set(number 0)
foreach(text IN LISTS expected)
  math(EXPR number "${number} + 1")
  execute_process(COMMAND ${compile} -DMUST_FAIL=${number} RESULT_VARIABLE status ERROR_VARIABLE errors)
  if(status EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles with MUST_FAIL=${number}")
  endif()
  string(FIND "${errors}" "${text}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${SOURCE} with MUST_FAIL=${number} is refused, but not with '${text}':\n${errors}")
  endif()
endforeach()
