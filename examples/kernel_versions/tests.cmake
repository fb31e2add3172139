# The outcomes are asserted in tests/experiments; here is what is printed of them.
add_output_test(kernel_versions PROGRAM kernel_versions EXPECTED kernel_versions/expected/kernel_versions.txt)
add_output_test(kernel_versions_help PROGRAM kernel_versions EXPECTED kernel_versions/expected/help.txt ARGS --help)
add_output_test(kernel_versions_story PROGRAM kernel_versions EXPECTED kernel_versions/expected/D5.txt
                ARGS D5 --kernels v3.6,v6.1)
add_output_test(kernel_versions_color PROGRAM kernel_versions EXPECTED kernel_versions/expected/D5_color.txt
                ARGS D5 --kernels v3.6,v6.1 --color always)

# expect_kernel_versions(<name> <regular expression> <arg>...) holds the program to a message.
function(expect_kernel_versions name regex)
  add_test(NAME "example/kernel_versions_${name}" COMMAND kernel_versions ${ARGN})
  set_tests_properties("example/kernel_versions_${name}" PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "${regex}")
endfunction()
expect_kernel_versions(unknown_experiment "there is no experiment 'D99': they are D1 D2 .* D52" D99)
expect_kernel_versions(unknown_kernel "--kernels: 'v2.4' is none of v3.6, v6.1" --kernels v6.1,v2.4)
expect_kernel_versions(no_kernel "--kernels: '' is none of v3.6" --kernels v6.1,)
expect_kernel_versions(twice "--kernels: 'v6.1,6.1' has one twice" --kernels v6.1,6.1)
expect_kernel_versions(table "member +since +v3.6 +v6.1.*\nmove_to +v5.10 +head +tail" --table)
expect_kernel_versions(table_of_one "--table shows members, not experiments" --table D36)
expect_kernel_versions(lower_case "D36  one unmovable page" d36)

# What is drawn stands on the page, too.
set(drawn ${PROJECT_BINARY_DIR}/examples/kernel_versions_D38.svg)
add_test(NAME "example/kernel_versions_picture"
         COMMAND sh -c "'$<TARGET_FILE:kernel_versions>' D38 --svg '${drawn}' >/dev/null &&
                        cmp '${drawn}' examples/kernel_versions/expected/D38.svg"
         WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties("example/kernel_versions_picture" PROPERTIES LABELS example TIMEOUT 60)
expect_kernel_versions(draws_beside_story "D38  isolate four.*\\[9\\]\\[I\\]" D38 --svg ${drawn}.story)
expect_kernel_versions(draws_none "--svg draws one experiment" --svg ${drawn}.none)
expect_kernel_versions(draws_two "--svg draws one experiment" D38 D5 --svg ${drawn}.none)
expect_kernel_versions(draws_table "--svg draws one experiment" --table --svg ${drawn}.none)
expect_kernel_versions(draws_one_kernel "--svg draws two kernels side by side" D38 --kernels v6.1 --svg ${drawn}.none)
expect_kernel_versions(draws_no_zone "--svg: there is no zone to draw of D32 in v3.6" D32 --kernels v3.6,v6.1
                       --svg ${drawn}.none)
expect_kernel_versions(draws_nowhere "No such file or directory" D38 --svg no/such/folder/x.svg)
