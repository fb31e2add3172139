# What the conformance program says and how it ends: on good vectors, on vectors that were tampered
# with, and on what is no vector.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
file(READ ${EXAMPLE} example)
set(failures 0)

# Runs the program on a file and checks its exit status and that its output matches all patterns.
function(expect what status)
  execute_process(COMMAND ${PROGRAM} ${FILES} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  set(wrong)
  if(NOT result STREQUAL "${status}")
    list(APPEND wrong "exit status ${result} instead of ${status}")
  endif()
  foreach(pattern IN LISTS ARGN)
    if(NOT output MATCHES "${pattern}")
      list(APPEND wrong "no match for \"${pattern}\"")
    endif()
  endforeach()
  if(wrong)
    message("${what}: ${wrong}\n${output}")
    math(EXPR failures "${failures} + 1")
    set(failures ${failures} PARENT_SCOPE)
  endif()
endfunction()

# The same on the example with one piece of text replaced, which must be there.
function(expect_changed what from to status)
  string(REPLACE "${from}" "${to}" changed "${example}")
  if(changed STREQUAL example)
    message(FATAL_ERROR "${what}: the example has no \"${from}\"")
  endif()
  file(WRITE ${WORK}/changed.vec "${changed}")
  set(FILES ${WORK}/changed.vec)
  expect("${what}" ${status} ${ARGN})
  set(failures ${failures} PARENT_SCOPE)
endfunction()

set(FILES ${EXAMPLE} ${VECTOR})
expect("good files" 0 "worked-example.vec: 3 operations, 3 hashes, 1 dumps: ok" "715 operations.*ok"
       "2 files, 718 operations in [0-9.]+ s: [0-9.]+ million a second")

expect_changed("a wrong pfn" "pfn=0 h=" "pfn=6 h=" 1 "line 7: alloc" "expected result ok pfn=6"
               "got result +ok pfn=0")
expect_changed("a wrong hash" "h=562d047f5870108a\ndump" "h=562d047f5870108b\ndump" 1
               "line 8: isolate" "expected hash 562d047f5870108b" "got hash +562d047f5870108a"
               "equal again")
expect_changed("another state" "isolate pfn=4" "isolate pfn=6" 1 "line 8" "expected blocks 2.2 5.1 2.1"
               "got +blocks 2.3 5.1")
expect_changed("a wrong dump" "mt=5 : 4" "mt=5 : 6" 1 "line 9: the dump differs"
               "expected free order=2 mt=5 : 6" "got +free order=2 mt=5 : 4")
expect_changed("a BUG that is none" "isolate pfn=4 -> r=0" "isolate pfn=4 -> r=BUG" 1
               "got result +0")
expect_changed("a BUG that was not recorded" "isolate pfn=4 -> r=0" "isolate pfn=9 -> r=0" 1
               "got result +BUG .*pfn is not in the zone")
expect_changed("an unknown operation" "isolate pfn=4" "isolated pfn=4" 1 "line 8: unreadable"
               "is no operation")
expect_changed("an unknown argument" "isolate pfn=4" "isolate pfn=4 now=1" 1 "line 8: unreadable"
               "has no argument .now.")
expect_changed("a number that is none" "isolate pfn=4" "isolate pfn=4x" 1 "is no number in range")
expect_changed("a huge number" "isolate pfn=4" "isolate pfn=99999999999999999999" 1
               "is no number in range")
expect_changed("a line without result" "isolate pfn=4 -> r=0 h=562d047f5870108a" "isolate pfn=4" 1
               "line 8: unreadable: there is no result")
expect_changed("a short hash" "h=bfd4cf58fabb19af" "h=bfd4" 1 "a hash has 16 digits")
expect_changed("a migratetype that is none" "mt=2 cold" "mt=9 cold" 1 "no such migratetype")
expect_changed("an order too high" "order=0 mt=2 cold" "order=4 mt=2 cold" 1 "above the largest")
expect_changed("a cut dump" "| end h=562d047f5870108a" "" 1 "the dump has no end")
expect_changed("another geometry" "pageblock_order=1" "pageblock_order=9" 1
               "not built for v3.6 max_order=4 pageblock_order=9")
expect_changed("another version" "version=1" "version=2" 1 "reads versions 1 and 6")
expect_changed("another profile" "profile=v3.6" "profile=v6.1" 1
               "does not know kernel v6.1 .version 1 of the format")
expect_changed("a kernel that is not modelled" "version=1 profile=v3.6" "version=6 profile=v6.2" 1
               "line [0-9]+: unreadable: this build does not know kernel v6.2")
expect_changed("no setup" "populate maxorder=3" "repopulate maxorder=3" 1 "is no setup line")
expect_changed("more CPUs than there can be" "cpus n=1" "cpus n=1000" 1 "BUG .*more CPUs")
expect_changed("a giant zone" "pages=8 type" "pages=4000000000 type" 1
               "line 4: unreadable: a zone of more than 268435456 pages")
expect_changed("a range beyond the zone" "isolate pfn=4 -> r=0" "hold s=0 e=4611686018427387904 -> r=ok"
               1 "line 8: unreadable: the range leaves the zone")

# The same of v6.1, which has events.
file(READ ${EXAMPLE_V6} example)
set(FILES ${EXAMPLE_V6})
expect("good events" 0 "4 operations, 4 hashes, 1 dumps, 2 events: ok")
expect_changed("a wrong event" "> zone_locked pfn=1 order=0 mt=1 percpu=1" "> zone_locked pfn=1 order=0 mt=2 percpu=1" 1
               "line 7: alloc" "event 2 of 2" "expected event zone_locked mt=2" "got event      zone_locked mt=1")
expect_changed("an event too many" "> zone_locked pfn=1 order=0 mt=1 percpu=1"
               "> zone_locked pfn=1 order=0 mt=1 percpu=1\n> page_free pfn=1" 1 "got event      none")
expect_changed("an event too few" "> zone_locked pfn=1 order=0 mt=1 percpu=1\n" "" 1 "expected event none"
               "got event      zone_locked")
expect_changed("events that begin too late" "> zone_locked pfn=0 order=0 mt=1 percpu=1\n> zone_locked pfn=1 order=0 mt=1 percpu=1\n"
               "drain -> r=ok\n> pcpu_drain pfn=1 mt=1\n" 1 "line 7: alloc" "event 1 of 0")
expect_changed("an event before all" "populate" "> page_free pfn=1\npopulate" 1 "expected event page_free")
expect_changed("an unknown gfp flag" "isolate pfn=4 s=4 e=6 mt=1 flags=0" "alloc_pages order=0 gfp=1" 1
               "no such gfp flag")
expect_changed("a wrong hash of both zones" "h=d85ea495d26afb62" "h=d85ea495d26afb63" 1
               "got hash +d85ea495d26afb62")

# What costs much to read.
file(WRITE ${WORK}/long_line.vec "# a line\n")
string(REPEAT "0123456789abcdef" 131072 endless)
file(APPEND ${WORK}/long_line.vec "${endless}")
set(FILES ${WORK}/long_line.vec)
expect("an endless line" 2 "line 2 has more than 1048576 bytes")
set(FILES --max-line 4194304 ${WORK}/long_line.vec)
expect("an endless line that may be" 1 "a vector begins with a vec line")
set(FILES --max-size 1000 ${VECTOR})
expect("a small archive of a large file" 2 "it has more than 1000 bytes .--max-size")
set(FILES --max-size many ${VECTOR})
expect("a limit that is none" 2 "--max-size")
set(FILES --fast ${VECTOR})
expect("an unknown option" 2 "--fast")
if(EXISTS /dev/full)
  execute_process(COMMAND ${PROGRAM} ${EXAMPLE} OUTPUT_FILE /dev/full RESULT_VARIABLE result
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 1 OR output STREQUAL "")
    message("a full disk: ${result} ${output}")
    math(EXPR failures "${failures} + 1")
  endif()
endif()

file(WRITE ${WORK}/empty.vec "")
set(FILES ${WORK}/empty.vec)
expect("an empty file" 1 "has no geom line")
set(FILES ${WORK}/none.vec)
expect("no such file" 2 "none.vec: No such file")
set(FILES ${WORK})
expect("a folder" 2 "Is a directory")
set(FILES)
expect("no argument" 2 "conformance: a file is needed")
execute_process(COMMAND head -c 5000 ${VECTOR} OUTPUT_FILE ${WORK}/cut.vec.gz)
set(FILES ${WORK}/cut.vec.gz)
expect("a cut archive" 2 "the compressed data ends early")
execute_process(COMMAND ${PROGRAM} - INPUT_FILE ${VECTOR} RESULT_VARIABLE result
                OUTPUT_VARIABLE output)
if(NOT result EQUAL 0 OR NOT output MATCHES "^-: 715 operations.*: ok")
  message("standard input: ${result}\n${output}")
  math(EXPR failures "${failures} + 1")
endif()

if(failures)
  message(FATAL_ERROR "${failures} of the above differ")
endif()
