# Writes the library as one header, for an online compiler or a bug report where a single file is all one can attach:
# all of it, or only the headers that are named ("pageblock/pageblock.hpp") and what they include. It is never
# committed, so it cannot grow old.
#
#   cmake -DROOT=<tree> -DOUT=<file> [-DHEADERS=<header>;...] -P amalgamate.cmake
#
# In a program that finds the ordinary headers too, it includes those: two copies of a class in one file are an error.
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

  if(NOT EXISTS ${ROOT}/include/${header})
    message(FATAL_ERROR "amalgamate: there is no ${ROOT}/include/${header}")
  endif()
  file(READ ${ROOT}/include/${header} text)
  string(REPLACE "#pragma once\n" "" text "${text}")
  string(REGEX REPLACE "^// SPDX[^\n]*\n" "" text "${text}")
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

if(NOT HEADERS)
  file(GLOB_RECURSE HEADERS RELATIVE ${ROOT}/include ${ROOT}/include/pageblock/*.hpp)
endif()

include(${CMAKE_CURRENT_LIST_DIR}/version.cmake)
read_version(version ${ROOT})
file(READ ${ROOT}/LICENSE license)
string(REGEX REPLACE "\n$" "" license "${license}")
string(REPLACE "\n" "\n// " license "// ${license}")
string(REPLACE "// \n" "//\n" license "${license}")

file(WRITE ${OUT} "// SPDX-License-Identifier: MIT
// pageblock ${version} in one file, made by cmake/amalgamate.cmake. Do not edit.
//
${license}
#pragma once

#if __has_include(\"pageblock/base/version.hpp\")
")
foreach(header IN LISTS HEADERS)
  file(APPEND ${OUT} "#include \"${header}\"\n")
endforeach()
string(REGEX MATCH "(.*)\\.(.*)\\.(.*)" version ${version})
file(APPEND ${OUT} "#if PAGEBLOCK_VERSION_MAJOR != ${CMAKE_MATCH_1} || PAGEBLOCK_VERSION_MINOR != ${CMAKE_MATCH_2} || \\
    PAGEBLOCK_VERSION_PATCH != ${CMAKE_MATCH_3}
#error \"this file is pageblock ${version}, but the headers in the include path are of another version\"
#endif
#else
")
foreach(header IN LISTS HEADERS)
  inline_header(${header})
endforeach()
file(APPEND ${OUT} "\n#endif  // no pageblock headers in the include path\n")
