#!/bin/sh
# Install what inkfs needs and this machine lacks; silent when nothing is
# missing, so that `make run` and `make test` can begin with it.
#
#   scripts/setup.sh [--test] [--bench] [--checks] [--dry-run]
#
# Packages of Debian and its relatives.  Nothing that gets installed is
# started: a test wants the nginx binary, not a web server on port 80.

set -eu

usage="usage: scripts/setup.sh [--test] [--bench] [--checks] [--dry-run]"
policy=/usr/sbin/policy-rc.d
policy_saved=$policy.before-inkfs
policy_mark="inkfs setup: nothing starts"

base="gcc make pkg-config libfuse3-dev fuse3 libsodium-dev liblmdb-dev
	libssl-dev libjansson-dev libpcre2-dev"

test_tools="libcmocka-dev lmdb-utils xz-utils python3 python3-nacl attr acl e2fsprogs
	strace rsync inotify-tools psmisc util-linux git sudo"

# promtool, which checks what .inkfs/metrics says; its package has the server, too.
test_metrics="prometheus"

# Real writers of logs, run unmodified on a mount by the end-to-end tests.
test_writers="rsyslog nginx-light postgresql logrotate bsdutils liblog4j2-java
	golang-go golang-gopkg-natefinch-lumberjack.v2-dev golang-golang-x-mod-dev"

check_tools="clang libclang-rt-dev clang-tidy clang-format cppcheck shellcheck valgrind"

say() { echo "setup: $*" >&2; }

die() {
	say "$*"
	exit 1
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

has() { command -v "$1" >/dev/null 2>&1; }

# Where a program came from elsewhere (a newer node, a vendor's java), it serves.
want_for_tests() {
	echo "$test_tools $test_metrics $test_writers"
	has node || echo nodejs
	echo node-winston
	has npm || echo npm
	has java || echo default-jre-headless
	has javac || has ecj || echo ecj
}

only_missing() {
	for package in "$@"; do
		is_installed "$package" || printf '%s ' "$package"
	done
}

# postgresql's packaging makes and starts a cluster, rsyslog and nginx start a
# service; 101 from policy-rc.d forbids it, and what stood there comes back.
forbid_services() {
	if [ -e "$policy" ] && ! grep -q "$policy_mark" "$policy"; then
		as_root mv "$policy" "$policy_saved"
	fi
	trap allow_services EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" |
		as_root tee "$policy" >/dev/null
	as_root chmod 0755 "$policy"
}

allow_services() {
	as_root rm -f "$policy"
	if [ -e "$policy_saved" ]; then
		as_root mv "$policy_saved" "$policy"
	fi
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get "$@"
}

# Nor at the next boot, for the services that came only now.
disable_services() {
	has systemctl || return 0
	for package in "$@"; do
		case $package in
		rsyslog | postgresql | prometheus) service=$package ;;
		nginx-light) service=nginx ;;
		*) continue ;;
		esac
		as_root systemctl --quiet disable "$service" >/dev/null 2>&1 || true
	done
}

install_packages() {
	command="apt-get install --no-install-recommends $*"
	if [ "$(id -u)" -ne 0 ] && ! has sudo; then
		die "needs root once; run: apt-get update && $command"
	fi
	say "installing $*"
	forbid_services
	apt_get update -qq || say "apt-get update failed; trying with the lists at hand"
	apt_get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >&2 ||
		die "apt-get could not install these: $*"
	disable_services "$@"
}

main() {
	want=$base
	is_dry_run=
	for option in "$@"; do
		case $option in
		--test) want="$want $(want_for_tests)" ;;
		--bench) want="$want python3 gnuplot-nox rsyslog systemd-journal-remote" ;;
		--checks) want="$want $check_tools" ;;
		--dry-run) is_dry_run=yes ;;
		-h | --help)
			echo "$usage"
			exit 0
			;;
		*)
			echo "$usage" >&2
			exit 2
			;;
		esac
	done

	has dpkg-query || die "knows only apt; install the equivalents of: $(echo "$want" | xargs)"
	# shellcheck disable=SC2086 # a list of words
	missing=$(only_missing $want)
	if [ -z "$missing" ]; then
		return 0
	fi
	if [ -n "$is_dry_run" ]; then
		echo "$missing"
		return 0
	fi
	# shellcheck disable=SC2086 # a list of words
	install_packages $missing
}

main "$@"
