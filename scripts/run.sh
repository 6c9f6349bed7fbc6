#!/bin/sh
# Behind `make run`: a store in run/store, mounted at run/logs, with the log of a
# real build in it (this project's own), verified, and left mounted to play with.
# Once more does no harm: what is there is used again, and another build appended.

set -eu

cd "$(dirname "$0")/.."

build=${BUILD:-build}
inkfs=$build/inkfs
store=run/store
logs=run/logs
log=$logs/build.log

die() {
	echo "run: $*" >&2
	exit 1
}

is_listed() {
	awk -v dir="$(realpath -m "$logs")" '$5 == dir { found = 1 } END { exit !found }' \
		/proc/self/mountinfo
}

# A driver that was killed leaves a mount point that answers nothing.
drop_dead_mount() {
	if is_listed && ! stat -f "$logs" >/dev/null 2>&1; then
		echo "run: the mount at $logs is dead; unmounting it"
		umount -l "$logs" 2>/dev/null || fusermount3 -u -z "$logs"
	fi
}

# The public key goes beside the store only so that the example below can name it;
# an auditor keeps it elsewhere.
make_store() {
	if [ -e "$store" ]; then
		return 0
	fi
	echo "run: making a store in $store"
	"$inkfs" init "$store" --origin "inkfs-run.$(uname -n)" >run/vkey.new
	mv run/vkey.new run/vkey
	cat run/vkey
}

mount_store() {
	if is_listed; then
		echo "run: $store is mounted at $logs already"
		return 0
	fi
	[ -c /dev/fuse ] || die "no /dev/fuse here, so nothing can be mounted (modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN)"
	mkdir -p "$logs"
	"$inkfs" mount "$store" "$logs"
	is_listed || die "inkfs mount has returned, but nothing is mounted at $logs"
	echo "run: mounted $store at $logs"
}

# From scratch, so that every run has something to write.  The outer make's job
# server is not this build's.
log_a_build() {
	rm -rf run/build
	echo "run: building inkfs once more, its output goes to $log"
	(
		unset MAKEFLAGS MAKELEVEL MFLAGS
		date -u '+build of %Y-%m-%dT%H:%M:%SZ'
		make --no-print-directory -j2 BUILD=run/build all
	) >>"$log" 2>&1 || die "the build failed; see $log"
	echo "run: $log has $(wc -l <"$log") lines"
}

[ -x "$inkfs" ] || die "$inkfs is not built"

mkdir -p run
drop_dead_mount
make_store
mount_store
log_a_build
"$inkfs" verify "$store" --key @run/vkey

cat <<END

use:   echo hello >> $logs/my.log; rm $logs/my.log    (the second is refused, and recorded)
check: $inkfs verify $store --key @run/vkey
stop:  $inkfs umount $logs
END
