# What unplug prints: the same numbers on every machine.
set(small --memory 512M --boot 256M --dimm 128M)
add_output_test(unplug PROGRAM unplug EXPECTED unplug/expected/table.txt ARGS ${small} --pinned 2 --long-term --online auto-movable,online_kernel)
add_output_test(unplug_v6_12 PROGRAM unplug EXPECTED unplug/expected/table_v6_12.csv
                ARGS ${small} --kernel v6.12 --by virtio-mem,dimm --online online_kernel --csv)
add_output_test(unplug_help PROGRAM unplug EXPECTED unplug/expected/help.txt ARGS --help)

# Options that make no sense are told in a line.
foreach(wrong "--memory 1000M" "--boot 100M" "--boot 8G" "--dimm 1M" "--dimm 2G" "--sub-block 3M" "--sub-block 128M"
        "--by all" "--by dimm," "--online never" "--ratio x" "--utilisation 99" "--utilisation 50 --peak 40"
        "--kernel-share 60 --cache 60" "--json --csv" "--kernel v3.6" "--memory 2T")
  separate_arguments(args UNIX_COMMAND "${wrong}")
  string(MAKE_C_IDENTIFIER "${wrong}" name)
  add_test(NAME example/unplug_wrong_${name} COMMAND unplug ${args})
  set_tests_properties(example/unplug_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^unplug: [^\n]*\n$")
endforeach()
