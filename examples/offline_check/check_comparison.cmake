# Changes what the kernel answered in the recording of the project, and holds offline_check to what it makes of that.
#
#   cmake -DPROGRAM=<offline_check> -DRECORDING=<folder> -DSCRATCH=<folder> -P check_comparison.cmake
cmake_minimum_required(VERSION 3.25)

set(folder ${SCRATCH}/recording)
file(REMOVE_RECURSE ${SCRATCH})
file(COPY ${RECORDING}/before ${RECORDING}/meta.json DESTINATION ${folder})
file(READ ${folder}/meta.json original)
# A log without a file ending comes before others.
set(log ${folder}/dmesg)

# dumped(<pfn> <reason>) puts a page into the log, as the kernel does.
function(dumped pfn reason)
  file(APPEND ${log} "[    5.5] page:0000000084223f24 refcount:1 mapcount:0 mapping:0000000000000000 index:0x0 "
                     "pfn:0x${pfn}\n[    5.6] page dumped because: ${reason}\n")
endfunction()

# answers(<name> <result> <regex>) sets the kernel's answer to the first attempt of that name.
function(answers step result regex)
  string(REGEX REPLACE "(\"${step}[^\"]*\",[ \n]*)-?[0-9]+" "\\1${result}" meta "${original}")
  file(WRITE ${folder}/meta.json "${meta}")
  foreach(args IN ITEMS "--compare;${folder}" "${folder}" "${folder}/before")
    execute_process(COMMAND ${PROGRAM} ${args} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
    if(NOT status EQUAL 0 OR NOT text MATCHES "${regex}")
      message(SEND_ERROR "offline_check ${args}: exit status ${status}, no match for '${regex}' in:\n${text}")
    endif()
  endforeach()
  file(REMOVE ${log})
endfunction()

answers("offline memory2" 0 "memory2  can go +accepted +agrees\n.*8 of 8 attempts .100.0 %.")
answers("offline memory2" -16 "memory2  can go +EBUSY +DIFFERS\n.*7 of 8 attempts .87.5 %. agree with the kernel\\.\n")
answers("offline memory2" -22 "memory2  can go +EINVAL +DIFFERS\n")
answers("offline memory1" 0 "memory1  refused for 8000 +accepted +DIFFERS\n")
answers("offline memory7" -12 "memory7  invalid +error 12 +agrees\n")

# A page that was free then is a cause that arose later, others are not: 1000 is a kernel page, and in another block.
dumped(11000 "unmovable page")
answers("offline memory2" -16 "memory2  can go +EBUSY for 11000 +arose later.*7 of 8 .*Of 1 the cause arose later")
dumped(1000 "unmovable page")
answers("offline memory2" -16 "memory2  can go +EBUSY +DIFFERS\n")
dumped(11000 "migration failure")
answers("offline memory2" -16 "memory2  can go +EBUSY +DIFFERS\n")
dumped(11000 "migration failure")
answers("offline memory2" -4 "memory2  can go +EINTR for 11000 +arose later")

# Of several pages of the block the last is meant; it need not be the one judged.
dumped(8000 "unmovable page")
dumped(8001 "unmovable page")
answers("offline memory1" -16 "EBUSY for 8001 +agrees\n.*Of 1 refusals the log names the page: 0 times the")

# What was not online is not counted.
string(REPLACE "offline memory6" "offline memory60" original "${original}")
answers("offline memory2" 0 "memory60 - +accepted +not online in the snapshot\n.*7 of 7 attempts")

# A snapshot taken afterwards says nothing about the attempts.
file(RENAME ${folder}/before ${folder}/after)
execute_process(COMMAND ${PROGRAM} ${folder}/after RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
if(NOT status EQUAL 0 OR NOT text MATCHES "rules of[ \n]Linux[ \n]v6.1 .meta.json" OR text MATCHES "kernel answered")
  message(SEND_ERROR "offline_check .../after: exit status ${status}:\n${text}")
endif()
