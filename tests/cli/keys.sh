#!/bin/bash
# Keys away from their store: in another folder, and the log key as a credential of a service manager.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin example.org/log --keys away
cp out vkey
[[ ! -e st/keys && -f away/log.key && -f away/seal.key ]] || fail "keys not in ./away"

# What the seal key is needed for says where it is missing.
run 1 "$inkfs" checkpoint st
err_has "st/keys/log.key"
run 0 "$inkfs" checkpoint st --keys away
run 0 "$inkfs" verify st --key @vkey

# The log key from a folder that nobody can write to, as systemd makes it; the seal key stays where it can be replaced.
mkdir credentials
mv away/log.key credentials/inkfs.log.key
chmod 0400 credentials/inkfs.log.key
chmod 0500 credentials
run 1 "$inkfs" checkpoint st --keys away
err_has "away/log.key"
export CREDENTIALS_DIRECTORY=$PWD/credentials
run 0 "$inkfs" checkpoint st --keys away
cp out cp
run 0 "$inkfs" verify st --key @vkey --checkpoint cp
run 0 "$inkfs" rekey st --keys away
run 0 "$inkfs" checkpoint st --keys away
cp out cp
run 0 "$inkfs" verify st --key @vkey --checkpoint cp

# For a user of its own systemd leaves it root's and adds an ACL, which shows in the bits of the group.
chmod 0440 credentials/inkfs.log.key
run 0 "$inkfs" checkpoint st --keys away
for mode in 0404 0460; do
	chmod "$mode" credentials/inkfs.log.key
	run 1 "$inkfs" checkpoint st --keys away
	err_has "may be read or written by others"
done
chmod 0400 credentials/inkfs.log.key

# A key of another store, and a link, are no credential.
run 0 "$inkfs" init other --origin example.org/log
mkdir wrong
cp other/keys/log.key wrong/inkfs.log.key
CREDENTIALS_DIRECTORY=$PWD/wrong run 1 "$inkfs" checkpoint st --keys away
err_has "is not the log key of"
ln -sf "$PWD/credentials/inkfs.log.key" wrong/inkfs.log.key
CREDENTIALS_DIRECTORY=$PWD/wrong run 1 "$inkfs" checkpoint st --keys away
err_has "it is a symbolic link"
CREDENTIALS_DIRECTORY=$PWD/nowhere run 1 "$inkfs" checkpoint st --keys away
err_is_one_line

# The unit file that is given as an example.
if command -v systemd-analyze >/dev/null; then
	mkdir units
	sed "s|/usr/local/sbin/mount.inkfs|$(type -P true)|" "$top/tools/inkfs@.service" >units/inkfs@.service
	cp units/inkfs@.service units/inkfs@ci.service
	run 0 systemd-analyze verify --man=no units/inkfs@ci.service
	err_is </dev/null
fi

# A driver with all of that: a checkpoint of the live store needs the log key, an epoch's end the seal key's folder.
[[ -x $BUILD/mount.inkfs ]] || skip "$BUILD/mount.inkfs is not built"
[[ -r /dev/fuse && -w /dev/fuse ]] || skip "/dev/fuse cannot be used here"
mkdir mnt
run 0 "$inkfs" mount st mnt -o "keys=$PWD/away,epoch=1"
echo line >mnt/a.log
run 0 cat mnt/.inkfs/checkpoint
cp out cp
run 0 "$inkfs" umount mnt
run 0 "$inkfs" verify st --key @vkey --checkpoint cp
out_has "end          closed in order"

# The seal key's folder must take a new file: told before anything is mounted.
if unshare --mount true 2>/dev/null; then
	run 1 unshare --mount sh -c 'mount --bind away away && mount -o remount,ro,bind away &&
		exec "$@"' sh "$BUILD/mount.inkfs" st mnt --foreground -o "keys=$PWD/away"
	err_has "$PWD/away"
	err_has "Read-only file system"
	run 0 "$inkfs" verify st --key @vkey --checkpoint cp
fi
