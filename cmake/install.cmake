# Installs the headers and the package that find_package(pageblock CONFIG) reads. Nothing here depends on the
# processor, so the package goes to share/ and its version file does not look at the word size.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/pageblock)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/pageblock-config-version.cmake
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)

install(TARGETS pageblock EXPORT pageblock-targets FILE_SET HEADERS)
install(EXPORT pageblock-targets NAMESPACE pageblock:: DESTINATION ${package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/cmake/pageblock-config.cmake
              ${PROJECT_BINARY_DIR}/pageblock-config-version.cmake
        DESTINATION ${package_dir})
