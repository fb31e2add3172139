# Installs the programs, and tries what comes with them.
#
#   cmake -DBUILD=<folder> "-DPROGRAMS=<name>;..." -DVERSION=<version> -DPREFIX=<folder> -P install_test.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --component programs --prefix ${PREFIX}
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

foreach(name IN LISTS PROGRAMS)
  execute_process(COMMAND ${PREFIX}/bin/${name} --version OUTPUT_VARIABLE text RESULT_VARIABLE result)
  if(NOT result EQUAL 0 OR NOT text STREQUAL "${name} ${VERSION} (pageblock)\n")
    message(SEND_ERROR "${name} --version: exit status ${result}: ${text}")
  endif()
  file(READ ${PREFIX}/share/man/man1/${name}.1 page)
  if(NOT page MATCHES "^.TH ${name} 1 \"\" \"pageblock ${VERSION}\" .*\n.SH NAME\n${name} .. [A-Z].*\n.SH SYNOPSIS\n.B ${name}\n.*\n.SH DESCRIPTION\n[A-Z].*\n.SH OPTIONS\n.TP\n.*.B .-h, .-.-help\nshow this help\n.TP\n.B .-.-version\n")
    message(SEND_ERROR "The man page of ${name} is\n${page}")
  endif()
  # Whatever the help has is in the page.
  execute_process(COMMAND ${PREFIX}/bin/${name} --help OUTPUT_VARIABLE help)
  string(REGEX MATCHALL "[A-Za-z]+" help_words "${help}")
  string(REGEX MATCHALL "[A-Za-z]+" page_words "${page}")
  list(REMOVE_ITEM help_words ${page_words} Usage Options Exit status)
  if(help_words)
    message(SEND_ERROR "The man page of ${name} lacks: ${help_words}")
  endif()
endforeach()

# complete(<expected> <program> <word>...) asks bash what it would put behind these words.
find_program(bash bash REQUIRED)
function(complete expected name)
  list(LENGTH ARGN last)
  list(JOIN ARGN "' '" words)
  execute_process(COMMAND ${bash} -c "source '${PREFIX}/share/bash-completion/completions/${name}'
      COMP_WORDS=('${name}' '${words}'); COMP_CWORD=${last}; _pageblock_${name}; echo \"\${COMPREPLY[*]}\""
                  OUTPUT_VARIABLE text RESULT_VARIABLE result)
  if(NOT result EQUAL 0 OR NOT text STREQUAL "${expected}\n")
    message(SEND_ERROR "${name} ${ARGN}: bash offers '${text}' instead of '${expected}'")
  endif()
endfunction()
complete("--json" offline_check --js)
complete("--compare --color" offline_check --co)
complete("auto always never" offline_check --color "")
complete("always" offline_check --color = al)
complete("v6.1 v6.12" offline_check --kernel v6)
complete("--memory" replay trace --m)
complete("${PREFIX}/share/man" offline_check ${PREFIX}/share/ma)

foreach(file IN ITEMS collect.sh schemas/offline_check.json schemas/replay.json)
  if(NOT EXISTS ${PREFIX}/share/pageblock/${file})
    message(SEND_ERROR "share/pageblock/${file} is not installed")
  endif()
endforeach()
file(REMOVE_RECURSE ${PREFIX})
