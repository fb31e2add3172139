# Installs the programs, with a man page and completion for bash, both made from their --help; also the schemas of their
# JSON documents, and the script that collects a folder. With PAGEBLOCK_INSTALL_PROGRAMS they belong to
# `cmake --install`; without it, they are what `cmake --install <build> --component programs` installs.
include(GNUInstallDirs)
option(PAGEBLOCK_INSTALL_PROGRAMS "Install the programs with the headers" OFF)
set(only_component EXCLUDE_FROM_ALL)
if(PAGEBLOCK_INSTALL_PROGRAMS)
  set(only_component)
endif()

# install_program(<target>) installs a program and what is made from its help.
function(install_program name)
  set(folder ${PROJECT_BINARY_DIR}/programs)
  set(page ${folder}/${name}.1)
  set(completion ${folder}/completions/${name})
  add_custom_command(
    OUTPUT ${page} ${completion}
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${name}> -DNAME=${name} -DVERSION=${PROJECT_VERSION}
            -DOUTPUT=${page} -P ${PROJECT_SOURCE_DIR}/cmake/packaging/man_page.cmake
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${name}> -DNAME=${name} -DOUTPUT=${completion}
            -P ${PROJECT_SOURCE_DIR}/cmake/packaging/bash_completion.cmake
    DEPENDS ${name} ${PROJECT_SOURCE_DIR}/cmake/packaging/man_page.cmake
            ${PROJECT_SOURCE_DIR}/cmake/packaging/bash_completion.cmake
    VERBATIM)
  add_custom_target(${name}_pages ALL DEPENDS ${page} ${completion})
  install(TARGETS ${name} RUNTIME COMPONENT programs ${only_component})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT programs ${only_component})
  install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          COMPONENT programs ${only_component})
endfunction()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples/schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/pageblock
        COMPONENT programs ${only_component})
install(PROGRAMS ${PROJECT_SOURCE_DIR}/examples/offline_check/collect.sh
        DESTINATION ${CMAKE_INSTALL_DATADIR}/pageblock COMPONENT programs ${only_component})
