# What empty_memory prints; the numbers are asserted in tests/unit/clients.
add_output_test(empty_memory_pinned PROGRAM empty_memory EXPECTED empty_memory/expected/pinned.txt
                ARGS --in-use 1M 0x2010=pinned)
add_output_test(empty_memory_offline PROGRAM empty_memory EXPECTED empty_memory/expected/offline.txt
                ARGS --want offline --in-use 1M 0x2010=pinned-anon)
add_output_test(empty_memory_v3_6 PROGRAM empty_memory EXPECTED empty_memory/expected/v3_6.txt
                ARGS --want offline --kernel v3.6 --in-use 1M 0x2010=pinned)
add_output_test(empty_memory_places PROGRAM empty_memory EXPECTED empty_memory/expected/places.txt
                ARGS --want contig-pages --range 0+4096 0x123=reserved 0x1234=kernel 0x2345=pinned-anon)
add_output_test(empty_memory_v7_2 PROGRAM empty_memory EXPECTED empty_memory/expected/places_v7_2.txt
                ARGS --kernel v7.2 --want contig-pages --range 0+4096 0x123=reserved 0x1234=kernel 0x2345=pinned-anon)
# A million pages take a third of a second where the compiler optimises, so here it is a quarter of that:
#   empty_memory --times --memory 9G --range 1048576+1048576 --in-use 4G
add_output_test(empty_memory_many PROGRAM empty_memory EXPECTED empty_memory/expected/many.txt
                ARGS --want offline --memory 3G --range 262144+262144 --in-use 1G)
add_output_test(empty_memory_json PROGRAM empty_memory EXPECTED empty_memory/expected/places.json
                ARGS --want contig-pages --range 0+4096 0x123=reserved 0x1234=kernel 0x2345=pinned-anon --json)
add_output_test(empty_memory_help PROGRAM empty_memory EXPECTED empty_memory/expected/help.txt ARGS --help)

# What is drawn; tests/html opens it.
set(drawn ${PROJECT_BINARY_DIR}/examples/empty_memory_drawn)
add_output_test(empty_memory_draws PROGRAM empty_memory EXPECTED empty_memory/expected/pinned.txt
                ARGS --in-use 1M 0x2010=pinned --html ${drawn}.html)
set_tests_properties(example/empty_memory_draws PROPERTIES FIXTURES_SETUP empty_memory_drawn)

# What makes no sense is told in a line.
foreach(wrong "5=foo" "=pinned" "5=pinned:x" "5=clean:3" "0x9999=pinned" "--range 5" "--range 5+0" "--range 0x3fff+2" "--memory 0"
              "--memory 5000" "--in-use 64M" "--objection" "--want contig-pages --range 0+100" "--rounds 0"
              "--movable 4M --range 0x3e00+1024" "--rounds 3" "5=pinned 5=locked" "--range=" "--html no/such/folder/x.html")
  separate_arguments(args UNIX_COMMAND "${wrong}")
  string(MAKE_C_IDENTIFIER "${wrong}" name)
  add_test(NAME example/empty_memory_wrong_${name} COMMAND empty_memory ${args})
  set_tests_properties(example/empty_memory_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^empty_memory: [^\n]*\n$")
endforeach()
