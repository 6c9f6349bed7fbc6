#!/bin/bash
# Ordinary programs on the mount: each sees what it would see anywhere else.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
plain=$tmp/plain
mkdir "$logs" "$plain"
new_store store
"$BUILD/mount.inkfs" "$store" "$logs"
cd "$logs"

has() { command -v "$1" >/dev/null || { echo "not tried: $1 is not here"; return 1; }; }

tell_files() {
	echo one >a
	equal "size" 4 "$(stat -c %s a)"
	equal "blocks" 1 "$(stat -c %b a)"
	equal "type" "regular file" "$(stat -c %F a)"
	equal "links of the root" 2 "$(stat -c %h .)"
	mkdir -p dir/sub
	equal "links of the root" 3 "$(stat -c %h .)"
	equal "links of a folder" 3 "$(stat -c %h dir)"
	equal "inode of .." "$(stat -c %i .)" "$(stat -c %i dir/..)"
	equal "ls" "a dir" "$(find . -mindepth 1 -maxdepth 1 -printf "%f\n" | sort | paste -sd ' ')"
	ls -la . >/dev/null
	echo two >dir/sub/b
	equal "find" "./a ./dir/sub/b" "$(find . -type f | sort | paste -sd ' ')"
	equal "grep -r" "dir/sub/b:two" "$(grep -r tw .  | sed 's,^\./,,')"
	du -s . >/dev/null
}

tell_space() {
	local below here
	below=$(df --output=size "$store" | tail -n 1)
	here=$(df --output=size "$logs" | tail -n 1)
	equal "df" "$below" "$here"
	equal "source in df" "$store" "$(df --output=source "$logs" | tail -n 1)"
	equal "type" "fuse.inkfs" "$(findmnt -no FSTYPE "$logs")"
}

show_flags() {
	has lsattr || return 0
	[[ $(lsattr a) == *a*" a" ]] || fail "lsattr does not show the append-only flag: $(lsattr a)"
	[[ $(lsattr -d dir) == *a*" dir" ]] || fail "lsattr -d: $(lsattr -d dir)"
	fails "chattr -a worked" chattr -a a
}

# A reader that was there before sees what is appended: page cache and direct I/O.
follow() {
	local line i
	echo first >followed
	coproc TAIL { exec tail -n +1 -f followed; }
	read -r -t 10 line <&"${TAIL[0]}" || fail "tail -f shows nothing"
	equal "tail -f" first "$line"
	for i in 1 2 3; do
		echo "next $i" >>followed
		read -r -t 10 line <&"${TAIL[0]}" || fail "tail -f does not follow"
		equal "tail -f" "next $i" "$line"
	done
	kill "$TAIL_PID"
	wait "$TAIL_PID" 2>/dev/null || true

	exec 3<followed
	cat <&3 >/dev/null
	for i in $(seq 200); do
		printf '%s' "$i," >>followed
		equal "an open reader" "$i," "$(cat <&3)"
	done
	exec 3<&-
}

notify() {
	has python3 || return 0
	python3 - <<'END'
import ctypes, os, select, struct
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init()
assert libc.inotify_add_watch(fd, b"a", 0x2) >= 0  # IN_MODIFY
with open("a", "a") as log:
    log.write("more\n")
assert select.select([fd], [], [], 10)[0], "no event came"
assert struct.unpack("iIII", os.read(fd, 4096)[:16])[1] & 0x2
END
}

