#!/bin/bash
# Every tool on everything that is no good store: one sentence, an exit code, nothing changed, and no waiting.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

# Names, modes, owners, times, contents.  LMDB's lock file is written by readers, too.
fingerprint() {
	(cd "$1" && find . ! -name lock.mdb -printf '%p %y %m %U %G %s %T@ %l\n' | sort &&
		find . -type f ! -name lock.mdb -exec sha256sum {} + | sort) | sha256sum
}

run 0 "$inkfs" init good --origin a
cp out vkey
./mkstore good
run 0 "$inkfs" checkpoint good
cp out checkpoint
mkdir point bad

# --- what is given in place of a store -------------------------------------------------------

mkdir bad/empty bad/foreign
echo hello >bad/foreign/file
echo hello >bad/file
mkfifo bad/pipe
ln -s circle bad/other-circle
ln -s other-circle bad/circle
ln -s /dev/zero bad/device
like_good() {
	cp -a good "bad/$1"
	rm -rf "bad/$1/$2"
}
like_good headless log/0000000000.seg
like_good no-log log
like_good log-is-a-pipe log
mkfifo bad/log-is-a-pipe/log
like_good segment-is-a-pipe log/0000000000.seg
mkfifo bad/segment-is-a-pipe/log/0000000000.seg
like_good segment-is-a-device log/0000000000.seg
ln -s /dev/zero bad/segment-is-a-device/log/0000000000.seg
like_good segment-is-a-folder log/0000000000.seg
mkdir bad/segment-is-a-folder/log/0000000000.seg
like_good segment-is-empty log/0000000000.seg
: >bad/segment-is-empty/log/0000000000.seg
like_good future nothing
python3 - <<'END'
import hashlib
with open("bad/future/log/0000000000.seg", "r+b") as file:
    head = bytearray(file.read(96))
    head[8:12] = (2).to_bytes(4, "big")
    file.seek(0)
    file.write(bytes(head) + hashlib.sha256(head).digest())
END
no_stores=(empty foreign file nowhere circle device pipe headless no-log log-is-a-pipe segment-is-a-pipe
	segment-is-a-device segment-is-a-folder segment-is-empty future)

# Damaged in a part that not every tool needs.
like_good index-is-a-pipe index/data.mdb
mkfifo bad/index-is-a-pipe/index/data.mdb
like_good index-is-a-device index/data.mdb
ln -s /dev/zero bad/index-is-a-device/index/data.mdb
like_good index-is-a-file index
echo hello >bad/index-is-a-file/index
like_good index-is-rubbish nothing
head -c 65536 /dev/urandom >bad/index-is-rubbish/index/data.mdb
like_good index-lock-is-a-pipe index/lock.mdb
mkfifo bad/index-lock-is-a-pipe/index/lock.mdb
like_good lock-is-a-pipe lock
mkfifo bad/lock-is-a-pipe/lock
like_good key-is-a-pipe keys/seal.key
mkfifo bad/key-is-a-pipe/keys/seal.key
like_good log-key-is-a-pipe keys/log.key
mkfifo bad/log-key-is-a-pipe/keys/log.key
like_good keys-are-a-circle keys
ln -s keys bad/keys-are-a-circle/keys
damaged=(index-is-a-pipe index-is-a-device index-is-a-file index-is-rubbish index-lock-is-a-pipe
	lock-is-a-pipe key-is-a-pipe log-key-is-a-pipe keys-are-a-circle)

# --- the tools -------------------------------------------------------------------------------

tools=(verify log ls cat grep blame diff status key checkpoint prove export consistency)
writers=(reindex rekey mount)

command_of() { # TOOL STORE: sets $command
	case $1 in
	cat | blame) command=("$inkfs" "$1" "$2" jobs/build.log) ;;
	prove) command=("$inkfs" prove "$2" /jobs/build.log) ;;
	grep) command=("$inkfs" grep one "$2") ;;
	diff) command=("$inkfs" diff "$2" 2020-01-01 now) ;;
	verify) command=("$inkfs" verify "$2" --key @vkey) ;;
	export) command=("$inkfs" export "$2" --tiles tiles) ;;
	consistency) command=("$inkfs" consistency checkpoint checkpoint "$2") ;;
	mount) command=("$BUILD/mount.inkfs" "$2" point) ;;
	*) command=("$inkfs" "$1" "$2") ;;
	esac
}

try() { # TOOL STORE: sets $code; no hang, no signal, no report of a sanitizer
	rm -rf tiles
	command_of "$1" "$2"
	code=0
	timeout 60 "${command[@]}" >out 2>err </dev/null || code=$?
	if ((code > 3)); then
		show >&2
		fail "exit $code: ${command[*]}"
	fi
	if grep -q 'Sanitizer\|runtime error' err; then
		show >&2
		fail "a sanitizer's report: ${command[*]}"
	fi
}

says_no() { # TOOL, after try
	[[ ! -e tiles ]] || fail "made something: ${command[*]}"
	case $1:$code in
	verify:1) # the log of a store is gone, not the store
		[[ ! -s err ]] || fail "messages: ${command[*]}"
		out_has "NOT INTACT: "
		return
		;;
	verify:3 | grep:3 | consistency:[123]) ;; # a file may be a proof; then 2
	verify:* | grep:* | consistency:* | *:[!1]) fail "exit $code: ${command[*]}" ;;
	esac
	err_is_one_line
}

before=$(fingerprint bad)
for store in "${no_stores[@]}"; do
	for tool in "${tools[@]}" "${writers[@]}" umount; do
		[[ $tool != mount || -x $BUILD/mount.inkfs ]] || continue
		try "$tool" "bad/$store"
		says_no "$tool"
	done
done
[[ $(fingerprint bad) == "$before" ]] || fail "what is no store was changed"

# What these tools need may be whole: then they do their work; else one sentence.
for store in "${damaged[@]}"; do
	before=$(fingerprint "bad/$store")
	for tool in "${tools[@]}"; do
		try "$tool" "bad/$store"
		if ((code != 0 && $(wc -l <err) != 1)) && [[ $tool != verify ]]; then
			show >&2
			fail "not one sentence: ${command[*]}"
		fi
		[[ $tool != verify ]] || ((code == 1 || code == 3)) ||
			[[ $store == *lock-is-a-pipe || $store == *key* ]] ||
			fail "exit $code: ${command[*]}"
	done
	# Refused before anything is changed.  (A pipe can be locked like a file; a mount needs no log key.)
	if [[ $store != log-key-is-a-pipe && $store != lock-is-a-pipe ]]; then
		run 77 timeout 60 ./mkstore "bad/$store"
		err_is_one_line
	fi
	[[ $(fingerprint "bad/$store") == "$before" ]] || fail "changed: $store"
done
[[ ! -e tiles ]] || rm -r tiles
[[ $(find point | wc -l) -eq 1 ]] || fail "something in the mount point"
