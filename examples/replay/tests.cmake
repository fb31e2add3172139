# What replay says of its arguments, and of a trace. Recordings are replayed in tests/recordings.
add_output_test(replay_help PROGRAM replay
                EXPECTED replay/expected/help.txt
                ARGS --help)

# expect_replay(<name> <regular expression> <arg>...) holds the program to a message.
function(expect_replay name regex)
  add_test(NAME "example/replay_${name}" COMMAND replay ${ARGN})
  set_tests_properties("example/replay_${name}" PROPERTIES LABELS example TIMEOUT 60
                       PASS_REGULAR_EXPRESSION "${regex}")
endfunction()

set(recording ${PROJECT_SOURCE_DIR}/tests/data/realkernel/d01_idle_1g)
expect_replay(without_recording "a recording is needed")
expect_replay(without_trace "a trace is needed" --memory 1G)
expect_replay(two_recordings "one recording at a time, not '${recording}' as well" ${recording} ${recording})
expect_replay(unknown_option "unknown option '--frobnicate'" --frobnicate ${recording})
expect_replay(no_memory "--memory is from 4K to 16T, not 0 bytes" --memory 0 ${recording}/trace.txt.xz)
expect_replay(odd_memory "--memory is a size such as 512M or 1.5GiB, not '5X'" --memory=5X trace)
expect_replay(too_much_memory "--memory is from 4K to 16T, not 21474836480000 bytes" --memory 20000G ${recording}/trace.txt.xz)
expect_replay(no_line "--until is a whole number, 1 or more, not '5K'" --until 5K ${recording})
expect_replay(no_value "--until needs a value" ${recording} --until)
expect_replay(no_folder "no-such-folder: No such file or directory" no-such-folder)
expect_replay(suggestion "unknown option '--untill=3': did you mean '--until'." --untill=3 ${recording})
expect_replay(times "operations.\nThey took [0-9.]+ s" ${recording} --times)
expect_replay(limit "T0.state.xz: it becomes more than 4096 bytes" ${recording} --input-limit 4k)
expect_replay(json "\"schema\": \"pageblock/replay\".*\"agrees\": true" ${recording} --json)
expect_replay(until "Up to line 500 of the trace" ${recording} --until=500)
expect_replay(trace "52 requests, 0 of them found no memory" --memory 0.0625GiB ${recording}/trace.txt.xz)

# What is drawn.
set(drawn ${PROJECT_BINARY_DIR}/examples/replay_drawn)
expect_replay(draws "All that was predicted came true" ${recording} --html ${drawn}.html --perfetto ${drawn}.json)
set_tests_properties("example/replay_draws" PROPERTIES FIXTURES_SETUP replay_drawn)
expect_replay(draws_nowhere "no/such/folder/x.html: No such file or directory|No such file or directory.*x.html"
              ${recording} --html no/such/folder/x.html)
