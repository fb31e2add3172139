# Writes the library as one header, for an online compiler or a bug report where a single file is all one can attach.
# It is made from the umbrella and never committed, so it cannot grow old.
#
#   cmake -DROOT=<tree> -DOUT=<file> -P amalgamate.cmake
cmake_minimum_required(VERSION 3.25)

if(NOT IS_DIRECTORY "${ROOT}/include/pageblock" OR NOT OUT)
  message(FATAL_ERROR "Usage: cmake -DROOT=<tree> -DOUT=<file> -P amalgamate.cmake")
endif()

# Appends @p header to OUT, each of its own includes in its place the first time it is met.
function(inline_header header)
  get_property(done GLOBAL PROPERTY inlined)
  if(header IN_LIST done)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY inlined ${header})

  file(READ ${ROOT}/include/${header} text)
  string(REPLACE "#pragma once\n" "" text "${text}")
  string(PREPEND text "\n")  # so that a directive always follows a newline
  set(include "\n#include \"pageblock/")
  string(LENGTH "${include}" include_length)
  while(TRUE)
    string(FIND "${text}" "${include}" at)
    if(at EQUAL -1)
      break()
    endif()
    string(SUBSTRING "${text}" 0 ${at} before)
    file(APPEND ${OUT} "${before}")

    math(EXPR at "${at} + ${include_length}")
    string(SUBSTRING "${text}" ${at} -1 text)
    string(FIND "${text}" "\"" end)
    string(SUBSTRING "${text}" 0 ${end} name)
    string(FIND "${text}" "\n" end)
    string(SUBSTRING "${text}" ${end} -1 text)
    inline_header(pageblock/${name})
  endwhile()
  file(APPEND ${OUT} "${text}")
endfunction()

file(WRITE ${OUT} "// All of pageblock in one file, made by cmake/amalgamate.cmake. Do not edit.\n#pragma once\n")
inline_header(pageblock/pageblock.hpp)
