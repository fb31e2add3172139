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

# Where recordings of further machines lie beside the project, each must be readable and judged.
file(GLOB recordings CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/../shared/realkernel/*/before/kpageflags.xz
     ${PROJECT_SOURCE_DIR}/../shared/realkernel/*/after/kpageflags.xz)
foreach(recording IN LISTS recordings)
  cmake_path(GET recording PARENT_PATH folder)
  cmake_path(GET folder FILENAME moment)
  cmake_path(GET folder PARENT_PATH machine)
  cmake_path(GET machine FILENAME machine)
  set(name "example/offline_check/shared/${machine}/${moment}")
  add_test(NAME ${name} COMMAND offline_check ${folder})
  set_tests_properties(${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "of [0-9]+ memory blocks can go offline")
endforeach()
