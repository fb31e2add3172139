# What offline_check prints for the recorded sample, and how it refuses input that cannot be right.
add_output_test(offline_check_sample PROGRAM offline_check
                EXPECTED expected/offline_check_sample.txt
                ARGS examples/data/sample)
add_output_test(offline_check_json PROGRAM offline_check
                EXPECTED expected/offline_check_sample.json
                ARGS examples/data/sample --json --kernel v3.6)
add_output_test(offline_check_help PROGRAM offline_check
                EXPECTED expected/offline_check_help.txt
                ARGS --help)

add_test(NAME "example/offline_check_wrong_input"
         COMMAND ${CMAKE_COMMAND}
                 -DPROGRAM=$<TARGET_FILE:offline_check>
                 -DSAMPLE=${CMAKE_CURRENT_SOURCE_DIR}/data/sample
                 -DSCRATCH=${CMAKE_CURRENT_BINARY_DIR}/offline_check_wrong_input
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/support/check_wrong_input.cmake)
set_tests_properties("example/offline_check_wrong_input" PROPERTIES LABELS example TIMEOUT 300)
