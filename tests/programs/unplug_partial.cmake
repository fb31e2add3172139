# unplug --from, where a virtio-mem device has some of its memory back already: a sub-block of 2 MiB, whose pages are
# marked OFFLINE. It is not asked for again, and nothing is in the way of the others.
#
#   cmake -DPROGRAM=<unplug> -DUNPACK=<unpack> -DSAMPLE=<folder> -DSCRATCH=<folder> -P unplug_partial.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${SCRATCH})
file(COPY ${SAMPLE}/ DESTINATION ${SCRATCH})
string(CONCAT iomem "00001000-0009fbff : System RAM\n" "00100000-1ffdffff : System RAM\n"
       "100000000-10fffffff : System RAM\n" "110000000-11fffffff : virtio0\n"
       "  110000000-11fffffff : System RAM (virtio_mem)\n")
file(WRITE ${SCRATCH}/iomem "${iomem}")
execute_process(COMMAND ${UNPACK} ${SAMPLE}/kpageflags.xz OUTPUT_FILE ${SCRATCH}/kpageflags COMMAND_ERROR_IS_FATAL ANY)
# 512 words with bit 23 from page 0x112000 on.
execute_process(COMMAND sh -c "i=0; while [ $i -lt 512 ]; do printf '\\000\\000\\200\\000\\000\\000\\000\\000'; i=$((i + 1)); done |
                               dd of='${SCRATCH}/kpageflags' bs=8 seek=1122304 conv=notrunc 2>/dev/null"
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} --from ${SCRATCH} --by virtio-mem --csv RESULT_VARIABLE result OUTPUT_VARIABLE text)
if(NOT result STREQUAL 0 OR NOT text MATCHES "\nv6.1,virtio-mem,512,65024,65024,1000,64,0,[0-9]+,0,\"\"\n")
  message(FATAL_ERROR "unplug --from ${SCRATCH}: exit status ${result}:\n${text}")
endif()
