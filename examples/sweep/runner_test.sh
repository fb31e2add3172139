#!/bin/sh
# usage: runner_test.sh parallel|snakemake SWEEP SCRATCH
#
# Has somebody else start the tasks. Ends with 77 where he is not installed.
set -eu
runner=$1
program=$2
folder=$3
if ! command -v "$runner" >/dev/null; then
  echo "SKIPPED: $runner is not installed"
  exit 77
fi
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
set -- fill_isolate --sweep memory=4 --sweep occupancy=0:190:20
"$program" "$@" >whole.jsonl
case $runner in
parallel)
  parallel -N0 "$program" "$@" --task auto --tasks 8 --out results ::: 1 2 3 4 5 6 7 8
  "$program" --merge results >merged.jsonl
  ;;
snakemake) snakemake --cores 2 --snakefile "$here/Snakefile" --config sweep="$program" ;;
esac
cmp whole.jsonl merged.jsonl
