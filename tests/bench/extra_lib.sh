# shellcheck shell=bash
# For the programs in extra/: how they describe a row and time a command (README.md).

# ROW TITLE FIGURE REFERENCE GOAL NAMES: FIGURE is seconds, rate, median or mean; REFERENCE a
# candidate of the row; GOAL empty or COMPARISON LIMIT [CANDIDATE]; NAMES JSON, candidates that
# rows.py does not know.
describe() {
	local goal=null comparison limit candidate
	if [[ -n ${5:-} ]]; then
		read -r comparison limit candidate <<<"$5"
		goal="[\"$comparison\", $limit, \"${candidate:-inkfs}\"]"
	fi
	printf '{"define": "%s", "title": "%s", "figure": "%s", "reference": "%s", "goal": %s, "names": %s}\n' \
		"$1" "$2" "$3" "$4" "$goal" "${6:-{\}}"
}

result() { # ROW CANDIDATE JSON
	printf '{"row": "%s", "candidate": "%s", "result": %s}\n' "$1" "$2" "$3"
}

# ROW CANDIDATE BYTES COMMAND...: how long it takes, and with BYTES the rate.  Its output is shown if it fails.
timed() {
	local row=$1 candidate=$2 bytes=$3 before after
	shift 3
	before=$EPOCHREALTIME
	"$@" >"$BENCH_DIR/timed.log" 2>&1 || {
		echo "$row, $candidate: $* failed:" >&2
		tail -n 20 "$BENCH_DIR/timed.log" >&2
		return 1
	}
	after=$EPOCHREALTIME
	result "$row" "$candidate" "$(awk -v us="$((${after/./} - ${before/./}))" -v bytes="$bytes" \
		'BEGIN { printf "{\"seconds\": %.6f, \"mb_per_s\": %.2f}", us / 1e6, bytes / us }')"
}
