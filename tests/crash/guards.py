#!/usr/bin/env python3
"""Take away what guards a promise, one thing after the other, and see the test that tries to break the promise go red.

    tests/crash/guards.py [--only TEXT] [--list] [--check] [--write]

    --only TEXT   guards with TEXT in "file: what"
    --list        name them, try none
    --check       see that each is where the table says, once, and its test there; try none
    --write       put the table into tests/crash/README.md

A guard is a line of fs/store or fs/driver.  A copy of the sources in build-guards/ loses one at a time; its test must
then fail, and pass with all of them there.  Takes some minutes, and a machine that can mount; not a part of `make test`.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK = os.path.join(TOP, "build-guards")
README = os.path.join(TOP, "tests", "crash", "README.md")
BEGIN, END = "<!-- guards.py --write -->\n", "<!-- end -->\n"
TIME_LIMIT_S = 280

POWER = "crash/test_power"
POWER_INDEX = "crash/test_power_index"
DURABLE = "mount/test_durable"

# (promise, what is taken away, file of fs/store or driver/…, the line as it is, the line instead, test)
GUARDS = [
    ("write", "the rest of a write that was short", "io.c",
     "count = skip_written(&parts, count, (size_t)done);", "count = 0;", POWER),
    ("write", "what the index did not yet cover is replayed", "recover.c",
     "if (err != INK_OK || step != WALK_RECORD)\n\t\t\tbreak;", "break;", "crash/test_kill"),
    ("write", "the same beneath a mount", "recover.c",
     "if (err != INK_OK || step != WALK_RECORD)\n\t\t\tbreak;", "break;", "mount/test_kill"),
    ("write", "one write(2) is one request", "driver/ops_open.c",
     "info->direct_io = !handle->is_cached;", "info->direct_io = false;", "mount/test_records"),
    ("close", "close(2) asks for a seal", "driver/ops_open.c",
     "err = ink_seal(store_of(req), ino);", "err = INK_OK;", DURABLE),
    ("100 ms", "the interval of the mount", "driver/options.c",
     "return &options->store.seal_interval_ms;", "return &options->store.heartbeat_s;", DURABLE),
    ("fsync", "fsync(2) reaches the store", "driver/ops_open.c",
     "reply_synced(req);", "reply_err(req, INK_OK);", DURABLE),
    ("fsync", "that of a folder does", "driver/ops_dir.c",
     "op_fsync(req, ino, is_data, info);", "fuse_reply_err(req, 0);", DURABLE),
    ("fsync", "O_SYNC and O_DSYNC reach the store", "driver/ops_data.c",
     "bool is_sync = driver->options.is_sync || info->flags & (O_SYNC | O_DSYNC);",
     "bool is_sync = driver->options.is_sync;", DURABLE),
    ("fsync", "the mount option sync reaches the store", "driver/options.c",
     "options->is_sync = true;", ";", DURABLE),
    ("fsync", "who waits for it keeps no thread", "driver/sync.c",
     "struct request *request = malloc(sizeof(*request));", "struct request *request = NULL;",
     "mount/test_slow_disk"),
    ("close", "a mount that goes while the driver is asked ends in order", "driver/init_reply.c",
     "if (got < 0 && errno == ECONNABORTED)", "if (0)", "mount/test_slow_disk"),
    ("1 s", "the interval of the mount", "driver/options.c",
     "return &options->store.sync_interval_ms;", "return &options->store.heartbeat_s;", DURABLE),
    ("close", "a seal when a file is closed", "store_sync.c",
     "if (err == INK_OK && inode->touched_seq >= sealed_count(store))", "if (0)", "unit/test_store_seal"),
    ("100 ms", "the seal that nobody asked for", "store_sync.c",
     "if (has_unsealed(store))\n\t\terr = store_seal(store, INK_SEAL_INTERVAL);\n\telse if",
     "if (has_unsealed(store))\n\t\t;\n\telse if", "unit/test_store_seal"),
    ("fsync", "the flush of the log", "log.c",
     "if (io->fdatasync(io->ctx, ticket->tail_fd) != 0)", "if (0)", POWER),
    ("fsync", "the flush of finished segments", "log.c",
     "if (io->fdatasync(io->ctx, ticket->closing_fds[i]) != 0)", "if (0)", POWER),
    ("fsync", "the flush of a new segment's name", "log.c",
     "if (ticket->has_new_file && io->sync_dir(io->ctx, ticket->dir) != 0)", "if (0)", POWER),
    ("fsync", "a request is told after a flush", "store_group.c",
     "if (store->synced_count >= request->record_count) {", "if (true) {", POWER),
    ("fsync", "a request waits for the flush that covers it", "store_group.c",
     "if (!has_failed && request->record_count > store->synced_count) {", "if (false) {",
     "unit/test_store_group"),
    ("fsync", "requests are told of a flush that failed", "store_group.c",
     "tell_all(turn.covered_requests, err, error);",
     "tell_all(turn.covered_requests, INK_OK, error);", "unit/test_store_group"),
    ("fsync", "the seal inside the flush", "store_group.c",
     "if (has_unsealed(store))\n\t\terr = store_seal(store, INK_SEAL_SYNC);", "", POWER),
    ("fsync", "an append that asks for it waits for it", "store_file.c",
     "if (err == INK_OK && is_sync)", "if (0)", POWER),
    ("fsync", "the folder above a new store is synced", "store_init.c",
     "return io->sync_dir(io->ctx, parent) == 0 ? INK_OK : error_io(error, parent, \"cannot sync\");",
     "return INK_OK;", POWER),
    ("1 s", "the committing thread's round", "store_sync.c",
     "error = store_commit_index(store) == INK_OK ? 0 : errno;", "error = 0;", POWER),
    ("1 s", "the log is synced though the index fails", "store_sync.c",
     "sync_err = store_sync_to(store, all);", "sync_err = store_sync_to(store, count);", POWER),
    ("1 s", "the syncing thread's round", "store_sync.c",
     "(void)!store_sync_to(store, count);", ";", "unit/test_store_commit"),
    ("refused", "the refusal's record", "store_denied.c",
     "err = record(store, caller, inode, &once);", "err = INK_OK;", "unit/test_store_denied"),
    ("refused", "bytes are changed nowhere but at the end", "store_file.c",
     "if (offset != INK_AT_END && offset != inode->size) {", "if (0) {", "mount/test_refused_content"),
    ("refused", "what holds bytes keeps its name", "store_names.c",
     "if (!may_be_unlinked(store, inode))", "if (0)", "mount/test_refused_names"),
    ("refused", "the same again is a count", "store_denied.c",
     "if (is_folding(slot, is_known)) {", "if (0) {", "mount/test_floods"),
    ("error", "what a failed write left is taken back", "log.c",
     "log_take_back(log);\n\t\treturn INK_ERR_IO;", "return INK_ERR_IO;", "crash/test_faults"),
    ("error", "memory is had before a record is written", "store_record.c",
     "enum ink_err err = catalog_reserve(store->catalog, header->kind);", "enum ink_err err = INK_OK;", "crash/test_memory"),
    ("error", "a verifier without memory for reading ahead does without", "walk_ahead.c",
     "if (!ahead->is_stuck)\n\t\t\t\treturn NULL;", "", "crash/test_memory"),
    ("no pause", "writers are slowed before they wait for the index", "store_record.c",
     "keep_pace(store);\n\twhile", "while", "unit/test_store_commit"),
    ("no pause", "changed inodes reach the index before its commit", "catalog_apply.c",
     "(void)!inodes_flush(catalog, INODE_DIRTY_MAX);", ";", "unit/test_store_commit"),
    ("error", "and what a failed write of a large body left", "store_large.c",
     "log_take_back(store->log);", ";", "crash/test_faults"),
    ("error", "after a failed sync nothing is taken any more", "log.c",
     "if (!is_done) {\n\t\tlog->has_failed = true;\n\t\treturn;", "if (!is_done) {\n\t\treturn;", POWER),
    ("crash", "a reindex tells of a torn end", "store_reindex.c",
     "if (err == INK_OK && end_fault)", "if (0)", "unit/test_recover"),
    ("crash", "the boot clock of each record", "log.c",
     "header->boot_ns = now_ns(CLOCK_BOOTTIME);", "header->boot_ns = now_ns(CLOCK_MONOTONIC);", "crash/test_clock"),
    ("100 ms", "waits are by a clock that nobody sets", "store_record.c",
     "return now_ns(CLOCK_MONOTONIC);", "return now_ns(CLOCK_REALTIME);", "crash/test_clock"),
    ("root at T", "an epoch takes the time that the machine sleeps, too", "store_record.c",
     "return now_ns(CLOCK_BOOTTIME);", "return now_ns(CLOCK_MONOTONIC);", "crash/test_clock"),
    ("crash", "an opening looks at the names of segments alone", "store_open.c",
     "if (has_segments_before(store, last))\n\t\treturn INK_OK;", "", "unit/test_store_open"),
    ("crash", "a segment that is missing stops it", "store_open.c",
     "return folder && count == last;", "return true;", "unit/test_store_open"),
    ("crash", "the index is committed only for what is synced", "store_sync.c",
     "sync_err = store_sync_to(store, all);", "sync_err = INK_OK;", POWER),
    ("crash", "what a failed sync may have lost is written again", "recover_sync.c",
     "err = write_again(r, fd, from);", "err = INK_OK;", POWER),
    ("crash", "what is replayed is synced before it is indexed", "recover.c",
     "err = recover_sync_segments(&r);", "err = INK_OK;", POWER),
    ("crash", "RECOVERY of a session without end", "store_session.c",
     "return store_record(store, INK_RECOVERY, NULL, 0, &body);", "return INK_OK;", POWER),
    ("crash", "the copy in lost/ before the log is cut", "recover_tail.c",
     "err = save_tail(r, &last);", "err = INK_OK;", "crash/test_torn"),
    ("crash", "the copy in lost/ is synced", "recover_tail.c",
     "return r->io->fdatasync(r->io->ctx, out) == 0 ? INK_OK : INK_ERR_IO;", "return INK_OK;", POWER),
    ("crash", "the name in lost/ is synced", "recover_tail.c",
     "return code == 0 && r->io->sync_dir(r->io->ctx, r->lost_dir) == 0 ? INK_OK : INK_ERR_IO;",
     "return code == 0 ? INK_OK : INK_ERR_IO;", POWER),
    ("crash", "damage before the durable end is no torn tail", "recover.c",
     "if (seq < durable_size(r))", "if (0)", "unit/test_recover"),
    ("crash", "the first index is begun beside its place", "store_open.c",
     "enum ink_err err = store_begin_index(store, error);", "enum ink_err err = INK_OK;", POWER_INDEX),
    ("crash", "what an index begun before has left", "store_reindex.c",
     "remove_index(fresh);\n\terr = build(", "err = build(", "crash/test_reindex"),
    ("crash", "the index is on the disk before it takes its place", "index.c",
     "unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;", "unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC;", POWER_INDEX),
    ("crash", "so is its file's name", "store_reindex.c",
     "if (io->sync_dir(io->ctx, fresh) != 0)", "if (0)", POWER_INDEX),
    ("crash", "that it has taken its place is on the disk", "store_reindex.c",
     "io->sync_dir(io->ctx, store->path) != 0)", "0)", POWER_INDEX),
    ("root at T", "both seeds on the disk before EPOCH", "store_epoch.c",
     "err = seal_key_write(io, store->keys_dir, store->store_id, epoch, old, next);", "err = INK_OK;", POWER),
    ("root at T", "the same, whatever call fails", "store_epoch.c",
     "err = seal_key_write(io, store->keys_dir, store->store_id, epoch, old, next);", "err = INK_OK;", "crash/test_epoch"),
    ("root at T", "EPOCH on the disk before the old seed goes", "store_epoch.c",
     "err = store_sync_to(store, count);", "err = INK_OK;", POWER),
    ("root at T", "the change before is on the disk before the next", "store_epoch.c",
     "err = store_sync_to(store, store->handover_count);", "err = INK_OK;", "unit/test_store_epoch"),
    ("root at T", "the old seed goes", "store_epoch.c",
     "err = seal_key_write(io, store->keys_dir, store->store_id, epoch + 1, next, NULL);", "err = INK_OK;", POWER),
    ("root at T", "the new key file is synced before it is renamed", "io.c",
     "if (io_write(io, fd, &part, 1, 0) != INK_OK || io->fdatasync(io->ctx, fd) != 0) {",
     "if (io_write(io, fd, &part, 1, 0) != INK_OK) {", POWER),
    ("root at T", "its name is synced", "io.c",
     "if (io->rename(io->ctx, new_path, path) != 0 || io->sync_dir(io->ctx, dir) != 0)",
     "if (io->rename(io->ctx, new_path, path) != 0)", POWER),
]


def is_same(a, b):
    return os.path.exists(b) and filecmp.cmp(a, b, shallow=False)


def copy_sources():
    """What differs gets a new date, so that make builds it: a run that was broken off leaves a guard away."""
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, stdout=subprocess.PIPE,
                           text=True, check=True).stdout.split()
    for name in files:
        source, target = os.path.join(TOP, name), os.path.join(WORK, name)
        if os.path.isfile(source) and not is_same(source, target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(source, target)


def build(test):
    programs = ["all"] if test.startswith("mount/") else []
    made = subprocess.run(["make", "-s", "-j2", "BUILD=build", "WERROR=-w", "CFLAGS=-O1", "build/tests/" + test] + programs,
                          cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        sys.exit("guards.py: does not build:\n" + made.stdout)


def failure(test):
    """The first test of the program that fails, or None."""
    env = dict(os.environ, PATH=os.path.join(WORK, "build") + ":" + os.environ["PATH"])
    try:
        done = subprocess.run([os.path.join(WORK, "build/tests", test)], cwd=WORK, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIME_LIMIT_S, env=env)
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return None
    if done.returncode == 77:
        sys.exit("guards.py: %s cannot run here: %s" % (test, done.stdout.strip()))
    for line in done.stdout.splitlines():
        if line.startswith("[  FAILED  ]"):
            return line.split("]", 1)[1].strip()
    return "ends with %d" % done.returncode


def place_of(name):
    return "fs/" + name if "/" in name else "fs/store/" + name


def source(name):
    with open(os.path.join(TOP, place_of(name)), encoding="utf-8") as file:
        return file.read()


def fault(guard):
    """What the table has wrong of it, or None."""
    _, what, name, old, new, test = guard
    count = source(name).count(old)
    if count != 1:
        return "%s: %s: %r is there %d times" % (place_of(name), what, old, count)
    if old == new:
        return "%s: %s: nothing is taken away" % (place_of(name), what)
    if not os.path.exists(os.path.join(TOP, "tests", test + ".c")):
        return "%s: %s: there is no tests/%s.c" % (name, what, test)
    return None


def attempt(guard):
    promise, what, name, old, new, test = guard
    path = place_of(name)
    text = source(name)
    with open(os.path.join(WORK, path), "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    build(test)
    red = failure(test)
    with open(os.path.join(WORK, path), "w", encoding="utf-8") as file:
        file.write(text)
    return promise, what, name, test, red


def write_table(rows):
    with open(README, encoding="utf-8") as file:
        text = file.read()
    table = "| promise | taken away | in fs/store or fs/driver | red |\n| --- | --- | --- | --- |\n"
    for promise, what, name, test, red in rows:
        table += "| %s | %s | `%s` | %s |\n" % (promise, what, name,
                                               "`%s`: %s" % (test, red.replace("_", " ")) if red else "**nothing**")
    head, rest = text.split(BEGIN)
    with open(README, "w", encoding="utf-8") as file:
        file.write(head + BEGIN + table + END + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    chosen = [g for g in GUARDS if args.only in "%s: %s" % (g[2], g[1])]
    if args.list:
        print("\n".join("%s: %s" % (g[2], g[1]) for g in chosen))
        return
    faults = [text for text in map(fault, chosen) if text]
    if faults:
        sys.exit("guards.py: the table does not fit the sources:\n" + "\n".join(faults))
    if args.check:
        print("%d guards are where the table says" % len(chosen))
        return
    copy_sources()
    for test in sorted({g[5] for g in chosen}):
        build(test)
        red = failure(test)
        if red:
            sys.exit("guards.py: %s fails with all guards there: %s" % (test, red))
    rows = []
    for guard in chosen:
        rows.append(attempt(guard))
        print("%-8s %s: %s -> %s: %s" % (("red" if rows[-1][4] else "GREEN"), guard[2], guard[1], guard[5],
                                         rows[-1][4]), flush=True)
    if args.write:
        write_table(rows)
    sys.exit(0 if all(row[4] for row in rows) else 1)


if __name__ == "__main__":
    main()
