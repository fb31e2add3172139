# Writes what bash completes behind a program's name, from its --help: options, and the words that an option takes.
#
#   cmake -DPROGRAM=<exe> -DNAME=<name> -DOUTPUT=<file> -P bash_completion.cmake
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${PROGRAM} --help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE ";" "," help "${help}")
string(REPLACE "[" "(" help "${help}")
string(REPLACE "]" ")" help "${help}")
string(REPLACE "\n" ";" lines "${help}")

set(options)
set(choices)  # the cases of the options that take one of several words
set(others)   # the options that take any value
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^  (-[a-z], )?(--[a-z][a-z_-]*)( ([^ ]+))?")
    continue()
  endif()
  set(option ${CMAKE_MATCH_2})
  set(value "${CMAKE_MATCH_4}")
  list(APPEND options ${option})
  if(value MATCHES "[|]")
    string(REPLACE "|" " " words "${value}")
    string(APPEND choices "    ${option}) COMPREPLY=($(compgen -W '${words}' -- \"$word\")); return ;;\n")
  elseif(NOT value STREQUAL "")
    list(APPEND others ${option})
  endif()
endforeach()
if(others)
  list(JOIN others " | " others)
  string(APPEND choices "    ${others}) compopt -o default 2>/dev/null; return ;;\n")
endif()
list(JOIN options " " options)
string(REGEX REPLACE "[^a-z0-9_]" "_" function "_pageblock_${NAME}")

file(WRITE ${OUTPUT} "# bash completion for ${NAME}
${function}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # \"--color=al\" comes as three words.
  if [[ \$word == = ]]; then word=; elif [[ \$before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  case \$before in
${choices}  esac
  if [[ \$word == -* ]]; then
    COMPREPLY=($(compgen -W '${options}' -- \"\$word\"))
  else
    COMPREPLY=($(compgen -f -- \"\$word\"))
  fi
}
complete -o filenames -F ${function} ${NAME}
")
