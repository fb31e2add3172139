target_link_libraries(sweep_parts PUBLIC cma_trouble_parts)

add_output_test(sweep_help PROGRAM sweep EXPECTED sweep/expected/help.txt ARGS --help)
add_output_test(sweep_list PROGRAM sweep EXPECTED sweep/expected/list.txt ARGS --list)
add_output_test(sweep_estimate PROGRAM sweep EXPECTED sweep/expected/estimate.txt
                ARGS scatter --sweep memory=65536 --replicas 10 --task 3 --tasks 4 --estimate)
# Numbers, the same on every machine.
foreach(experiment
        "fill_isolate --sweep memory=8 --sweep kernel=v3.6,v6.1,v6.12,v7.2"
        "churn --sweep memory=64 --sweep operations=40 --sweep kernel=v3.6,v6.1,v6.12,v7.2"
        "contiguous --sweep memory=64 --sweep size=8 --sweep operations=40 --sweep kernel=v6.1,v7.2"
        "scatter --sweep memory=64 --sweep days=3 --sweep operations=20"
        "fragmentation --sweep memory=64"
        "unplug --sweep device=128 --sweep zone=normal,movable --sweep operations=50 --sweep kernel=v6.1,v7.2"
        "cma --sweep tries=1 --sweep kernel=v6.1,v7.2")
  separate_arguments(args UNIX_COMMAND "${experiment}")
  list(GET args 0 name)
  add_output_test(sweep_${name} PROGRAM sweep EXPECTED sweep/expected/${name}.jsonl ARGS ${args})
endforeach()

# Curves of results: of the churn above.
set(drawn ${PROJECT_BINARY_DIR}/examples/sweep_churn.svg)
add_test(NAME example/sweep_svg
         COMMAND sh -c "$<TARGET_FILE:sweep> --merge ${folder}/expected/churn.jsonl --table free_pages:kernel:workload \
                        --svg ${drawn} && cmp ${drawn} ${folder}/expected/churn.svg")
set_tests_properties(example/sweep_svg PROPERTIES LABELS example TIMEOUT 60)

# Cuts, interruptions, kills.
add_test(NAME example/sweep_cut
         COMMAND ${folder}/cut_test.sh $<TARGET_FILE:sweep> ${PROJECT_BINARY_DIR}/examples/sweep_cut)
set_tests_properties(example/sweep_cut PROPERTIES LABELS example TIMEOUT 300
                     PASS_REGULAR_EXPRESSION "1000 runs in 1, 7 and 100 tasks: the same [0-9]+ bytes")

# Others who start the tasks.
foreach(runner parallel snakemake)
  add_test(NAME example/sweep_${runner}
           COMMAND ${folder}/runner_test.sh ${runner} $<TARGET_FILE:sweep> ${PROJECT_BINARY_DIR}/examples/sweep_${runner})
  set_tests_properties(example/sweep_${runner} PROPERTIES LABELS example TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()

foreach(wrong "" "no_such" "churn cma" "cma --sweep pins" "cma --sweep pins=1 --sweep pins=2" "cma --task 3"
        "cma --task 3 --tasks 3" "cma --tasks 3" "cma --table a:b" "--merge" "--merge x --svg y" "cma --task x --tasks 3")
  separate_arguments(args UNIX_COMMAND "${wrong}")
  string(MAKE_C_IDENTIFIER "${wrong}" name)
  add_test(NAME example/sweep_wrong_${name} COMMAND sweep ${args})
  set_tests_properties(example/sweep_wrong_${name} PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "^sweep: [^\n]*\n$")
endforeach()
