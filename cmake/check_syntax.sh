#!/bin/sh
# Lets the compiler of a configured build read every file, with our warnings, without making code of it, which takes most
# of the time. The build must have been configured with CMAKE_DISABLE_PRECOMPILE_HEADERS=ON.
#
#   check_syntax.sh <build folder>
set -eu
cd -- "$1"
ninja single_header >/dev/null  # a source that is made
list=check_syntax.commands
ninja -t commands all | grep -- ' -c ' |
  sed -E 's/ -MD -MT [^ ]+ -MF [^ ]+//; s/ -o [^ ]+ -c / -fsyntax-only /' >"$list"
count=$(wc -l <"$list")
[ "$count" -gt 0 ]
tr '\n' '\0' <"$list" | xargs -0 -n 1 -P "$(nproc)" sh -c
echo "check_syntax: $count files are in order"
