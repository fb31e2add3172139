# What kswapd_loop prints; tests/unit/clients/reclaim_test.cpp asserts the numbers.
add_output_test(kswapd_loop PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/loop.txt)
add_output_test(kswapd_loop_lru PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/lru.txt
                ARGS --lru 1000 --kernel v3.6)
add_output_test(kswapd_loop_frees PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/frees.txt
                ARGS --lru 1000 --kernel v3.6 --frees-every 5)
add_output_test(kswapd_loop_direct PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/direct.txt ARGS --kernel v3.5-direct)
add_output_test(kswapd_loop_v6_1 PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/v6_1.txt
                ARGS --kernel v6.1 --lru 1000)
add_output_test(kswapd_loop_table PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/table.txt ARGS --table)
add_output_test(kswapd_loop_table_awake PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/table_awake.txt
                ARGS --table --awake --reclaimable)
add_output_test(kswapd_loop_price PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/price.txt ARGS --price)
add_output_test(kswapd_loop_json PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/loop.json ARGS --json)
add_output_test(kswapd_loop_help PROGRAM kswapd_loop EXPECTED kswapd_loop/expected/help.txt ARGS --help)

# Options that do not go together are told in a line.
foreach(wrong "--table --price" "--table --lru 5" "--reclaimable" "--isolated 9000" "--kernel v2.6"
              "--price --lru 5" "--price --awake" "--price --steps 3")
  separate_arguments(args UNIX_COMMAND "${wrong}")
  string(MAKE_C_IDENTIFIER "${wrong}" name)
  add_test(NAME example/kswapd_loop_wrong_${name} COMMAND kswapd_loop ${args})
  set_tests_properties(example/kswapd_loop_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^kswapd_loop: --[^\n]*\n$")
endforeach()
add_test(NAME example/kswapd_loop_wrong_behind_dashes COMMAND kswapd_loop -- --table)
set_tests_properties(example/kswapd_loop_wrong_behind_dashes PROPERTIES LABELS example TIMEOUT 60
                     PASS_REGULAR_EXPRESSION "^kswapd_loop: nothing is known of '--table'\n$")
