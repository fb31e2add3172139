#!/bin/sh
# usage: cut_test.sh SWEEP SCRATCH
#
# Cuts 1,000 runs in 1, 7 and 100 tasks, in several orders. Three tasks are interrupted, one is killed, and one leaves
# half a line. The merged bytes are the same.
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"

sweep() {
  "$program" fill_isolate --sweep memory=4 --sweep occupancy=0:190:20 --sweep unmovable=0:200:5 --replicas 10 "$@" \
    2>>"$folder/messages"
}

fail() {
  echo "$*" >&2
  exit 1
}

# Runs a command that must be interrupted.
interrupted() {
  status=0
  "$@" || status=$?
  [ $status = 75 ] || fail "status $status, not 75: $*"
}

# One task, interrupted twice.
interrupted sweep --out "$folder/1" --stop-after 300
interrupted sweep --out "$folder/1" --stop-after 500
! "$program" --merge "$folder/1" 2>"$folder/missing" || fail "runs are missing"
grep -q '^sweep: 800 of 1000 runs are done; the first that is missing is 800$' "$folder/missing" || fail "$(cat "$folder/missing")"
sweep --out "$folder/1"
"$program" --merge "$folder/1" >"$folder/whole"
[ "$(wc -l <"$folder/whole")" = 1001 ] || fail "not 1000 runs and a header"

# The same on standard output, in one go.
sweep | cmp - "$folder/whole"

# Seven, the last first. One is killed in its work, or has done it already; one leaves half a line.
sweep --out "$folder/7" --task 3 --tasks 7 &
killed=$!
sleep 0.2
kill -9 $killed 2>/dev/null || true
wait $killed || true
interrupted sweep --out "$folder/7" --task 5 --tasks 7 --stop-after 20
half=$(ls "$folder"/7/*.5-of-7.jsonl)
size=$(wc -c <"$half")
head -c $((size - 30)) "$half" >"$folder/half"
cp "$folder/half" "$half"
for task in 6 5 4 3 2 1 0; do sweep --out "$folder/7" --task $task --tasks 7; done
"$program" --merge "$folder/7" | cmp - "$folder/whole"

# A hundred, as schedulers say it; the middle first.
task=0
while [ $task -lt 100 ]; do
  mixed=$(((task * 37 + 50) % 100))
  case $((task % 3)) in
  0) SLURM_ARRAY_TASK_ID=$mixed SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=99 SLURM_ARRAY_TASK_COUNT=100 \
    sweep --out "$folder/100" --task auto ;;
  1) JOB_COMPLETION_INDEX=$mixed sweep --out "$folder/100" --task auto --tasks 100 ;;
  2) SGE_TASK_ID=$((mixed + 1)) SGE_TASK_FIRST=1 SGE_TASK_LAST=100 sweep --out "$folder/100" --task auto ;;
  esac
  task=$((task + 1))
done
"$program" --merge "$folder/100" | cmp - "$folder/whole"

# Files of several cuts may lie side by side; of several sweeps they may not.
"$program" --merge "$folder/100" "$folder/7" | cmp - "$folder/whole"
"$program" fill_isolate --sweep memory=4 >"$folder/other.jsonl" 2>/dev/null
! "$program" --merge "$folder/1" "$folder/other.jsonl" 2>"$folder/refused" || fail "two sweeps were merged"
grep -q 'another sweep' "$folder/refused" || fail "$(cat "$folder/refused")"
echo "1000 runs in 1, 7 and 100 tasks: the same $(wc -c <"$folder/whole") bytes"
