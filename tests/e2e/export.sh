#!/bin/bash
# The recipe of tools/rsyslog, with its own files: the exporter is killed again and again, so is rsyslogd, then both, the
# driver is restarted, the spool begun anew; in the end rsyslogd has written every record once, byte for byte.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need rsyslogd
wait_limit_s=60

recipe=$top/tools/rsyslog
spool=$TEST_TMPDIR/spool
received=$TEST_TMPDIR/received
mkdir work "$spool"

# As the recipe has it, but for the folders.
configure() {
	echo "global(workDirectory=\"$TEST_TMPDIR/work\")"
	sed -e "s|/var/spool/inkfs|$spool|g" -e "s|/var/log/inkfs-ci.json|$received|" "$recipe/inkfs.conf"
}
exporter_words() {
	sed -n 's/^ExecStart=//p' "$recipe/inkfs-export.service" | tr ' ' '\n' |
		sed -e "s|^/.*/inkfs$|$inkfs|" -e "s|^/srv/ink/ci$|$store|" -e "s|^/var/spool/inkfs|$spool|" \
			-e "s|^json$|$format|"
}

start_exporter() {
	local words
	mapfile -t words < <(exporter_words)
	"${words[@]}" >>"$spool/ci.json" &
	exporter=$!
	started+=("$exporter")
}
# A signal may come before the program has set a handler.
end_process() { # PID SIGNAL
	is_alive "$1" || fail "process $1 has ended by itself"
	kill -s "$2" "$1"
	wait "$1" 2>/dev/null || true
}
start_rsyslog() {
	rm -f "$TEST_TMPDIR/pid"
	"$recipe/inkfs-last" "$received" "$spool/ci.last" || fail "inkfs-last"
	# Where it was killed while noting the place, it says so and reads all again.
	rsyslogd -n -f "$TEST_TMPDIR/rsyslog.conf" -i "$TEST_TMPDIR/pid" 2>>rsyslog.err &
	rsyslog=$!
	started+=("$rsyslog")
}
rsyslog_runs() { [[ -s $TEST_TMPDIR/pid ]]; }

write_some() {
	local i
	for ((i = 0; i < 250; i++)); do
		echo "part $1, line $i" >>"$mnt/app.log"
	done
	rm "$mnt/app.log" 2>/dev/null && fail "rm of a log"
	return 0
}
has_lines() { (($(wc -l <"$received") >= $1)); }
has_received() { cmp -s "$received" whole; }
number_of() { sed -nE 's/.*"seq(uence)?":([0-9]+).*/\2/p' "$received"; }

check_received() {
	local losses repetitions
	"$inkfs" log "$store" --format "$format" >whole || fail "log"
	for ((tries = 0; tries < 100 * wait_limit_s; tries++)); do
		has_received && break
		sleep 0.01
	done
	repetitions=$(number_of | sort | uniq -d | wc -l)
	losses=$(comm -13 <(number_of | sort) <(seq 0 $(($(wc -l <whole) - 1)) | sort) | wc -l)
	echo "$format: $(wc -l <"$received") of $(wc -l <whole) records, $repetitions twice, $losses missing"
	has_received || fail "rsyslogd has written something else"
}

go_through() {
	local round delay
	for round in 1 2; do
		mount_store strict
		write_some "$round a" &
		writer=$!
		for delay in 0.05 0.02 0.11 0.07; do
			sleep "$delay"
			end_process "$exporter" KILL
			start_exporter
		done
		for delay in 0.3 0.11 0.17; do
			wait_until "rsyslogd runs" rsyslog_runs
			sleep "$delay"
			end_process "$rsyslog" KILL
			start_rsyslog
		done
		wait "$writer"
		write_some "$round b" &
		writer=$!
		wait_until "rsyslogd runs" rsyslog_runs
		sleep 0.1
		end_process "$exporter" KILL
		end_process "$rsyslog" KILL
		wait "$writer"
		start_rsyslog
		start_exporter
		"$inkfs" umount "$mnt" || fail "umount"
		mount_store strict
		write_some "$round c"
		end_process "$exporter" TERM
		wait_until "rsyslogd runs" rsyslog_runs
		end_process "$rsyslog" TERM
		start_exporter
		start_rsyslog
		"$inkfs" umount "$mnt" || fail "umount"
	done
	check_received
	# The spool is begun anew, as the recipe says: all of it was received.
	end_process "$exporter" TERM
	rm "$spool/ci.json"
	start_exporter
	mount_store strict
	write_some "new spool"
	"$inkfs" umount "$mnt" || fail "umount"
	check_received
	end_process "$exporter" TERM
	end_process "$rsyslog" TERM
}

configure >rsyslog.conf
for format in json ecs; do
	rm -rf "${spool:?}"/* "${received:?}" work/* "$store"
	mount_store strict
	"$inkfs" umount "$mnt" || fail "umount"
	start_rsyslog
	start_exporter
	go_through
	"$inkfs" verify "$store" --key "@$TEST_TMPDIR/vkey" --quiet || fail "verify"
done

# What does not fit is said, and rsyslogd does not start as if nothing had been.
echo nonsense >>"$received"
if "$recipe/inkfs-last" "$received" "$spool/ci.last" 2>err; then fail "inkfs-last takes nonsense"; fi
grep -q 'no record of inkfs' err || fail "inkfs-last: $(<err)"
printf '{"schema":"inkfs-log/1","seq":17}\n{"schema":"inkfs-log/1","seq":1' >"$received"
"$recipe/inkfs-last" "$received" "$spool/ci.last"
[[ $(<"$spool/ci.last") == 17 && $(wc -l <"$received") -eq 1 ]] || fail "inkfs-last: a line cut off"
mv "$received" "$received.1"
: >"$received"
"$recipe/inkfs-last" "$received" "$spool/ci.last"
[[ $(<"$spool/ci.last") == 17 ]] || fail "inkfs-last: rotated"