map_and_lock() {
	has python3 || return 0
	python3 - <<'END'
import errno, fcntl, mmap, os
with open("mapped", "wb") as f:
    f.write(b"m" * 5000)
with open("mapped", "rb") as f:
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    assert m[4999:] == b"m" and len(m) == 5000
    p = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    p[0:1] = b"X"
    assert m[0:1] == b"m"
fd = os.open("mapped", os.O_RDWR | os.O_APPEND)
assert os.lseek(fd, 0, os.SEEK_DATA) == 0
assert os.lseek(fd, 10, os.SEEK_HOLE) == 5000
assert os.pread(fd, 10, 4995) == b"mmmmm"
fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
if os.fork() == 0:
    other = os.open("mapped", os.O_RDWR)
    try:
        fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        os._exit(0 if e.errno in (errno.EAGAIN, errno.EACCES) else 2)
    os._exit(1)
assert os.wait()[1] == 0, "a second process got the same lock"
assert os.getxattr("mapped", "user.inkfs.records") == b"1"
assert os.getxattr("mapped", "user.inkfs.sealed") == b"1"
assert len(os.getxattr("mapped", "user.inkfs.digest")) == 64
assert int(os.getxattr("mapped", "user.inkfs.seq")) > 0
assert len(os.listxattr("mapped")) == 4
END
	exec 9>>a
	flock -n 9 || fail "flock"
	fails "a second flock succeeded" flock -n a true
	exec 9>&-
	flock -n a true || fail "flock after close"
}

names_and_links() {
	local long
	long=$(printf 'n%.0s' $(seq 255))
	echo x >"$long" || fail "a name of 255 bytes"
	fails "a name of 256 bytes was taken" touch "${long}n"
	printf 'bytes' >$'\xff\x01 \n'
	equal "a name of odd bytes" bytes "$(cat $'\xff\x01 \n')"
	ln -s dir/sub/b link
	equal "readlink" dir/sub/b "$(readlink link)"
	equal "through the link" two "$(cat link)"
	ln -s nowhere dangling
	fails "a dangling link was read" cat dangling
	mkdir many
	(cd many && seq 1500 | xargs touch)
	equal "names in a large folder" 1500 "$(find many -mindepth 1 | wc -l)"
	equal "find in a large folder" 1500 "$(find many -type f -size 0 | wc -l)"
}

times() {
	local before after
	touch -d '2001-02-03 04:05:06.789 UTC' a
	equal "touch" 981173106 "$(stat -c %Y a)"
	before=$(stat -c %z a)
	chmod 600 a
	equal "mtime after chmod" 981173106 "$(stat -c %Y a)"
	[[ $(stat -c %z a) != "$before" ]] || fail "ctime stays at chmod"
	echo again >>a
	after=$(stat -c %Y a)
	((after > 981173106)) || fail "mtime stays at a write"
	equal "mtime of the folder" "$(stat -c %Y .)" "$(stat -c %Y "$logs")"
	equal "truncate to the same size" "$(stat -c %y a)" \
		"$(truncate -s "$(stat -c %s a)" a && stat -c %y a)"
}

copy_out_and_in() {
	seq 200000 >numbers
	cp numbers "$plain/" && cmp numbers "$plain/numbers"
	cp -p "$plain/numbers" copied && cmp copied "$plain/numbers"
	dd if="$plain/numbers" of=by-dd bs=1000 status=none && cmp by-dd "$plain/numbers"
	tar cf "$plain/all.tar" dir numbers
	fails "cp over a file with content" cp "$plain/numbers" a
	if has less; then
		less numbers </dev/null | cmp - numbers
	fi
	if has rsync; then
		rsync -a --exclude many ./ "$plain/out/"
		cmp numbers "$plain/out/numbers"
		head -c 1000 numbers >part
		rsync --append "$plain/numbers" part && cmp part numbers
	fi
}

tell_files
tell_space
show_flags
follow
notify
map_and_lock
names_and_links
times
copy_out_and_in

cd /
"$BUILD/inkfs" umount "$logs"
"$BUILD/inkfs" verify "$store" >"$tmp/verify.out" 2>&1 || {
	cat "$tmp/verify.out"
	fail "not intact"
}

# What a second mount shows is what was there.
"$BUILD/mount.inkfs" "$store" "$logs" -o ro
cmp "$logs/numbers" "$plain/numbers"
fails "a read-only mount takes a file" touch "$logs/new"
"$BUILD/inkfs" umount "$logs"
echo "all behave"
