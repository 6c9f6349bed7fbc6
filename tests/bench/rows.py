"""What each row of the benchmarks is, in what it is measured, and what it is held against.

A row has a title, a figure (key in the raw result, unit, divisor), a reference (row and
candidate) by which each other candidate is divided, and for some a goal: comparison, limit,
what is compared (ratio, figure, or worst of all rounds) and for which candidate.
"""

from collections import namedtuple

Figure = namedtuple("Figure", "key unit divisor")
Goal = namedtuple("Goal", "comparison limit subject candidate")
Row = namedtuple("Row", "title figure reference goal")

NAMES = {
    "inkfs": "inkfs",
    "inkseal": "inkfs seal=write",
    "empty": "empty FUSE",
    "sign": "empty FUSE + signature",
    "pass": "passthrough",
    "ext4": "ext4",
    "append": "ext4 chattr +a",
    "journal": "sealed journal",
    "rsyslog": "rsyslog",
    "naive": "LMDB + signature each",
    "sha": "SHA-256, one core",
    "sha256sum": "sha256sum",
}

MEDIAN = Figure("p50_ns", "us", 1e3)
MEAN = Figure("ns_per_op", "us", 1e3)
SECONDS = Figure("seconds", "s", 1)
RATE = Figure("mb_per_s", "MB/s", 1)
# One writer's rate by its median operation, as the latency rows.
TYPICAL = Figure("typical_mb_per_s", "MB/s", 1)


def at_most(limit, subject="ratio", candidate="inkfs"):
    return Goal("<=", limit, subject, candidate)


def at_least(limit, subject="ratio", candidate="inkfs"):
    return Goal(">=", limit, subject, candidate)


ROWS = {
    "sha": Row("SHA-256 of one core, 1 MiB", RATE, None, None),
    "append-128": Row("128 B append", MEDIAN, "empty", at_most(1.15)),
    "append-128-pinned": Row("128 B append, one CPU", MEDIAN, "empty", at_most(1.15)),
    "append-4k": Row("4 KiB append", MEDIAN, "empty", at_most(1.5)),
    "append-4k-pinned": Row("4 KiB append, one CPU", MEDIAN, "empty", at_most(1.5)),
    "append-4k-8-files": Row("4 KiB, 8 writers, 8 files", MEAN, "empty", None),
    "append-4k-8-shared": Row("4 KiB, 8 writers, 1 file", MEAN, "empty", None),
    "append-128k": Row("128 KiB append", MEDIAN, "pass", None),
    "append-128k-8-files": Row("128 KiB, 8 writers, 8 files", RATE, "pass", None),
    "append-128k-8-shared": Row("128 KiB, 8 writers, 1 file", RATE, "pass", None),
    "append-1m": Row("1 MiB append, one writer", TYPICAL, ("sha", "sha"), at_least(0.75)),
    "append-1m-2-writers": Row("1 MiB append, two writers, two files", RATE,
                               ("append-1m", "inkfs"), at_least(1.3)),
    "append-1m-8-files": Row("1 MiB, 8 writers, 8 files", RATE, "pass", None),
    "append-1m-8-shared": Row("1 MiB, 8 writers, 1 file", RATE, "pass", None),
    "append-128-8-files": Row("128 B, 8 writers, 8 files", MEAN, "empty", None),
    "append-128-8-shared": Row("128 B, 8 writers, 1 file", MEAN, "empty", None),
    "seal-write-128": Row("128 B append, seal=write", MEDIAN, "sign",
                          at_most(1.15, candidate="inkseal")),
    "seal-write-128-pinned": Row("128 B append, seal=write, one CPU", MEDIAN, "sign",
                                 at_most(1.15, candidate="inkseal")),
    "dsync-256": Row("256 B on O_DSYNC", MEDIAN, ("fdatasync-256", "ext4"), at_most(1.0)),
    "dsync-256-8": Row("256 B on O_DSYNC, 8 writers", MEAN, ("fdatasync-256-8", "ext4"),
                       at_most(1.0)),
    "fdatasync-256": Row("256 B + fdatasync", MEDIAN, "ext4", at_most(1.1)),
    "fdatasync-256-8": Row("256 B + fdatasync, 8 writers", MEAN, "ext4", at_most(1.0)),
    "signed-synced-128": Row("128 B, signed and on the disk", MEDIAN, "inkfs", None),
    "reopen-128": Row("open, append 128 B, close", MEDIAN, "pass", at_most(1.5)),
    "reopen-128-pinned": Row("open, append 128 B, close, one CPU", MEDIAN, "pass", at_most(1.5)),
    "create-1000": Row("create 1,000 files of 128 B", MEDIAN, "pass", at_most(1.3)),
    "create-1000-pinned": Row("create 1,000 files of 128 B, one CPU", MEDIAN, "pass", at_most(1.3)),
    "lines-bulk": Row("lines of 128 B, one after another", MEAN, "inkfs",
                      at_least(1.5, candidate="journal")),
    "lines-one-by-one": Row("lines of 128 B, each waited for", MEAN, "inkfs",
                            at_least(1.5, candidate="journal")),
    "compile-log": Row("compile log, line by line", MEAN, "pass", None),
    "compile-log-pinned": Row("compile log, line by line, one CPU", MEAN, "pass", None),
    "access-log": Row("access log, line by line", MEAN, "pass", None),
    "follow": Row("tail -f: from write to reader", MEDIAN, "pass", None),
    "mixed": Row("three appends, one read of 4 KiB", MEAN, "pass", None),
    "read-warm-small": Row("read again, records of 128 B", RATE, "ext4", at_least(0.9)),
    "read-warm-large": Row("read again, records of 1 MiB", RATE, "ext4", at_least(0.9)),
    "read-cold-small": Row("read after cache drop, records of 128 B", RATE, "ext4", at_least(0.5)),
    "read-cold-large": Row("read after cache drop, records of 1 MiB", RATE, "ext4", None),
    "read-driver-small": Row("read from the driver, records of 128 B", RATE, "pass", None),
    "read-driver-large": Row("read from the driver, records of 1 MiB", RATE, "pass", None),
    "cpu": Row("driver's CPU time, compile log of 10 minutes", Figure("cpu_s", "s", 1), None,
               Goal("<", 0.5, "figure", "inkfs")),
    "memory": Row("driver's peak memory", Figure("peak_kib", "MiB", 1024), None,
                  Goal("<", 64, "worst", "inkfs")),
}


def reference_of(row):
    """(row, candidate), or None."""
    reference = ROWS[row].reference
    return (row, reference) if isinstance(reference, str) else reference


FIGURES = {"median": MEDIAN, "mean": MEAN, "rate": RATE, "seconds": SECONDS}


def define(item):
    """A row that a program in extra/ describes (README.md)."""
    goal = item.get("goal")
    if goal:
        goal = Goal(goal[0], goal[1], "ratio", goal[2] if len(goal) > 2 else "inkfs")
    NAMES.update(item.get("names", {}))
    ROWS[item["define"]] = Row(item["title"], FIGURES[item["figure"]], item.get("reference"), goal)


def amount(value):
    return format(value, ",.0f" if value >= 100 else ".1f" if value >= 2 else ".2f")


def reference_text(result):
    """What a ratio is to; with the row, where it is another one."""
    if result["ratio"] is None:
        return ""
    row, candidate = result["reference"]
    if row in (result["row"], "sha"):
        return NAMES[candidate]
    return f"{NAMES[candidate]}, {ROWS[row].title}"
