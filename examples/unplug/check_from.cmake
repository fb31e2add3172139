# Asks the recorded sample in other words, breaks it in one way after the other, and holds unplug --from to its exit
# status and its words.
#
#   cmake -DPROGRAM=<unplug> -DSAMPLE=<folder> -DSCRATCH=<folder> -P check_from.cmake
cmake_minimum_required(VERSION 3.25)

# Runs the program; what it prints must match the regular expression, and all of it where it is an error.
function(expect status regex)
  execute_process(COMMAND ${PROGRAM} --from ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    set(regex "^unplug: [^\n]*${regex}[^\n]*\n$")
  endif()
  if(NOT result STREQUAL status)
    message(SEND_ERROR "unplug --from ${ARGN}: exit status ${result}, not ${status}:\n${text}")
  elseif(NOT text MATCHES "${regex}")
    message(SEND_ERROR "unplug --from ${ARGN}: no match for '${regex}' in:\n${text}")
  endif()
endfunction()

# with(<file> <content> <status> <regex> <arg>...) asks the sample with one more file, which comes before the recorded
# one since its name has no ending.
function(with file content status regex)
  file(REMOVE_RECURSE ${SCRATCH}/sample)
  file(COPY ${SAMPLE} DESTINATION ${SCRATCH})
  file(WRITE ${SCRATCH}/sample/${file} "${content}")
  expect(${status} "${regex}" ${SCRATCH}/sample ${ARGN})
endfunction()

# Arguments.
expect(2 "--from asks a real guest: --memory is for others" ${SAMPLE} --memory 1G)
expect(2 "--from asks a real guest: --svg is for others" ${SAMPLE} --svg curve.svg)
expect(2 "--sub-block: \"3M\" is none of" ${SAMPLE} --sub-block 3M)
expect(2 "--json and --csv: one of them" ${SAMPLE} --json --csv)
execute_process(COMMAND ${PROGRAM} --input-limit 1M RESULT_VARIABLE result ERROR_VARIABLE error)
if(NOT result STREQUAL 2 OR NOT error STREQUAL "unplug: --input-limit is for --from\n")
  message(SEND_ERROR "unplug --input-limit 1M: exit status ${result}: ${error}")
endif()

# Folders and files.
expect(1 "no-such-folder: No such file or directory" ${SCRATCH}/no-such-folder)
expect(1 "README.md: this is no folder" ${SAMPLE}/README.md)
file(REMOVE_RECURSE ${SCRATCH}/empty)
file(MAKE_DIRECTORY ${SCRATCH}/empty)
expect(1 "empty: there is no zoneinfo" ${SCRATCH}/empty)
expect(1 "it becomes more than 65536 bytes; --input-limit allows more" ${SAMPLE} --input-limit 64K)
with(kpageflags "12345678123" 1 "kpageflags: byte 8: the file ends inside a 64-bit word")
with(zoneinfo "nonsense\n" 1 "zoneinfo:1: expected 'Node <number>, zone <name>'")
with(pagetypeinfo "Page block order: 4\nPages per block: 16\nNumber of blocks type Movable\n"
     1 "sample: pages of 4096 bytes and pageblocks of order 4: only pages of 4096 bytes and order 9")
with(memory_blocks "block_size_bytes 200000\nmemory2048 state=online phys_index=800 valid_zones=Normal\n" 1 "a memory block of 512 pages is less than two pageblocks")

# Whose rules.
with(version "Windows 3.11\n" 1 "version: 'Windows 3.11' is no version of Linux")
with(version "Linux version 4.14.336 (somebody@somewhere)\n"
     1 "version says Linux 4.14.336: rules are known of v4.15 and later; --kernel says whose")
expect(0 "By the rules of Linux v6.1. Sizes.*the kernel is Linux 4.14, the rules are those of v6.1" ${SCRATCH}/sample
       --kernel v6.1 --by blocks)
with(version "Linux version 5.4.0 (somebody@somewhere)\n" 0 "kernels before 5.8 have no such driver" --by virtio-mem)
with(version "Linux version 6.18.2 (somebody@somewhere)\n" 0 "By the rules of Linux v7.2" --by balloon)

# What is assumed is said: without lists of memory blocks and iomem.
file(REMOVE_RECURSE ${SCRATCH}/sample)
file(COPY ${SAMPLE} DESTINATION ${SCRATCH})
file(REMOVE ${SCRATCH}/sample/memory_blocks.txt.xz ${SCRATCH}/sample/iomem.txt.xz)
expect(0 "without iomem nothing says whether there is a device.*memory blocks of 128 MiB are assumed" ${SCRATCH}/sample)

# The second of the sample's DIMMs, which is in ZONE_MOVABLE, as a virtio-mem device's. Nothing holds it.
string(CONCAT iomem "00001000-0009fbff : System RAM\n" "00100000-1ffdffff : System RAM\n"
       "100000000-10fffffff : System RAM\n" "110000000-11fffffff : virtio0\n"
       "  110000000-11fffffff : System RAM (virtio_mem)\n")
with(iomem "${iomem}" 0 "\nv6.1,virtio-mem,512,65536,65536,1000,2,0,[0-9]+,0,\"\"\nv6.1,big-blocks,32768,65536,65536," --csv)
expect(0 "iomem shows 2 memory blocks of a device; only they are asked for" ${SCRATCH}/sample)
