#!/bin/bash
# Python's logging: FileHandler, FileHandler behind a queue of threads, WatchedFileHandler; two
# starts.  Then rotation: a file renamed under WatchedFileHandler, and TimedRotatingFileHandler,
# which renames by itself.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need python3

cat >app.py <<'END'
import logging
import logging.handlers
import os
import queue
import sys
import threading
import time

FOLDERS = sys.argv[2:]
FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")


def logger_of(name, make_handler):
    """A logger with one handler a folder."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    handlers = [make_handler(os.path.join(folder, name + ".log")) for folder in FOLDERS]
    for handler in handlers:
        handler.setFormatter(FORMAT)
        logger.addHandler(handler)
    return logger, handlers


def fail_on_purpose():
    raise ValueError("on purpose, ünïcödé")


def start():
    plain, _ = logger_of("plain", logging.FileHandler)
    delayed, _ = logger_of("delayed", lambda path: logging.FileHandler(path, delay=True))
    watched, _ = logger_of("watched", logging.handlers.WatchedFileHandler)
    for logger in (plain, delayed, watched):
        for number in range(300):
            logger.info("message %d of process %d", number, os.getpid())
        logger.debug("long: %s", "x" * 100_000)
        try:
            fail_on_purpose()
        except ValueError:
            logger.exception("with a traceback")

    _, handlers = logger_of("threads", logging.FileHandler)
    logger = logging.getLogger("threads")
    records = queue.Queue()
    listener = logging.handlers.QueueListener(records, *handlers)
    logger.handlers = [logging.handlers.QueueHandler(records)]
    listener.start()

    def work():
        for number in range(250):
            logger.warning("thread message %d", number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listener.stop()


def rotate():
    watched, _ = logger_of("rotated", logging.handlers.WatchedFileHandler)
    for turn in range(3):
        for number in range(100):
            watched.info("turn %d, message %d", turn, number)
        for folder in FOLDERS:
            path = os.path.join(folder, "rotated.log")
            os.rename(path, f"{path}.{turn}")
    watched.info("last")

    timed, _ = logger_of(
        "timed",
        lambda path: logging.handlers.TimedRotatingFileHandler(path, when="S", backupCount=0),
    )
    end = time.monotonic() + 2.5
    number = 0
    while time.monotonic() < end:
        timed.info("message %d", number)
        number += 1
        time.sleep(0.002)
    print(number)


{"start": start, "rotate": rotate}[sys.argv[1]]()
END

mount_store strict
python3 app.py start "$mnt" "$plain"
python3 app.py start "$mnt" "$plain"
compare_all
(($(grep -c 'thread message' "$mnt/threads.log") == 2000)) || fail "threads.log: a message is lost"
written_by python3 plain.log
"$inkfs" umount "$mnt"

mount_store rotate
count=$(python3 app.py rotate "$mnt" "$plain")
compare plain.log watched.log threads.log rotated.log rotated.log.0 rotated.log.1 rotated.log.2
# The second in which each handler turns its file over is its own.
names=("$mnt"/timed.log*)
((${#names[@]} >= 3)) || fail "TimedRotatingFileHandler did not rotate: ${names[*]}"
cmp <(cat "$plain"/timed.log.* "$plain/timed.log") <(cat "$mnt"/timed.log.* "$mnt/timed.log") ||
	fail "timed.log: the mount and the plain folder differ"
(($(cat "${names[@]}" | wc -l) == count)) || fail "timed.log: not $count messages"
finish 0
