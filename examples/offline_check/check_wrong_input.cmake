# Breaks the recorded sample in one way after the other and holds offline_check to its exit status and
# to its words: an error has to name the file and the place.
#
#   cmake -DPROGRAM=<offline_check> -DSAMPLE=<folder> -DSCRATCH=<folder> -P check_wrong_input.cmake
cmake_minimum_required(VERSION 3.25)

# Runs the program; what it prints must match the regular expression.
function(expect status regex)
  execute_process(COMMAND ${PROGRAM} ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result STREQUAL status)
    message(SEND_ERROR "offline_check ${ARGN}: exit status ${result}, not ${status}:\n${text}")
  elseif(NOT text MATCHES "${regex}")
    message(SEND_ERROR "offline_check ${ARGN}: no match for '${regex}' in:\n${text}")
  endif()
endfunction()

# with(<file> <content> <regex>) tries the sample with one more file, which comes before the recorded
# one since its name has no ending.
function(with file content regex)
  file(REMOVE_RECURSE ${SCRATCH}/sample)
  file(COPY ${SAMPLE} DESTINATION ${SCRATCH})
  file(WRITE ${SCRATCH}/sample/${file} "${content}")
  expect(1 "${regex}" ${SCRATCH}/sample)
endfunction()

# Arguments. What is wrong takes one line, and the help is not it.
function(refuse text)
  execute_process(COMMAND ${PROGRAM} ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
  if(NOT result STREQUAL 2 OR NOT output STREQUAL "" OR NOT error STREQUAL "offline_check: ${text}\n")
    message(SEND_ERROR "offline_check ${ARGN}: exit status ${result}, and not '${text}' but:\n${output}${error}")
  endif()
endfunction()
refuse("a folder or --live is needed")
refuse("unknown option '--frobnicate'" ${SAMPLE} --frobnicate)
refuse("unknown option '--jsom': did you mean '--json'?" ${SAMPLE} --jsom)
refuse("unknown option '--kernle=v3.6': did you mean '--kernel'?" ${SAMPLE} --kernle=v3.6)
refuse("either a folder or --live" ${SAMPLE} --live)
refuse("one folder at a time, not '${SAMPLE}' as well" ${SAMPLE} ${SAMPLE})
refuse("--kernel is v3.6 or v6.1 or v6.12, not 'v9.9'" ${SAMPLE} --kernel v9.9)
refuse("--compare needs recordings, not --live" --live --compare)
refuse("--compare needs recordings: folders with meta.json and before/, one or more" --compare)
refuse("--svg draws one folder, and --compare no pageblocks" --compare ${SAMPLE} --svg b)
refuse("--kernel needs a value" ${SAMPLE} --kernel)
refuse("--json takes no value" ${SAMPLE} --json=5)
refuse("--color is auto or always or never, not 'sometimes'" ${SAMPLE} --color=sometimes)
refuse("--only is can_go or refused or invalid or not_online or unknown, not 'all'" ${SAMPLE} --only all)
refuse("--input-limit is a size such as 512M or 1.5GiB, not '2 GB'" ${SAMPLE} --input-limit "2 GB")

expect(1 "^offline_check: /nowhere/map.svg: No such file or directory.$" ${SAMPLE} --svg /nowhere/map.svg)
# What a file may become.
expect(1 "kpageflags.xz: it becomes more than 65536 bytes; --input-limit allows more\n$" ${SAMPLE} --input-limit 64KiB)
expect(0 "4 of 8 memory blocks can go" ${SAMPLE} --kernel=v3.6 --input-limit 9g)

# Folders.
refuse("${SCRATCH}/no-such-folder: No such file or directory" ${SCRATCH}/no-such-folder)
file(REMOVE_RECURSE ${SCRATCH}/empty)
file(MAKE_DIRECTORY ${SCRATCH}/empty)
expect(1 "empty: there is no zoneinfo" ${SCRATCH}/empty)
expect(1 "README.md: this is no folder" ${SAMPLE}/README.md)

expect(1 "sample: this is no recording, or was taken behind it" --compare ${SAMPLE})

# Whose rules.
with(version "Windows 3.11\n" "version: 'Windows 3.11' is no version of Linux")
with(version "Linux version 6\n" "version: 'Linux version 6' is no version of Linux")
function(rules version regex)
  file(WRITE ${SCRATCH}/sample/version "Linux version ${version} (somebody@somewhere)\n")
  expect(0 "${regex}" ${SCRATCH}/sample)
endfunction()
rules(4.14.336 "rules of Linux v3.6 .version says Linux[ \n]4.14.336.\\.")
rules(4.15.0-213-generic "rules of Linux v6.1 .version says Linux[ \n]4.15.0-213-generic.\\.")
rules(2.6.32 "rules of Linux v3.6 .version")
rules(6.11.5 "rules of Linux v6.1 .version")
rules(6.12.117+deb13-cloud-amd64 "rules of Linux v6.12 .version")
rules(7.0 "rules of Linux v6.12 .version")
rules(6.18.2 "Warning: the kernel is Linux 6.18, but the rules are those of v6.12, the nearest that are known.\n")
expect(0 "Warning: the kernel is Linux 6.18, but the rules are those of v3.6.\n" ${SCRATCH}/sample --kernel v3.6)
expect(0 "\"warnings\": .\n    \"the kernel is Linux 6.18, but" ${SCRATCH}/sample --json)
rules(6.1.0-56 "Read: [^\n]*\n[^\n]*iomem.txt.xz, version.\n\nZones")
file(WRITE ${SCRATCH}/sample/version "root@host:~# uname -a\nLinux host 3.10.0-1160.el7.x86_64 #1 SMP\n")
expect(0 "rules of Linux v3.6 .version says Linux[ \n]3.10.0-1160.el7.x86_64" ${SCRATCH}/sample)
file(REMOVE ${SCRATCH}/sample/version ${SCRATCH}/sample/pagetypeinfo.txt.xz)
expect(0 "rules of Linux v6.1 .nothing says which[ \n]kernel it was.\\." ${SCRATCH}/sample)
file(WRITE ${SCRATCH}/sample/pagetypeinfo "Page block order: 9\nPages per block: 512\nNumber of blocks type Movable Reserve\n"
     "Node 0, zone DMA32 1 2\n")
expect(0 "rules of Linux v3.6 .pagetypeinfo has type[ \n]Reserve, as until v4.3.\\." ${SCRATCH}/sample)

# Words of 64 bits.
with(kpageflags "" "kpageflags: byte 0: the file is empty")
with(kpageflags "12345678123" "kpageflags: byte 8: the file ends inside a 64-bit word")
with(kpageflags "12345678" "kpageflags: byte 8: the file ends behind 1 pages, but zone Movable of zoneinfo.txt.xz:")
with(kpagecount "1234567812345678" "kpagecount: byte 16: the file ends behind 2 pages, but kpageflags.xz has 1179648")

# Compression.
with(kpageflags.xz "not compressed" "kpageflags.xz: compressed byte [0-9]+: this is no xz file")
with(zoneinfo.xz "" "zoneinfo.xz: compressed byte 0: the xz file ends here, so it was cut off")
execute_process(COMMAND head -c 1000 ${SAMPLE}/kpageflags.xz
                OUTPUT_FILE ${SCRATCH}/sample/kpageflags.xz)
file(COPY ${SAMPLE}/zoneinfo.txt.xz DESTINATION ${SCRATCH}/sample)
file(REMOVE ${SCRATCH}/sample/zoneinfo.xz)
expect(1 "kpageflags.xz: compressed byte 1000: the xz file ends here, so it was cut off" ${SCRATCH}/sample)
with(kpageflags.gz "not compressed" "kpageflags.gz: compressed byte 0: this is no gzip file")
with(zoneinfo.zst "not compressed" "zoneinfo.zst: compressed byte 0: this is no zstd file")

# Zones. This is as much of the sample's zoneinfo as is needed.
function(zone_text result name free spanned present start)
  set(${result} "Node 0, zone ${name}\n  pages free ${free}\n  spanned ${spanned}\n  present ${present}\n  start_pfn: ${start}\n" PARENT_SCOPE)
endfunction()
zone_text(dma DMA 3808 4095 3998 1)
zone_text(dma32 DMA32 77490 126944 126944 4096)
with(zoneinfo "" "zoneinfo: the file is empty")
with(zoneinfo "nonsense\n" "zoneinfo:1: expected 'Node <number>, zone <name>'")
with(zoneinfo "${dma}Node 0, zone DMA32\n  spanned many\n" "zoneinfo:7: 'many' is no number for 'spanned'")
with(zoneinfo "${dma}Node 0, zone DMA32\n  spanned 5\n" "zoneinfo:6: zone DMA32 has no line 'present'")
with(zoneinfo "${dma}${dma32}${dma32}" "zoneinfo:11: zone DMA32 again")
zone_text(crowded DMA 5000 4095 3998 1)
with(zoneinfo "${crowded}" "zoneinfo:1: zone DMA has 5000 free pages, but 4095 spanned")
zone_text(other DMA32 1 126944 126944 4096)
with(zoneinfo "${dma}${other}" "zoneinfo:6: zone DMA32 has 1 free pages, but kpageflags.xz shows 77490")
zone_text(high Movable 0 65536 65536 4294967296)
with(zoneinfo "${dma}${high}" "kpageflags.xz: byte 9437184: the file ends behind 1179648 pages, but zone Movable")

# The other tables.
with(buddyinfo "Node 0, zone Normal 1 2\nNode 0, zone DMA 1\n" "buddyinfo:2: 1 orders, but 2 in line 1")
with(buddyinfo "Node 1, zone DMA 0 0 0 0 0 0 0 0 0 0 4\n" "buddyinfo:1: zone DMA of node 1 has no memory in zoneinfo")
with(buddyinfo "Node 0, zone DMA 0 0 0 0 0 1 1 1 0 1 3\n" "buddyinfo: no line for zone DMA32 of zoneinfo")
with(buddyinfo "Node 0, zone DMA32 0 0 0 0 0 0 0 0 0 0 1\n" "buddyinfo:1: zone DMA32 has 1024 free pages, but")
with(pagetypeinfo "Page block order: 4\nPages per block: 16\nNumber of blocks type Movable\n"
     "pagetypeinfo:1: pageblocks have order 4, which no machine that this program knows has")
with(pagetypeinfo "Page block order: 9\nPages per block: 100\n" "pagetypeinfo:2: 100 pages are no block of order 9")
with(memory_blocks "block_size_bytes 8000001\n" "memory_blocks:1: 0x8000001 bytes are no power of two of pages")
with(memory_blocks "block_size_bytes 1000\nmemory1 state=online phys_index=1\n"
     "memory_blocks:1: a memory block of 1 pages is smaller than a pageblock")
with(memory_blocks "block_size_bytes 8000000\nmemory9 state=online phys_index=9\n"
     "memory_blocks:2: memory9 .* is online, but in no zone of zoneinfo")
with(memory_blocks "block_size_bytes 10000000000000\n"
     "memory_blocks:1: 0x10000000000000 bytes are too much for a block")
with(buddyinfo "Node 4294967296, zone DMA 1\n" "buddyinfo:1: '4294967296' is no number for 'Node'")
string(ASCII 27 escape)
with(zoneinfo "Node 0, zone ${escape}[2J\n" "zoneinfo:1: zone .x1b.2J has no line")
with(iomem "what is this\n" "iomem:1: expected '<start>-<end> : <name>'")

# A FIFO would never end.
file(REMOVE_RECURSE ${SCRATCH}/fifo)
file(COPY ${SAMPLE}/ DESTINATION ${SCRATCH}/fifo)
execute_process(COMMAND mkfifo ${SCRATCH}/fifo/zoneinfo COMMAND_ERROR_IS_FATAL ANY)
expect(1 "zoneinfo: this is no regular file" ${SCRATCH}/fifo)

# What is assumed is said.
file(REMOVE_RECURSE ${SCRATCH}/sample)
file(COPY ${SAMPLE} DESTINATION ${SCRATCH})
file(REMOVE ${SCRATCH}/sample/memory_blocks.txt.xz ${SCRATCH}/sample/iomem.txt.xz)
expect(0 "memory_blocks, iomem\\." ${SCRATCH}/sample)
expect(0 "128 MiB each are assumed" ${SCRATCH}/sample)
expect(0 "which reserved pages and pages without flags are holes" ${SCRATCH}/sample)
