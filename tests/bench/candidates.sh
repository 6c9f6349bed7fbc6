# shellcheck shell=bash
# The candidates of the benchmarks: how each is started, stopped and cleaned up.  Sourced by run.sh,
# which sets BUILD, tmp and the programs.
#
#   empty     FUSE that does nothing (emptyfs.c): the limit
#   sign      the same, with one Ed25519 signature a write
#   pass      FUSE that hands everything to ext4 (passfs.c)
#   inkfs     inkfs as it comes
#   inkseal   inkfs with -o seal=write
#   ext4      the disk's own file system, whatever it is
#   append    the same with the append-only attribute on each file (chattr +a)
#   naive     LMDB, one synced commit and one signature a record (naive.c)
#   journal   a journal sealed by systemd-journal-remote
#   rsyslog   rsyslogd behind a socket as /dev/log is one
#
# A candidate that cannot run here has a reason in `absent`; the table shows it.

# shellcheck disable=SC2317,SC2154 # wait_for calls functions by name; variables of run.sh

journal_remote=/lib/systemd/systemd-journal-remote

declare -A absent=()
declare -A pids=()

# Asks no file system: a dead driver's mount would answer with an error or not at all.
is_mounted() {
	awk -v dir="$1" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo
}

# Waits for a condition, at most 20 s.
wait_for() {
	local tries
	for ((tries = 0; tries < 400; tries++)); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

is_filled() { [[ -s $1 ]]; }

is_socket() { [[ -S $1 ]]; }

# --- file systems ---------------------------------------------------------------------------

bench_fs_start() { # CANDIDATE PROGRAM ARGUMENTS...
	local candidate=$1
	shift
	: >"$tmp/$candidate.ready"
	"$@" "$tmp/$candidate" >"$tmp/$candidate.ready" &
	pids[$candidate]=$!
	wait_for is_filled "$tmp/$candidate.ready"
}

bench_fs_stop() {
	umount "$tmp/$1"
	wait "${pids[$1]}"
	unset "pids[$1]"
}

# The driver has put itself into the background; it is the process of that program that names
# our mount point.
inkfs_pid() { # CANDIDATE
	local dir
	for dir in /proc/[0-9]*; do
		if [[ $dir/exe -ef $driver ]] &&
			tr '\0' '\n' <"$dir/cmdline" 2>/dev/null | grep -qxF "$tmp/$1"; then
			echo "${dir#/proc/}"
			return 0
		fi
	done
	return 1
}

inkfs_start() { # CANDIDATE STORE OPTIONS...
	local candidate=$1 store=$2
	shift 2
	[[ -d $store ]] || "$inkfs" init "$store" --origin bench.example/x >"$tmp/inkfs.log" 2>&1
	"$inkfs" mount "$store" "$tmp/$candidate" "$@" >"$tmp/inkfs.log" 2>&1 || {
		complain "inkfs mount: $(cat "$tmp/inkfs.log")"
		return 1
	}
	wait_for is_mounted "$tmp/$candidate"
	pids[$candidate]=$(inkfs_pid "$candidate") ||
		complain "the driver's process was not found: no pinning, no memory"
}

inkfs_stop() { # CANDIDATE
	local pid=${pids[$1]:-}
	memory_record "$1"
	"$inkfs" umount "$tmp/$1" || umount "$tmp/$1"
	[[ -z $pid ]] || wait_for is_gone "$pid"
	unset "pids[$1]"
}

# The attribute keeps root, too, from removing the file.
append_only_end() { chattr -R -a "$tmp/append" 2>/dev/null || true; }

append_only_try() {
	touch "$tmp/append/try"
	if ! chattr +a "$tmp/append/try" 2>/dev/null; then
		absent[append]="chattr +a: needs root and a file system that has it"
	fi
	append_only_end
	rm -f "$tmp/append/try"
}

# --- log daemons ----------------------------------------------------------------------------

# systemd reads the sealing key from /var/log/journal/MACHINE-ID/fss and nowhere else.  So that the
# machine's own stays untouched, this happens in a mount namespace with another folder there.
in_journal_namespace() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private bash -c \
		'mount --bind "$1" /var/log/journal && shift && exec "$@"' - "$tmp/journal.keys" "$@"
}

