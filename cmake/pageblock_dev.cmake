# How this project compiles its own tests and examples. Warnings, sanitizers and coverage are ours alone: they sit on
# pageblock_dev, which is never exported, so no user inherits a flag.
set(PAGEBLOCK_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize: address,undefined or thread")
option(PAGEBLOCK_COVERAGE "Record which lines the tests run" OFF)

add_library(pageblock_dev INTERFACE)
target_link_libraries(pageblock_dev INTERFACE pageblock::pageblock)

if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
               -Wnon-virtual-dtor -Wold-style-cast
               $<IF:$<CXX_COMPILER_ID:GNU>,-Wuseless-cast,-Wcomma>)
  target_compile_options(pageblock_dev INTERFACE ${warnings})
endif()

if(PAGEBLOCK_SANITIZE)
  set(sanitize -fsanitize=${PAGEBLOCK_SANITIZE} -fno-sanitize-recover=all)
  target_compile_options(pageblock_dev INTERFACE ${sanitize} -fno-omit-frame-pointer)
  target_link_options(pageblock_dev INTERFACE ${sanitize})
endif()

if(PAGEBLOCK_COVERAGE)
  # Atomic counts, since threads run the same lines.
  target_compile_options(pageblock_dev INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(pageblock_dev INTERFACE --coverage)
endif()
