#!/bin/sh
# SPDX-License-Identifier: MIT
# Collects what a machine reports about its memory, for offline_check on another one. It only reads, and writes into
# one folder. It needs a POSIX shell with cat, mkdir and rm; gzip or xz make the folder small.
#
# PAGEBLOCK_ROOT is put before /proc and /sys, for tests and for machines that are mounted elsewhere.
set -u

usage() {
  cat <<'TEXT'
Usage: collect.sh [--compress xz|gzip|none] FOLDER

Writes into FOLDER, which must not exist yet, what offline_check reads:

  kpageflags, kpagecount  /proc/kpageflags and /proc/kpagecount: a 64-bit word
                          for each page frame, from 0. Only root may read them
  zoneinfo                /proc/zoneinfo
  buddyinfo, pagetypeinfo, iomem, version
                          the files of these names in /proc, as far as they are
                          there and tell root's truth
  memory_blocks           /sys/devices/system/memory as one text: a line
                          "block_size_bytes HEX", then for each memory block
                          "memory32 state=online removable=1 phys_index=00000020
                          node=0 valid_zones=Normal"

No file has anything of what is in memory: only what each page is used for.
The files end in .xz or .gz if there is xz or gzip here.

Exit status: 0 if offline_check can use the folder, 1 if something that it needs
could not be read, 2 if the arguments are wrong.
TEXT
}

say() { printf 'collect.sh: %s\n' "$*" >&2; }
wrong() {
  say "$*"
  exit 2
}

compress=
folder=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --compress)
      [ $# -gt 1 ] || wrong '--compress needs a value'
      compress=$2
      shift
      ;;
    --compress=*) compress=${1#*=} ;;
    -?*) wrong "unknown option '$1'" ;;
    *)
      [ -z "$folder" ] || wrong "one folder, not '$1' as well"
      folder=$1
      ;;
  esac
  shift
done
[ -n "$folder" ] || wrong 'a folder is needed (--help says more)'

has() { command -v "$1" >/dev/null 2>&1; }
case $compress in
  '') if has xz; then compress=xz; elif has gzip; then compress=gzip; else compress=none; fi ;;
  xz | gzip) has "$compress" || wrong "there is no $compress here" ;;
  none) ;;
  *) wrong "--compress is xz, gzip or none, not '$compress'" ;;
esac

root=${PAGEBLOCK_ROOT-}
memory=$root/sys/devices/system/memory
status=0
mkdir "$folder" || exit 1

# Packs what comes in, and ends as the packing does.
pack() {
  case $compress in
    xz) xz -1 -c >"$folder/$1.xz" ;;
    gzip) gzip -c >"$folder/$1.gz" ;;
    none) cat >"$folder/$1" ;;
  esac
}
forget() { rm -f "$folder/$1" "$folder/$1.gz" "$folder/$1.xz"; }

# collect NAME WHY: copies /proc/NAME. WHY says what it is needed for; empty if offline_check does without.
collect() {
  name=$1
  why=$2
  file=$root/proc/$name
  if [ ! -e "$file" ]; then
    problem='it is not there'
  elif ! (: <"$file") 2>/dev/null; then
    problem='it cannot be opened'
    [ "$(id -u 2>/dev/null)" = 0 ] || problem="$problem: only root may"
  elif ! cat "$file" 2>/dev/null | pack "$name" || ! cat_works "$file"; then
    problem='it cannot be read'
  else
    return 0
  fi
  forget "$name"
  if [ -n "$why" ]; then
    say "$file: $problem. offline_check needs it $why"
    status=1
  else
    say "$file: $problem; left out"
  fi
  return 1
}

# Whether the start of a file can be read: a pipe does not say so, and some files open and refuse then.
cat_works() { dd if="$1" of=/dev/null bs=8 count=1 2>/dev/null; }

# Addresses are zeros for anyone but root.
iomem_is_true() {
  while read -r range rest; do
    case $range in
      00000000-00000000 | 0000000000000000-0000000000000000) ;;
      *) return 0 ;;
    esac
  done <"$root/proc/iomem"
  return 1
}

write_memory_blocks() {
  printf 'block_size_bytes %s\n' "$(cat "$memory/block_size_bytes")"
  for block in "$memory"/memory[0-9]*; do
    [ -r "$block/phys_index" ] || continue
    line=${block##*/}
    for key in state removable phys_index; do
      [ -r "$block/$key" ] && line="$line $key=$(cat "$block/$key" 2>/dev/null)"
    done
    for node in "$block"/node[0-9]*; do
      [ -e "$node" ] && line="$line node=${node##*/node}"
    done
    zones=$(cat "$block/valid_zones" 2>/dev/null) && [ -n "$zones" ] && line="$line valid_zones=$zones"
    printf '%s\n' "$line"
  done
}

# The counts of free pages come right behind the flags that they are compared with.
collect kpageflags 'to know what each page is'
collect zoneinfo 'to know the zones'
collect buddyinfo ''
collect kpagecount 'to know who shares a page'
collect pagetypeinfo ''
collect version ''
if [ -e "$root/proc/iomem" ] && ! iomem_is_true; then
  say "$root/proc/iomem: its addresses are hidden from anyone but root; left out"
else
  collect iomem ''
fi
if [ -r "$memory/block_size_bytes" ]; then
  write_memory_blocks | pack memory_blocks
else
  say "$memory: it is not there, or cannot be read; left out, so blocks of 128 MiB will be assumed"
fi

if [ "$status" = 0 ]; then
  say "$folder is complete: offline_check $folder"
else
  say "$folder lacks something: see above"
fi
exit "$status"
