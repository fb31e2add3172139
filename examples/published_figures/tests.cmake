# The table, and a test for each figure in it: its output names the source.
add_output_test(published_figures PROGRAM published_figures EXPECTED published_figures/expected/table.txt)
file(STRINGS ${folder}/expected/table.txt figures REGEX "^    [a-z]")
foreach(figure IN LISTS figures)
  string(REGEX REPLACE "^    ([a-z0-9_]+) .*" "\\1" figure "${figure}")
  add_test(NAME example/published_figure_${figure} COMMAND published_figures ${figure})
  set_tests_properties(example/published_figure_${figure} PROPERTIES LABELS example TIMEOUT 60)
endforeach()
add_output_test(published_figures_json PROGRAM published_figures EXPECTED published_figures/expected/two.json
                ARGS --json drains_scaled min_free_8192m)
add_output_test(published_figures_smaller PROGRAM published_figures EXPECTED published_figures/expected/llfree_512.txt
                ARGS --llfree 512 llfree_moves llfree_huge)
add_output_test(published_figures_help PROGRAM published_figures EXPECTED published_figures/expected/help.txt
                ARGS --help)
add_test(NAME example/published_figures_unknown COMMAND published_figures boost bost)
set_tests_properties(example/published_figures_unknown PROPERTIES LABELS example TIMEOUT 60
                     PASS_REGULAR_EXPRESSION "^published_figures: bost: no such figure\n$")
