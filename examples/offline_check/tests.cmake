# What offline_check prints for the recorded sample, and how it refuses input that cannot be right.
add_output_test(offline_check_sample PROGRAM offline_check
                EXPECTED offline_check/expected/sample.txt
                ARGS examples/data/sample --kernel v3.6)
add_output_test(offline_check_sample_v6_1 PROGRAM offline_check
                EXPECTED offline_check/expected/sample_v6_1.txt
                ARGS examples/data/sample)
add_output_test(offline_check_json PROGRAM offline_check
                EXPECTED offline_check/expected/sample.json
                ARGS examples/data/sample --json --kernel v3.6)
add_output_test(offline_check_help PROGRAM offline_check
                EXPECTED offline_check/expected/help.txt
                ARGS --help)

# A recording in which the kernel was asked too.
set(recording tests/data/realkernel/d01_idle_1g)
add_output_test(offline_check_recording PROGRAM offline_check
                EXPECTED offline_check/expected/recording.txt
                ARGS ${recording})
add_output_test(offline_check_recording_json PROGRAM offline_check
                EXPECTED offline_check/expected/recording.json
                ARGS ${recording} --json)
add_output_test(offline_check_compare PROGRAM offline_check
                EXPECTED offline_check/expected/compare.txt
                ARGS --compare ${recording}/before ${recording})
add_output_test(offline_check_compare_v6_12 PROGRAM offline_check
                EXPECTED offline_check/expected/compare_v6_12.txt
                ARGS --compare tests/data/realkernel/v6.12/d01_idle_1g)

# add_answers_test(<name> <percent> <recording>...) demands that so many of the verdicts agree with the kernel's answers.
function(add_answers_test name at_least)
  add_test(NAME "example/offline_check/${name}"
           COMMAND ${CMAKE_COMMAND}
                   -DPROGRAM=$<TARGET_FILE:offline_check>
                   "-DRECORDINGS=${ARGN}"
                   -DAT_LEAST=${at_least}
                   -P ${CMAKE_CURRENT_LIST_DIR}/check_answers.cmake)
  set_tests_properties("example/offline_check/${name}" PROPERTIES LABELS example TIMEOUT 300)
endfunction()
add_answers_test(answers 100 ${PROJECT_SOURCE_DIR}/${recording})

add_test(NAME "example/offline_check_comparison"
         COMMAND ${CMAKE_COMMAND}
                 -DPROGRAM=$<TARGET_FILE:offline_check>
                 -DRECORDING=${PROJECT_SOURCE_DIR}/${recording}
                 -DSCRATCH=${CMAKE_CURRENT_BINARY_DIR}/offline_check_comparison
                 -P ${CMAKE_CURRENT_LIST_DIR}/check_comparison.cmake)
set_tests_properties("example/offline_check_comparison" PROPERTIES LABELS example TIMEOUT 300)

add_test(NAME "example/offline_check_wrong_input"
         COMMAND ${CMAKE_COMMAND}
                 -DPROGRAM=$<TARGET_FILE:offline_check>
                 -DSAMPLE=${CMAKE_CURRENT_SOURCE_DIR}/data/sample
                 -DSCRATCH=${CMAKE_CURRENT_BINARY_DIR}/offline_check_wrong_input
                 -P ${CMAKE_CURRENT_LIST_DIR}/check_wrong_input.cmake)
set_tests_properties("example/offline_check_wrong_input" PROPERTIES LABELS example TIMEOUT 300)

# Where recordings of further machines lie beside the project, each must be readable and judged, and the verdicts of
# all together agree with what the kernels answered.
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
file(GLOB recordings CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/../shared/realkernel/*/before/kpageflags.xz)
list(TRANSFORM recordings REPLACE "/before/kpageflags.xz$" "")
if(recordings)
  add_answers_test(shared/answers 95 ${recordings})
endif()

# The picture on the front page.
add_test(NAME "example/offline_check_picture"
         COMMAND sh -c "'$<TARGET_FILE:offline_check>' examples/data/sample --svg '${PROJECT_BINARY_DIR}/sample.svg' >/dev/null &&
                        cmp '${PROJECT_BINARY_DIR}/sample.svg' examples/offline_check/expected/sample.svg"
         WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties("example/offline_check_picture" PROPERTIES LABELS example TIMEOUT 60)

# The page for a browser: what tests/html does not see is that the verdicts stand in it.
add_test(NAME "example/offline_check_html"
         COMMAND sh -c "'$<TARGET_FILE:offline_check>' examples/data/sample --html '${PROJECT_BINARY_DIR}/sample.html' >/dev/null &&
                        grep -o '\"refused (EBUSY) for page 0x100000, slab; [^\"]*\"' '${PROJECT_BINARY_DIR}/sample.html'"
         WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties("example/offline_check_html" PROPERTIES LABELS example TIMEOUT 60 FIXTURES_SETUP offline_check_drawn
                     PASS_REGULAR_EXPRESSION "waiting will not help; free 32321, movable 0, unmovable 315, unknown 132")
