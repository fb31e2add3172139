# What whynot prints of cases from the field; tests/whynot looks at every answer by itself.
add_output_test(whynot_help PROGRAM whynot EXPECTED whynot/expected/help.txt ARGS --help)
add_output_test(whynot_allocation PROGRAM whynot EXPECTED whynot/expected/allocation.txt
                ARGS tests/data/field/15_alloc_failure_order9/dmesg.txt)
add_output_test(whynot_allocation_json PROGRAM whynot EXPECTED whynot/expected/allocation.json
                ARGS tests/data/field/15_alloc_failure_order9/dmesg.txt --json)
add_output_test(whynot_torn PROGRAM whynot EXPECTED whynot/expected/torn.txt
                ARGS tests/data/field/15c_alloc_failure_torn_lines/dmesg.txt)
add_output_test(whynot_cma PROGRAM whynot EXPECTED whynot/expected/cma.txt
                ARGS tests/data/field/16_cma_bitmap/dmesg.txt)
add_output_test(whynot_unmovable PROGRAM whynot EXPECTED whynot/expected/unmovable.txt
                ARGS tests/data/field/17_unmovable_page_log/dmesg.txt)
add_output_test(whynot_buddyinfo PROGRAM whynot EXPECTED whynot/expected/buddyinfo.txt
                ARGS tests/data/field/19_buddyinfo_alone/buddyinfo --order 4)

# With a snapshot beside it, a page of the log is looked up there.
add_output_test(whynot_snapshot PROGRAM whynot EXPECTED whynot/expected/snapshot.txt
                ARGS tests/data/realkernel/d01_idle_1g)

# A text without any of it: the program says what it would know.
add_test(NAME example/whynot_nothing COMMAND whynot ${CMAKE_CURRENT_LIST_DIR}/tests.cmake)
set_tests_properties(example/whynot_nothing PROPERTIES LABELS example TIMEOUT 60
                     PASS_REGULAR_EXPRESSION "I found nothing that I know. I know.*buddyinfo, /proc/pagetypeinfo")

# A page is looked up in one snapshot.
add_test(NAME example/whynot_two_snapshots
         COMMAND whynot ${PROJECT_SOURCE_DIR}/examples/data/sample ${PROJECT_SOURCE_DIR}/tests/data/realkernel/d01_idle_1g)
set_tests_properties(example/whynot_two_snapshots PROPERTIES LABELS example TIMEOUT 60
                     PASS_REGULAR_EXPRESSION "^whynot: one folder with kpageflags at a time, not '[^\n]*' as well\n$")