journal_try() {
	local id
	if [[ ! -x $journal_remote ]]; then
		absent[journal]="systemd-journal-remote is not installed"
		return
	fi
	if ! id=$(cat /etc/machine-id 2>/dev/null) || [[ -z $id || ! -d /var/log/journal ]]; then
		absent[journal]="no machine-id or no /var/log/journal: no sealing key"
		return
	fi
	mkdir -p "$tmp/journal.keys/$id" "$tmp/journal"
	if ! in_journal_namespace journalctl --setup-keys --force --interval=10s \
		</dev/null >"$tmp/journal.key" 2>"$tmp/journal.log" || [[ ! -s $tmp/journal.keys/$id/fss ]]; then
		absent[journal]="no sealing key could be made (journalctl --setup-keys; needs root)"
	fi
}

journal_feed() { # ARGUMENTS OF feed...
	local file=$tmp/journal/bench.journal
	rm -f "$tmp"/journal/*
	in_journal_namespace "$feed" journal "$@" --file "$file" -- \
		"$journal_remote" --seal=yes --output="$file" - 2>"$tmp/journal.log" || return 1
	if ! journalctl --header --file "$file" | grep -q '^Compatible flags:.* SEALED'; then
		complain "the journal is not sealed"
		return 1
	fi
}

rsyslog_start() {
	mkdir -p "$tmp/rsyslog"
	cat >"$tmp/rsyslog/conf" <<-END
		module(load="imuxsock" SysSock.Use="off")
		input(type="imuxsock" Socket="$tmp/rsyslog/socket" RateLimit.Interval="0")
		template(name="line" type="string" string="%msg:2:\$%\n")
		action(type="omfile" file="$tmp/rsyslog/log" template="line")
	END
	rsyslogd -n -C -f "$tmp/rsyslog/conf" -i "$tmp/rsyslog/pid" 2>"$tmp/rsyslog/errors" &
	pids[rsyslog]=$!
	wait_for is_socket "$tmp/rsyslog/socket"
}

rsyslog_stop() {
	kill "${pids[rsyslog]}"
	wait "${pids[rsyslog]}" || true
	unset "pids[rsyslog]"
	rm -rf "$tmp/rsyslog"
}

rsyslog_feed() { "$feed" syslog "$@" --file "$tmp/rsyslog/log" --socket "$tmp/rsyslog/socket"; }

# --- all of them ----------------------------------------------------------------------------

candidates_prepare() {
	mkdir "$tmp"/{empty,sign,pass,pass.source,inkfs,inkseal,ext4,append,naive}
	append_only_try
	journal_try
	# A socket's path has at most 107 bytes.
	if ! command -v rsyslogd >/dev/null; then
		absent[rsyslog]="rsyslogd is not installed"
	elif ((${#tmp} > 90)); then
		absent[rsyslog]="the path of the build directory is too long for a socket"
	fi
}

candidates_start() { # STORE
	bench_fs_start empty "$emptyfs" "${loop_options[@]}"
	bench_fs_start sign "$emptyfs" "${loop_options[@]}" --sign
	bench_fs_start pass "$passfs" "${loop_options[@]}" "$tmp/pass.source"
	[[ -n ${absent[rsyslog]:-} ]] || rsyslog_start
	[[ -z $has_inkfs ]] || {
		inkfs_start inkfs "$1"
		inkfs_start inkseal "$1.seal" -o seal=write
	}
}

candidates_stop() { # STORE
	local candidate
	for candidate in empty sign pass; do
		bench_fs_stop "$candidate"
	done
	[[ -n ${absent[rsyslog]:-} ]] || rsyslog_stop
	[[ -z $has_inkfs ]] || {
		inkfs_stop inkfs
		inkfs_stop inkseal
		rm -rf --one-file-system "$1" "$1.seal"
	}
}

# What nobody reads again must not be written to the disk in the next one's time.
candidates_empty() {
	append_only_end
	rm -rf "${tmp:?}"/{ext4,append,naive,pass.source,journal}/*
}

candidates_clean() { # EXIT-CODE
	local name pid
	trap - EXIT
	for name in inkfs inkseal; do
		[[ -n ${pids[$name]:-} ]] || pids[$name]=$(inkfs_pid "$name") || unset "pids[$name]"
	done
	for name in empty sign pass inkfs inkseal; do
		! is_mounted "$tmp/$name" || timeout 20 umount "$tmp/$name" 2>/dev/null ||
			umount -l "$tmp/$name" || true
	done
	[[ -z ${pids[rsyslog]:-} ]] || kill "${pids[rsyslog]}" 2>/dev/null || true
	for pid in "${pids[@]}"; do
		wait_for is_gone "$pid" || kill -s KILL "$pid" 2>/dev/null || true
	done
	append_only_end
	rm -rf --one-file-system "$tmp" || true
	exit "$1"
}
