# A trace of two cores: 1899 events of order 0 to 9, and of all types.
set(trace tests/data/llfree/two_cores.trace.xz)
foreach(kernel 3.6 6.1 6.12 7.2)
  string(REPLACE . _ name v${kernel})
  add_output_test(llfree_replay_${name} PROGRAM llfree_replay EXPECTED llfree_replay/expected/${name}.txt
                  ARGS ${trace} --kernel v${kernel})
endforeach()
add_output_test(llfree_replay_json PROGRAM llfree_replay EXPECTED llfree_replay/expected/v6_1.json ARGS ${trace} --json)
add_output_test(llfree_replay_help PROGRAM llfree_replay EXPECTED llfree_replay/expected/help.txt ARGS --help)

# What makes no sense is told in a line.
foreach(wrong "" "one two" "no/such/file" "README.md" "--kernel v1 ${trace}")
  separate_arguments(args UNIX_COMMAND "${wrong}")
  string(MAKE_C_IDENTIFIER "${wrong}" name)
  add_test(NAME example/llfree_replay_wrong_${name} COMMAND llfree_replay ${args}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(example/llfree_replay_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^llfree_replay: [^\n]*\n$")
endforeach()
