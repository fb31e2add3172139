#!/bin/sh
# Opens a page in Chromium. It must open without a message, and what it holds then must match.
#
#   check_page.sh URL REGULAR_EXPRESSION
set -eu
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "SKIPPED: there is no chromium here, so nobody has looked at the page"
  exit 77
}
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
"$chromium" --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update \
  --disable-sync --no-first-run --user-data-dir="$profile" --enable-logging=stderr --window-size=1200,900 \
  --virtual-time-budget=60000 --dump-dom "$1" 2>"$profile/log" >"$profile/page" || {
  tail -5 "$profile/log"
  exit 1
}
if grep CONSOLE "$profile/log"; then exit 1; fi
sed -n '/<pre id="result">/,/<\/pre>/p' "$profile/page" | sed 's/<[^>]*>//g'
grep -q -- "$2" "$profile/page" || {
  echo "the page has nothing that matches $2"
  exit 1
}
