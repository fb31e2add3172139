# What find_package(pageblock CONFIG) loads: first the libraries that pageblock's headers include, then pageblock.
include(CMakeFindDependencyMacro)
find_dependency(fmt 9)
find_dependency(Microsoft.GSL 4)
include(${CMAKE_CURRENT_LIST_DIR}/pageblock-targets.cmake)
