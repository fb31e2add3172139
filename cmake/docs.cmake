# The target docs (the preset docs): Doxygen over the headers and the pages, in <build folder>/docs/html.
find_package(Doxygen REQUIRED)

set(pages README.md .github/CHANGELOG.md)
file(GLOB_RECURSE more CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
     include/*.md examples/*.md tests/*.md cmake/*.md)
list(APPEND pages ${more})
list(TRANSFORM pages PREPEND ${PROJECT_SOURCE_DIR}/)
list(JOIN pages " " pages)
configure_file(${CMAKE_CURRENT_LIST_DIR}/Doxyfile.in ${PROJECT_BINARY_DIR}/Doxyfile @ONLY)

add_custom_target(docs
  COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
  COMMAND Doxygen::doxygen ${PROJECT_BINARY_DIR}/Doxyfile
  COMMAND ${CMAKE_COMMAND} -DWARNINGS=${PROJECT_BINARY_DIR}/docs/warnings.txt
          -P ${CMAKE_CURRENT_LIST_DIR}/check_docs.cmake
  COMMENT "Writing ${PROJECT_BINARY_DIR}/docs/html/index.html"
  VERBATIM)
