#!/bin/sh
# Opens a page that write_page has made in Chromium, and looks for the result of its checks.
#
#   check_page.sh WRITE_PAGE FILE STEPS PAGES
set -eu
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "SKIPPED: there is no chromium here, so nobody has looked at the page of a time line"
  exit 77
}
"$1" "$2" "$3" "$4"
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
result=$("$chromium" --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update \
  --disable-sync --no-first-run --user-data-dir="$profile" --enable-logging=stderr --window-size=1200,900 \
  --virtual-time-budget=60000 --dump-dom "file://$2" 2>"$profile/log") || {
  tail -5 "$profile/log"
  exit 1
}
if grep 'CONSOLE' "$profile/log"; then exit 1; fi
echo "$result" | sed -n '/<pre id="result">/,/<\/pre>/p' | sed 's/<[^>]*>//g'
echo "$result" | grep -q 'all [0-9]* checks passed'
