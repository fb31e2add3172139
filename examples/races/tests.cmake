# What races prints: tests/races looks at every race by itself.
add_output_test(races_help PROGRAM races EXPECTED races/expected/help.txt ARGS --help)
add_output_test(races_list PROGRAM races EXPECTED races/expected/list.txt)
add_output_test(races_r1 PROGRAM races EXPECTED races/expected/r1.txt STATUS 1 ARGS R1)
add_output_test(races_r6 PROGRAM races EXPECTED races/expected/r6.txt STATUS 1 ARGS R6)
add_output_test(races_r9 PROGRAM races EXPECTED races/expected/r9.txt STATUS 1 ARGS r9)
add_output_test(races_fixed PROGRAM races EXPECTED races/expected/r9_fixed.txt ARGS R9 --kernel "v6.1, fixed")
add_output_test(races_schedule PROGRAM races EXPECTED races/expected/schedule.txt STATUS 1
                ARGS R6 --schedule "R6/v6.1:X4@zone_unlock,Y5@zone_unlock" --twice)

# What is drawn; tests/html opens it.
set(drawn ${PROJECT_BINARY_DIR}/examples/races_drawn)
add_output_test(races_draws PROGRAM races EXPECTED races/expected/r6.txt STATUS 1 ARGS R6 --html ${drawn}.html)
set_tests_properties(example/races_draws PROPERTIES FIXTURES_SETUP races_drawn)
add_test(NAME example/races_draws_nothing COMMAND races R9 --kernel "v6.1, fixed" --html ${drawn}_nothing.html)
set_tests_properties(example/races_draws_nothing PROPERTIES LABELS example TIMEOUT 300
                     PASS_REGULAR_EXPRESSION "races: nothing was found that could be drawn")

# A search that is cut short says how to go on with it.
add_output_test(races_cut PROGRAM races EXPECTED races/expected/cut.txt STATUS 3
                ARGS R9 --kernel "v6.1, fixed" --bound 1 --runs 40)
add_output_test(races_resumed PROGRAM races EXPECTED races/expected/resumed.txt
                ARGS R9 --kernel "v6.1, fixed" --bound 1 --resume "1:0/1,0/1,0/1,0/1,0/1,0/1,2/7,2/4,2/4,1/3")

# Wrong arguments: one line, and exit status 2.
foreach(wrong "R99;there is no race \"R99\"" "R6 --kernel v9;has no rules of" "R6 --schedule Q3;is no stretch of a schedule"
              "R6 --schedule X4@pcp_lock;at step 4: X is at zone_unlock instead of pcp_lock"
              "R6 --schedule R9/v6.1:X4@zone_unlock;the schedule is of \"R9/v6.1\", not of \"R6/v6.1\"" "R6 --twice;--twice needs a --schedule"
              "R6 --resume 2;that was not printed by an unfinished search" "all --resume 2:;goes on with one race"
              "R6 --resume 2:7/128;the checkpoint is of another program" "R6 --resume 4:;the --bound was larger"
              "R6 --strategy pct --resume 2:;--resume is of a bounded search"
              "R6 --schedule=;--schedule needs a value" "R6 --seed 18446744073709551616;0 to 18446744073709551615"
              "all --html x.html;--html draws one race" "R6 --kernel all --html x.html;--html draws one race"
              "R6 --html no/such/folder/x.html;No such file or directory")
  list(GET wrong 0 arguments)
  list(GET wrong 1 message)
  string(MAKE_C_IDENTIFIER "${arguments}" name)
  separate_arguments(arguments)
  add_test(NAME example/races_wrong_${name} COMMAND races ${arguments})
  set_tests_properties(example/races_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^races: .*${message}")
endforeach()
