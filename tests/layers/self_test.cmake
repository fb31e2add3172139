# Feeds cmake/check_layers.cmake small trees: a good one, and copies of it with one thing wrong each. A check that never
# fails would pass on any tree, so each rule has a tree here that breaks it.
#
#   cmake -DCHECK=<check_layers.cmake> -DWORK=<scratch folder> -P self_test.cmake
cmake_minimum_required(VERSION 3.25)

function(write_header file)
  list(JOIN ARGN "\n" text)
  file(WRITE ${WORK}/include/pageblock/${file} "${text}\n")
endfunction()

function(write_good_tree)
  file(REMOVE_RECURSE ${WORK})
  write_header(base/version.hpp "#pragma once" "#if 1" "#define PAGEBLOCK_VERSION 1" "#endif")
  write_header(base/pfn.hpp "#pragma once" "#include <vector>" "#include <fmt/format.h>"
               "#include \"pageblock/base/version.hpp\"" "[[nodiscard]] int f(int[]\; \\")
  write_header(mm/zone.hpp "#pragma once" "#include \"pageblock/base/pfn.hpp\"  // Pfn"
               "/// #include \"elsewhere.hpp\" is a comment")
  write_header(mm/page_alloc.hpp "#pragma once" "#include \"pageblock/mm/zone.hpp\"")
  write_header(isolation/page_isolation.hpp "#pragma once" "#include \"pageblock/mm/zone.hpp\"")
  write_header(clients/cma.hpp "#pragma once" "#include \"pageblock/isolation/page_isolation.hpp\"")
  write_header(lab/verify.hpp "#pragma once" "#include \"pageblock/clients/cma.hpp\"")
  write_header(lab/explore.hpp "#pragma once" "#include \"pageblock/lab/verify.hpp\"")
  write_header(io/text/report.hpp "#pragma once" "#include \"pageblock/clients/cma.hpp\"")
  write_header(io/trace/line.hpp "#pragma once" "#include \"pageblock/io/text/report.hpp\"")
  write_header(io/snapshot/snapshot.hpp "#pragma once" "#include \"pageblock/io/text/report.hpp\"")
  write_header(io/recording/state.hpp "#pragma once" "#include \"pageblock/io/trace/line.hpp\"")
  write_header(io/picture/map.hpp "#pragma once" "#include \"pageblock/io/snapshot/snapshot.hpp\""
               "#include \"pageblock/io/recording/state.hpp\"" "#include \"pageblock/lab/verify.hpp\"")
  write_header(pageblock.hpp "#pragma once" "#include \"pageblock/clients/cma.hpp\"")
endfunction()

# Runs the check; sets `status` and `printed`.
macro(check)
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${WORK} -P ${CHECK}
                  RESULT_VARIABLE status OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
endmacro()

# Puts @p line below the `#pragma once` of @p file in an otherwise good tree; the check must then print @p expected.
function(expect_offence file line expected)
  write_good_tree()
  set(text "#pragma once\n${line}\n")
  file(WRITE ${WORK}/include/pageblock/${file} "${text}")
  check()
  string(FIND "${printed}" "include/pageblock/${expected}" at)
  if(status EQUAL 0 OR at EQUAL -1)
    message(SEND_ERROR "'${line}' in ${file} should print '${expected}', but the check printed\n${printed}")
  endif()
endfunction()

write_good_tree()
check()
if(NOT status EQUAL 0)
  message(SEND_ERROR "a good tree was refused:\n${printed}")
endif()

# Upwards and sideways.
expect_offence(base/pfn.hpp "#include \"pageblock/mm/zone.hpp\""
               "base/pfn.hpp:2: base must not include mm/zone.hpp")
expect_offence(mm/zone.hpp "#include \"pageblock/isolation/page_isolation.hpp\""
               "mm/zone.hpp:2: mm must not include")
expect_offence(isolation/page_isolation.hpp "#include \"pageblock/clients/cma.hpp\""
               "isolation/page_isolation.hpp:2: isolation must not include")
expect_offence(clients/cma.hpp "#include \"pageblock/lab/verify.hpp\""
               "clients/cma.hpp:2: clients must not include")
expect_offence(io/text/report.hpp "#include \"pageblock/lab/verify.hpp\""
               "io/text/report.hpp:2: io/text must not include")
expect_offence(io/text/report.hpp "#include \"pageblock/io/trace/line.hpp\""
               "io/text/report.hpp:2: io/text must not include")
expect_offence(io/trace/line.hpp "#include \"pageblock/io/recording/state.hpp\""
               "io/trace/line.hpp:2: io/trace must not include")
expect_offence(io/snapshot/snapshot.hpp "#include \"pageblock/io/trace/line.hpp\""
               "io/snapshot/snapshot.hpp:2: io/snapshot must not include")
expect_offence(io/snapshot/snapshot.hpp "#include \"pageblock/io/recording/state.hpp\""
               "io/snapshot/snapshot.hpp:2: io/snapshot must not include")
expect_offence(io/recording/state.hpp "#include \"pageblock/io/picture/map.hpp\""
               "io/recording/state.hpp:2: io/recording must not include")
expect_offence(lab/verify.hpp "#include \"pageblock/io/text/report.hpp\""
               "lab/verify.hpp:2: lab must not include")
expect_offence(pageblock.hpp "#include \"pageblock/io/text/report.hpp\""
               "pageblock.hpp:2: umbrella must not include")

# Without the version.
expect_offence(base/pfn.hpp "#include <vector>" "base/pfn.hpp:1: include base/version.hpp")

# In a circle.
expect_offence(mm/zone.hpp "#include \"pageblock/mm/page_alloc.hpp\""
               "mm/page_alloc.hpp:2: includes go in a circle: mm/zone.hpp -> mm/page_alloc.hpp -> mm/zone.hpp")
expect_offence(mm/zone.hpp "#include \"pageblock/mm/zone.hpp\""
               "mm/zone.hpp:2: includes go in a circle: mm/zone.hpp -> mm/zone.hpp")

# In another form, to nowhere, from nowhere.
foreach(target "\"pfn.hpp\"" "\"../base/pfn.hpp\"" "<pageblock/base/pfn.hpp>"
               "\"pageblock/pageblock.hpp\"" "\"pageblock/base/deep/pfn.hpp\"")
  expect_offence(mm/zone.hpp "#include ${target}" "mm/zone.hpp:2: write #include")
endforeach()
expect_offence(mm/zone.hpp "#include \"pageblock/base/gone.hpp\""
               "mm/zone.hpp:2: there is no base/gone.hpp")
expect_offence(util/misc.hpp "" "util/misc.hpp:1: the architecture has no place")
expect_offence(mm/detail/zone.hpp "" "mm/detail/zone.hpp:1: the architecture has no place")
expect_offence(io/report.hpp "" "io/report.hpp:1: the architecture has no place")

# What makes a compiler warn.
expect_offence(mm/zone.hpp "  std::ranges::stable_sort(list)" "mm/zone.hpp:2: use detail::sort_stably")

# The preprocessor, and length.
foreach(directive if ifdef ifndef define undef)
  expect_offence(mm/zone.hpp "  # ${directive} X" "mm/zone.hpp:2: #${directive} belongs in")
endforeach()
string(REPEAT "\n" 398 lines)
expect_offence(mm/zone.hpp "${lines}\n" "mm/zone.hpp:401: 401 lines")
