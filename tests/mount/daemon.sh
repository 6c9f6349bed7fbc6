#!/bin/bash
# How the driver starts and ends: daemon, foreground, service manager, signals, mount(8) and fstab.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"
new_store store

records() { "$BUILD/inkfs" log "$store"; }
# The last two records: UNMOUNT, and the EPOCH that closes.
last_end() {
	local last
	last=$(records | tail -n 2)
	[[ ${last##*$'\n'} == *" EPOCH "*reason=unmount* ]] || fail "the last record is: ${last##*$'\n'}"
	echo "${last%%$'\n'*}"
}

wait_until_mounted() { # PID
	until is_mounted "$logs" && stat -f "$logs" >/dev/null 2>&1; do
		kill -0 "$1" 2>/dev/null || fail "the driver has ended"
	done
}

# When it returns it is usable; afterwards neither stdin nor a terminal nor the folder is kept.
daemon_is_ready_when_it_returns() {
	local answer driver fd
	answer=$(cd "$tmp" && "$BUILD/mount.inkfs" store logs -v 2>&1)
	equal "what -v says" "mount.inkfs: $store mounted on $logs" "$answer"
	echo first >"$logs/file"
	driver=$(records | sed -n 's/.* MOUNT .*pid=\([0-9]*\).*/\1/p' | tail -n 1)
	equal "its folder" / "$(readlink "/proc/$driver/cwd")"
	for fd in 0 1 2; do
		equal "descriptor $fd" /dev/null "$(readlink "/proc/$driver/fd/$fd")"
	done
	equal "core files" 0 "$(awk '/core file/ { print $5 }' "/proc/$driver/limits")"
	"$BUILD/inkfs" umount "$logs"
	[[ $(last_end) == *reason=asked* ]] || fail "UNMOUNT says: $(last_end)"
}

signal_ends_in_order() { # SIGNAL
	local driver code=0
	# A shell's background jobs ignore INT; so would the driver.
	env --default-signal="$1" "$BUILD/mount.inkfs" "$store" "$logs" --foreground 2>"$tmp/text" &
	driver=$!
	wait_until_mounted "$driver"
	echo "before $1" >>"$logs/file"
	# A handle that stays open must not keep it from ending.
	exec 8>>"$logs/held.$1"
	kill -s "$1" "$driver"
	wait "$driver" || code=$?
	exec 8>&-
	equal "exit after $1" 0 "$code"
	fails "still mounted after $1" is_mounted "$logs"
	[[ $(last_end) == *reason=signal* ]] || fail "UNMOUNT after $1 says: $(last_end)"
}

daemon_ends_in_order() {
	local driver
	"$BUILD/mount.inkfs" "$store" "$logs"
	driver=$(records | sed -n 's/.* MOUNT .*pid=\([0-9]*\).*/\1/p' | tail -n 1)
	echo "before the end" >>"$logs/file"
	kill -s TERM "$driver"
	while kill -0 "$driver" 2>/dev/null && [[ $(ps -o stat= -p "$driver") != Z* ]]; do :; done
	fails "still mounted" is_mounted "$logs"
	[[ $(last_end) == *UNMOUNT*reason=signal* ]] || fail "UNMOUNT says: $(last_end)"
}

service_manager_is_told() {
	local driver
	command -v python3 >/dev/null || return 0
	python3 - "$tmp/notify" >"$tmp/notified" <<'END' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(20)
while True:
    word = s.recv(100).decode()
    print(word, flush=True)
    if word == "STOPPING=1":
        break
END
	local manager=$!
	until [[ -S $tmp/notify ]]; do kill -0 "$manager" || fail "no listener"; done
	NOTIFY_SOCKET=$tmp/notify "$BUILD/mount.inkfs" "$store" "$logs" --foreground 2>"$tmp/text" &
	driver=$!
	until grep -q READY=1 "$tmp/notified"; do
		kill -0 "$manager" 2>/dev/null || fail "READY did not come"
	done
	is_mounted "$logs" || fail "READY before it is mounted"
	"$BUILD/inkfs" umount "$logs"
	wait "$driver" || fail "the driver ended with $?"
	wait "$manager" || fail "STOPPING did not come"
}

# mount -t asks /sbin/mount.TYPE; where nothing is installed a namespace of our own has it.
mount_by_type() {
	if [[ $(id -u) != 0 ]] || ! unshare -m true 2>/dev/null; then
		echo "not tried: mount -t and fstab need root and a mount namespace"
		return 0
	fi
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -euc '
		store=$1 logs=$2 tmp=$3 build=$4
		mkdir "$tmp/layers"
		sbin=$(realpath /sbin)
		mount -t tmpfs none "$tmp/layers"
		mkdir "$tmp/layers/upper" "$tmp/layers/own"
		mount -t overlay -o "lowerdir=$sbin,upperdir=$tmp/layers/upper,workdir=$tmp/layers/own" none "$sbin" || exit 77
		ln -sf "$build/mount.inkfs" "$sbin/mount.inkfs"
		ln -sf "$build/mount.inkfs" "$sbin/mount.fuse.inkfs"
		printf "%s %s fuse.inkfs noauto,nofail,x-test,profile=rotate 0 0\n" "$store" "$logs" >"$tmp/fstab"
		for type in inkfs fuse.inkfs; do
			mount -t "$type" "$store" "$logs" -o seal=write,noexec
			echo "by type $type" >>"$logs/file"
			"$build/inkfs" umount "$logs"
		done
		mount --fstab "$tmp/fstab" "$logs"
		echo "by fstab" >>"$logs/file"
		mv "$logs/file" "$logs/file.1"
		"$build/inkfs" umount "$logs"
	' - "$store" "$logs" "$tmp" "$BUILD" || {
		code=$?
		((code == 77)) || fail "mount by type or fstab: $code"
		echo "not tried: no overlay over /sbin"
		return 0
	}
	equal "lines by mount(8)" 3 "$("$BUILD/inkfs" cat "$store" /file.1 | grep -c "^by ")"
}

daemon_is_ready_when_it_returns
signal_ends_in_order TERM
signal_ends_in_order INT
signal_ends_in_order HUP
daemon_ends_in_order
service_manager_is_told
mount_by_type
"$BUILD/inkfs" verify "$store" >"$tmp/text" 2>&1 || { cat "$tmp/text"; fail "not intact"; }
echo "starts and ends in order"
