# Writes a program's man page from its --help, so that both say the same.
#
#   cmake -DPROGRAM=<exe> -DNAME=<name> -DVERSION=<version> -DOUTPUT=<file> -P man_page.cmake
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${PROGRAM} --help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)

# What means something to roff; and in a CMake list, where it comes back at the end.
string(REPLACE "\\" "\\e" help "${help}")
string(REPLACE "-" "\\-" help "${help}")
string(REPLACE ";" "<semicolon>" help "${help}")
string(REPLACE "[" "<open>" help "${help}")
string(REPLACE "]" "<close>" help "${help}")
string(REPLACE "\n" ";" lines "${help}")

set(part usage)
set(synopsis)
set(description)
set(options)
set(rest)
set(is_new FALSE)  # paragraph
set(bold "")
foreach(line IN LISTS lines)
  if(part STREQUAL "usage")
    if(line MATCHES "^(Usage:|      ) [^ ]+ (.*)$")
      string(APPEND synopsis ".B ${NAME}\n${CMAKE_MATCH_2}\n.br\n")
    else()
      set(part description)
    endif()
  elseif(line STREQUAL "Options:")
    set(part options)
  elseif(line STREQUAL "")
    set(is_new TRUE)
    if(part STREQUAL "options")
      set(part rest)
    endif()
  elseif(part STREQUAL "options")
    if(line MATCHES "^  ([^ ].*)$")
      set(row "${CMAKE_MATCH_1}")
      if(row MATCHES "^(.*[^ ])   *([^ ].*)$")
        string(APPEND options ".TP\n.B ${CMAKE_MATCH_1}\n${CMAKE_MATCH_2}\n")
      else()
        string(APPEND options ".TP\n.B ${row}\n")
      endif()
    else()
      string(STRIP "${line}" line)
      string(APPEND options "${line}\n")
    endif()
  else()
    if(line MATCHES "^(Exit status): (.*)$")
      string(APPEND rest ".SH EXIT STATUS\n${CMAKE_MATCH_2}\n")
    elseif(is_new AND part STREQUAL "rest" AND rest STREQUAL "")
      string(APPEND rest ".SH NOTES\n${line}\n")
    elseif(is_new AND NOT "${${part}}" STREQUAL "")
      string(APPEND ${part} ".PP\n${line}\n")
    else()
      string(APPEND ${part} "${line}\n")
    endif()
    set(is_new FALSE)
  endif()
endforeach()

# The first sentence says what it is.
string(REPLACE "\n" " " summary "${description}")
string(REGEX REPLACE "[.:,].*" "" summary "${summary}")
set(page ".TH ${NAME} 1 \"\" \"pageblock ${VERSION}\" \"User Commands\"
.SH NAME
${NAME} \\- ${summary}
.SH SYNOPSIS
${synopsis}.SH DESCRIPTION
${description}.SH OPTIONS
${options}${rest}")
string(REPLACE "<semicolon>" ";" page "${page}")
string(REPLACE "<open>" "[" page "${page}")
string(REPLACE "<close>" "]" page "${page}")
file(WRITE ${OUTPUT} "${page}")
