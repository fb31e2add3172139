# Installs the headers, the licence, and what find_package(pageblock CONFIG) and pkg-config read. Nothing here depends on
# the processor, so the packages go to share/ and the version file does not look at the word size.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/pageblock)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/pageblock-config-version.cmake
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)

# GSL is headers only and has no file for pkg-config; its headers are where fmt's are, or a user says where.
set(pc_requires "fmt >= 9")
set(pc_definitions "")
if(fmt STREQUAL "fmt::fmt-header-only")
  set(pc_requires "")
  set(pc_definitions " -DFMT_HEADER_ONLY=1")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/pageblock.pc.in ${PROJECT_BINARY_DIR}/pageblock.pc @ONLY)

install(TARGETS pageblock EXPORT pageblock-targets FILE_SET HEADERS)
install(EXPORT pageblock-targets NAMESPACE pageblock:: DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/pageblock-config.cmake
              ${PROJECT_BINARY_DIR}/pageblock-config-version.cmake
        DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/pageblock.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/pageblock)
