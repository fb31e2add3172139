# Holds the tree to what a release needs: every C++ file names its licence, for whoever copies only that file; and the
# version of base/version.hpp is the one that other tools read elsewhere.
#
#   cmake [-DROOT=<tree>] -P check_release.cmake
cmake_minimum_required(VERSION 3.25)

if(NOT DEFINED ROOT)
  cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH ROOT)
endif()
set(bad 0)

macro(offence text)
  message(NOTICE "${text}")
  math(EXPR bad "${bad} + 1")
endmacro()

set(count 0)
foreach(folder include tests examples)
  file(GLOB_RECURSE sources ${ROOT}/${folder}/*.hpp ${ROOT}/${folder}/*.cpp ${ROOT}/${folder}/*.cpp.in)
  foreach(source IN LISTS sources)
    math(EXPR count "${count} + 1")
    file(STRINGS ${source} top LIMIT_COUNT 1)
    if(NOT "// SPDX-License-Identifier: MIT" IN_LIST top)
      offence("${source}:1: write // SPDX-License-Identifier: MIT")
    endif()
  endforeach()
endforeach()

include(${CMAKE_CURRENT_LIST_DIR}/version.cmake)
read_version(version ${ROOT})
string(REPLACE "." "\\." regex "${version}")

# states(<file> <text in front of the version>)
function(states file before)
  file(READ ${ROOT}/${file} text)
  if(NOT text MATCHES "(^|\n) *${before}${regex}[^0-9]")
    offence("${file}: the version is ${version}, but no line begins with '${before}${version}'")
    set(bad ${bad} PARENT_SCOPE)
  endif()
endfunction()
states(CITATION.cff "version: ")
states(.github/CHANGELOG.md "## ")
states(cmake/packaging/vcpkg/pageblock/vcpkg.json "\"version-semver\": \"")

if(bad GREATER 0 OR count EQUAL 0)
  message(FATAL_ERROR "check_release: ${bad} offences, ${count} files")
endif()
message(STATUS "check_release: version ${version}; ${count} files name their licence")
