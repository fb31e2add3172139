#!/bin/sh
# From a fresh clone to a first answer in one command, on a system that has nothing yet: so POSIX sh, and no sudo.
set -eu

usage() {
  cat <<'TEXT'
Usage: cmake/quickstart.sh [test]

Builds the examples in build/quickstart and runs offline_check on the recorded
sample in examples/data/sample. With "test", builds and runs all tests as well.

On Debian 12 and later, and on systems made from it, packages that are missing
are installed first if you are root; otherwise you are told which ones to
install. On any other system, what is installed is used.
TEXT
}

needs='pageblock needs
  a C++20 compiler   GCC 12, Clang 14 or later
  CMake              3.25 or later
  fmt                9 or later
  Microsoft GSL      4 or later
  CLI11, nlohmann-json, zlib, liblzma, zstd
                     for the examples and tests
  Catch2             2.13 or later, for the tests'

say() { printf '== %s\n' "$*"; }
fail() {
  printf 'quickstart: %s\n' "$*" >&2
  exit 1
}

# Runs a command and shows the last line that it wrote: at once on a terminal, every five seconds elsewhere. What it
# wrote is shown in whole only if it fails.
quietly() {
  : >"$log"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  seconds=0
  while kill -0 "$pid" 2>/dev/null; do
    last=$(tail -n 1 "$log" | cut -c 1-100)
    if [ -t 1 ]; then
      printf '\r   %.76s\033[K' "$last"
    elif [ $((seconds % 5)) -eq 4 ] && [ -n "$last" ]; then
      printf '   %s\n' "$last"
    fi
    seconds=$((seconds + 1))
    sleep 1
  done
  trap - INT TERM
  if [ -t 1 ]; then printf '\r\033[K'; fi
  wait "$pid" && return
  cat "$log" >&2
  return 1
}

has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }
is_debian() {
  has apt-get && [ -r /etc/os-release ] &&
    (. /etc/os-release && case " ${ID-} ${ID_LIKE-} " in *' debian '* | *' ubuntu '*) ;; *) false ;; esac)
}
has_compiler() { has "${CXX:-c++}"; }
has_cmake() {
  has cmake || return
  version=$(cmake --version | sed -n 's/^cmake version //p')
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  [ "$major" -gt 3 ] || { [ "$major" -eq 3 ] && [ "$minor" -ge 25 ]; }
}
has_package() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$'; }

missing_packages() {
  has_cmake || echo cmake
  has ninja || echo ninja-build
  has_compiler || echo g++
  for package in libfmt-dev libmsgsl-dev libcli11-dev nlohmann-json3-dev zlib1g-dev liblzma-dev \
    libzstd-dev ${tests:+catch2}; do
    has_package "$package" || echo "$package"
  done
}

# Says whether apt would install a version that is too old; what apt does not know is not too old.
is_too_old() {
  candidate=$(LC_ALL=C apt-cache policy "$1" | sed -n 's/^  Candidate: //p')
  [ -n "$candidate" ] && [ "$candidate" != '(none)' ] && dpkg --compare-versions "$candidate" lt "$2"
}

install_missing() {
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  install="apt-get install -y --no-install-recommends ${missing% }"
  if is_root; then
    say "Missing packages: ${missing% }"
    say 'Reading the package lists'
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update || fail 'apt-get update failed'
  fi
  if is_too_old cmake 3.25 || is_too_old libfmt-dev 9 || is_too_old libmsgsl-dev 4; then
    fail "the packages of this release are too old. $needs"
  fi
  if ! is_root; then
    printf 'quickstart: some packages are missing. As root, run\n\n  apt-get update && %s\n\n' \
      "$install" >&2
    exit 1
  fi
  say 'Installing them'
  quietly $install || fail "could not install ${missing% }"
}

build() {
  quietly cmake -S . -B "$build" ${generator:+-G "$generator"} "-DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE:-Release}" \
    -DPAGEBLOCK_EXAMPLES=ON "-DPAGEBLOCK_TESTS=$1" || fail "CMake found something amiss. $needs"
  quietly cmake --build "$build" --parallel "$jobs" || fail 'the build failed'
}

tests=
case $#,${1-} in
  0,) ;;
  1,test) tests=yes ;;
  1,-h | 1,--help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

unset CDPATH
cd -- "$(dirname -- "$0")/.."
build=build/quickstart
log=$build/quickstart.log
mkdir -p "$build"

if is_debian; then
  install_missing
fi
has_compiler && has_cmake || fail "$needs"
generator=
if has ninja; then generator=Ninja; fi
jobs=$(nproc 2>/dev/null || echo 2)

say "Building the examples, $jobs files at a time"
build OFF
say 'offline_check examples/data/sample'
"$build/examples/offline_check" examples/data/sample

if [ -n "$tests" ]; then
  say 'Building the tests'
  build ON
  say 'Running the tests'
  ctest --test-dir "$build" --output-on-failure --no-label-summary --parallel "$jobs"
fi
