# Builds and runs a small program from nothing, pageblock coming to it in the given WAY:
#
#   installed, fmt_headers   find_package() of what cmake --install left, fmt linked or as headers
#   subdirectory             add_subdirectory()
#   fetched                  FetchContent, from an archive of what a release needs
#   pkg_config               no CMake at all
#   vcpkg, conan             what the overlay port and the recipe install; their own clients are not needed, stubs/
#                            does by hand what those do
cmake_minimum_required(VERSION 3.25)

include(${PAGEBLOCK_SOURCE}/cmake/version.cmake)
read_version(version ${PAGEBLOCK_SOURCE})
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
set(compiler -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} --no-warn-unused-cli)

# Runs a command; sets `printed`.
function(run)
  execute_process(COMMAND ${ARGV} OUTPUT_VARIABLE printed ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\n${printed}${errors}")
  endif()
  set(printed "${printed}" PARENT_SCOPE)
endfunction()

# install_pageblock(<option>...) installs into ${prefix}.
function(install_pageblock)
  run(${CMAKE_COMMAND} -S ${PAGEBLOCK_SOURCE} -B ${WORK}/pageblock ${compiler} "-DCMAKE_PREFIX_PATH=${PREFIX_PATH}"
      -DPAGEBLOCK_TESTS=OFF -DPAGEBLOCK_EXAMPLES=OFF ${ARGN})
  run(${CMAKE_COMMAND} --install ${WORK}/pageblock --prefix ${prefix})
  if(NOT EXISTS ${prefix}/share/doc/pageblock/LICENSE)
    message(FATAL_ERROR "the licence is not installed")
  endif()
endfunction()

# build_with_cmake(<folder> <option>...)
function(build_with_cmake folder)
  run(${CMAKE_COMMAND} -S ${folder} -B ${WORK}/build ${compiler}
      "-DCMAKE_PREFIX_PATH=${prefix};${PREFIX_PATH}" ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK}/build)
endfunction()

set(project ${CMAKE_CURRENT_LIST_DIR}/project)
set(program ${WORK}/build/consumer)
if(WAY STREQUAL "installed")
  install_pageblock()
  build_with_cmake(${project} -DFMT=fmt::fmt)
elseif(WAY STREQUAL "fmt_headers")
  install_pageblock(-DPAGEBLOCK_FMT_HEADER_ONLY=ON)
  build_with_cmake(${project} -DFMT=fmt::fmt-header-only)
elseif(WAY STREQUAL "subdirectory")
  build_with_cmake(${project} -DFMT=fmt::fmt -DPAGEBLOCK_SOURCE=${PAGEBLOCK_SOURCE})
elseif(WAY STREQUAL "fetched")
  file(COPY ${CMAKE_CURRENT_LIST_DIR}/fetched/CMakeLists.txt ${CMAKE_CURRENT_LIST_DIR}/main.cpp
       DESTINATION ${WORK}/fetched)
  execute_process(COMMAND ${CMAKE_COMMAND} -E tar czf ${WORK}/fetched/pageblock.tar.gz
                          include cmake CMakeLists.txt LICENSE
                  WORKING_DIRECTORY ${PAGEBLOCK_SOURCE} COMMAND_ERROR_IS_FATAL ANY)
  build_with_cmake(${WORK}/fetched)
elseif(WAY STREQUAL "pkg_config")
  install_pageblock()
  set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig)
  run(${PKG_CONFIG} --modversion pageblock)
  if(NOT printed STREQUAL "${version}\n")
    message(FATAL_ERROR "pkg-config says version ${printed}")
  endif()
  run(${PKG_CONFIG} --cflags --libs pageblock)
  separate_arguments(flags UNIX_COMMAND "${printed}")
  file(MAKE_DIRECTORY ${WORK}/build)
  run(${COMPILER} -std=c++20 ${CMAKE_CURRENT_LIST_DIR}/main.cpp ${flags} -o ${program})
elseif(WAY STREQUAL "vcpkg")
  include(${CMAKE_CURRENT_LIST_DIR}/stubs/vcpkg.cmake)
  build_with_cmake(${project} -DFMT=fmt::fmt)
elseif(WAY STREQUAL "conan")
  run(${PYTHON} ${CMAKE_CURRENT_LIST_DIR}/stubs/run_conanfile.py ${PAGEBLOCK_SOURCE}/cmake/packaging/conan/conanfile.py
      ${WORK} ${prefix} ${version} ${CMAKE_COMMAND} ${compiler} "-DCMAKE_PREFIX_PATH=${PREFIX_PATH}")
  build_with_cmake(${project} -DFMT=fmt::fmt)
else()
  message(FATAL_ERROR "there is no way '${WAY}'")
endif()

run(${program})
if(NOT printed STREQUAL "${version} 42\n")
  message(FATAL_ERROR "the consumer printed '${printed}', not '${version} 42'")
endif()
