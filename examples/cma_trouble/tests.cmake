# What cma_trouble prints: the same numbers on every machine.
add_output_test(cma_trouble PROGRAM cma_trouble EXPECTED cma_trouble/expected/table.txt ARGS --tries 3)
add_output_test(cma_trouble_v3_6 PROGRAM cma_trouble EXPECTED cma_trouble/expected/table_v3_6.txt
                ARGS --kernel v3.6 --align dma --tries 3)
add_output_test(cma_trouble_v6_12 PROGRAM cma_trouble EXPECTED cma_trouble/expected/table_v6_12.json
                ARGS --kernel v6.12 --align dma --tries 3 --json)
add_output_test(cma_trouble_v7_2 PROGRAM cma_trouble EXPECTED cma_trouble/expected/held_v7_2.txt STATUS 1
                ARGS --kernel v7.2 --one --request 2M --held 60)
add_output_test(cma_trouble_busy PROGRAM cma_trouble EXPECTED cma_trouble/expected/busy.txt STATUS 1
                ARGS --one --request 2M --pins 64)
add_output_test(cma_trouble_held PROGRAM cma_trouble EXPECTED cma_trouble/expected/held.txt STATUS 1
                ARGS --one --request 2M --held 60)
add_output_test(cma_trouble_served PROGRAM cma_trouble EXPECTED cma_trouble/expected/served.txt
                ARGS --one --request 2M --pins 16 --order-per-bit 4)
add_output_test(cma_trouble_help PROGRAM cma_trouble EXPECTED cma_trouble/expected/help.txt ARGS --help)

# What it prints is what whynot reads.
add_test(NAME example/cma_trouble_whynot
         COMMAND sh -c "$<TARGET_FILE:cma_trouble> --one --request 2M --held 60 | $<TARGET_FILE:whynot>")
set_tests_properties(example/cma_trouble_whynot PROPERTIES LABELS example TIMEOUT 60
                     PASS_REGULAR_EXPRESSION "CMA area camera: an allocation got no 512 pages.*the area is split")

# Options that make no sense are told in a line.
foreach(wrong "--memory 1M" "--area 200M" "--request 0" "--one --tries 3" "--kernel v2.6" "--free 0" "--order-per-bit 10" "--seed 18446744073709551616")
  separate_arguments(args UNIX_COMMAND "${wrong}")
  string(MAKE_C_IDENTIFIER "${wrong}" name)
  add_test(NAME example/cma_trouble_wrong_${name} COMMAND cma_trouble ${args})
  set_tests_properties(example/cma_trouble_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^cma_trouble: --[^\n]*\n$")
endforeach()

# An area is whole pageblocks, and the text says so: page cache cannot have more of it than there is.
add_test(NAME example/cma_trouble_whole_blocks COMMAND cma_trouble --area 4K --memory 32M --pins 0 --tries 1)
set_tests_properties(example/cma_trouble_whole_blocks PROPERTIES LABELS example TIMEOUT 60
                     PASS_REGULAR_EXPRESSION "a CMA area of 2 MiB.*the area's 512 pages")
