# Holds every C++ file to a line that names its licence, for whoever copies only that file.
#
#   cmake [-DROOT=<tree>] -P check_license.cmake
cmake_minimum_required(VERSION 3.25)

if(NOT DEFINED ROOT)
  cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH ROOT)
endif()

set(bad 0)
set(count 0)
foreach(folder include tests examples)
  file(GLOB_RECURSE sources ${ROOT}/${folder}/*.hpp ${ROOT}/${folder}/*.cpp ${ROOT}/${folder}/*.cpp.in)
  foreach(source IN LISTS sources)
    math(EXPR count "${count} + 1")
    file(STRINGS ${source} top LIMIT_COUNT 2)
    if(NOT "// SPDX-License-Identifier: MIT" IN_LIST top)
      message(NOTICE "${source}:1: write // SPDX-License-Identifier: MIT")
      math(EXPR bad "${bad} + 1")
    endif()
  endforeach()
endforeach()
if(bad GREATER 0 OR count EQUAL 0)
  message(FATAL_ERROR "check_license: ${bad} of ${count} files name no licence")
endif()
message(STATUS "check_license: ${count} files name their licence")
