#!/bin/bash
# What promtool says of .inkfs/metrics: nothing.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

command -v promtool >/dev/null || skip_all "promtool is not here"
store=$tmp/store
logs=$tmp/logs
mkdir "$logs"
new_store store
"$BUILD/mount.inkfs" "$store" "$logs"
echo line >"$logs/lines"
fails "removed" rm -f "$logs/lines"
promtool check metrics <"$logs/.inkfs/metrics" >"$tmp/text" 2>&1 || fail "promtool: $(cat "$tmp/text")"
equal "what promtool says" "" "$(cat "$tmp/text")"
"$BUILD/inkfs" umount "$logs"
