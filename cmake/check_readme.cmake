# Holds the README to the example it shows: its first cpp block is PROGRAM and the next block is OUTPUT, both whole.
#
#   cmake -DREADME=<file> -DPROGRAM=<file> -DOUTPUT=<file> -P check_readme.cmake
cmake_minimum_required(VERSION 3.25)

file(READ ${README} rest)
string(PREPEND rest "\n")  # so that a fence always follows a newline

# The first block that @p fence opens must hold all of @p file in @p language; `rest` becomes what follows it.
function(take_block fence language file)
  file(READ ${file} text)
  string(REGEX REPLACE "^// SPDX[^\n]*\n" "" text "${text}")  # a page names its licence once
  set(block "\n```${language}\n${text}```\n")
  string(FIND "${rest}" "${fence}" first)
  string(FIND "${rest}" "${block}" found)
  if(found EQUAL -1 OR NOT found EQUAL first)
    message(FATAL_ERROR "${README}: the ${language} block is not ${file}; copy the file into it")
  endif()
  string(LENGTH "${block}" length)
  math(EXPR end "${found} + ${length} - 1")  # keeps the last newline for the next fence
  string(SUBSTRING "${rest}" ${end} -1 rest)
  set(rest "${rest}" PARENT_SCOPE)
endfunction()

take_block("\n```cpp\n" cpp ${PROGRAM})
take_block("\n```" text ${OUTPUT})
