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

# A real guest.
add_output_test(unplug_from PROGRAM unplug EXPECTED unplug/expected/sample.txt ARGS --from examples/data/sample --sub-block 2M,32M)
add_output_test(unplug_from_v7_2 PROGRAM unplug EXPECTED unplug/expected/sample_v7_2.csv
                ARGS --from examples/data/sample --kernel v7.2 --want 50 --csv)
add_test(NAME example/unplug_from_words
         COMMAND ${CMAKE_COMMAND}
                 -DPROGRAM=$<TARGET_FILE:unplug>
                 -DSAMPLE=${CMAKE_CURRENT_SOURCE_DIR}/data/sample
                 -DSCRATCH=${CMAKE_CURRENT_BINARY_DIR}/unplug_from_words
                 -P ${CMAKE_CURRENT_LIST_DIR}/check_from.cmake)
set_tests_properties(example/unplug_from_words PROPERTIES LABELS example TIMEOUT 300)

# Where recordings of further machines lie beside the project: those with a virtio-mem device.
file(GLOB recordings CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/../shared/realkernel/*virtiomem/meta.json
     ${PROJECT_SOURCE_DIR}/../shared/realkernel/*/*virtiomem/meta.json)
foreach(recording IN LISTS recordings)
  cmake_path(GET recording PARENT_PATH folder)
  string(MAKE_C_IDENTIFIER "${folder}" name)
  string(REGEX REPLACE ".*realkernel_" "" name "${name}")
  add_test(NAME example/unplug_from/shared/${name} COMMAND unplug --from ${folder})
  set_tests_properties(example/unplug_from/shared/${name}
                       PROPERTIES LABELS example TIMEOUT 60 PASS_REGULAR_EXPRESSION "iomem shows [0-9]+ memory blocks of a device")
endforeach()
