#!/usr/bin/env python3
"""Compare ways of waiting for FUSE requests, with the empty file system.

    tests/bench/loops.py [--rounds N] [--only REGEX] [--work-us N] [--json FILE]

Not part of `make bench`: it answers how the driver should be set up on a new
kind of machine (see NOTES.md).  Each round mounts every setting once, in a
rotated order, and each figure is the median over the rounds of the ratio to
the base setting of the same round.  Run as root, after `make bench-programs`.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD", "build")
EMPTYFS = os.path.join(BUILD, "tests/bench/emptyfs")
WRITER = os.path.join(BUILD, "tests/bench/writer")

BASE = "mt 10"
ONE_CPU = ["taskset", "-c", "0"]

# name: command before emptyfs, its options
SETTINGS = {
    "mt 10": ([], "--threads 10"),
    "mt 1": ([], "--threads 1"),
    "mt 2": ([], "--threads 2"),
    "mt 4": ([], "--threads 4"),
    "mt 7": ([], "--threads 7"),
    "mt 20": ([], "--threads 20"),
    "mt 10 clone": ([], "--threads 10 --clone-fd"),
    "mt 4 clone": ([], "--threads 4 --clone-fd"),
    "mt 10 idle 1": ([], "--threads 10 --idle 1"),
    "mt 10 idle 2": ([], "--threads 10 --idle 2"),
    "mt 10 idle 4": ([], "--threads 10 --idle 4"),
    "mt 10 idle 10": ([], "--threads 10 --idle 10"),
    "single": ([], "--loop single"),
    "fixed 1": ([], "--loop fixed --threads 1"),
    "fixed 2": ([], "--loop fixed --threads 2"),
    "fixed 4": ([], "--loop fixed --threads 4"),
    "fixed 1 spin 20": ([], "--loop fixed --threads 1 --spin-us 20"),
    "fixed 1 spin 50": ([], "--loop fixed --threads 1 --spin-us 50"),
    "fixed 2 spin 20": ([], "--loop fixed --threads 2 --spin-us 20"),
    "fixed 2 spin 50": ([], "--loop fixed --threads 2 --spin-us 50"),
    "fixed 4 spin 50": ([], "--loop fixed --threads 4 --spin-us 50"),
    "fixed 2 spin 20 y": ([], "--loop fixed --threads 2 --spin-us 20 --yield"),
    "fixed 2 spin 20 b": ([], "--loop fixed --threads 2 --spin-us 20 --back-off"),
    "fixed 2 spin 20 yb": ([], "--loop fixed --threads 2 --spin-us 20 --yield --back-off"),
    "fixed 2 spin 50 y": ([], "--loop fixed --threads 2 --spin-us 50 --yield"),
    "fixed 2 spin 50 yb": ([], "--loop fixed --threads 2 --spin-us 50 --yield --back-off"),
    "fixed 1 spin 50 y": ([], "--loop fixed --threads 1 --spin-us 50 --yield"),
    "fixed 4 spin 50 yb": ([], "--loop fixed --threads 4 --spin-us 50 --yield --back-off"),
    "mt 10 spin 20": ([], "--threads 10 --spin-us 20"),
    "mt 4 spin 50 yb": ([], "--threads 4 --spin-us 50 --yield --back-off"),
    "mt 10, one CPU": (ONE_CPU, "--threads 10"),
    "mt 2, one CPU": (ONE_CPU, "--threads 2"),
    "mt 1, one CPU": (ONE_CPU, "--threads 1"),
    "fixed 1 spin 50, one CPU": (ONE_CPU, "--loop fixed --threads 1 --spin-us 50"),
}

# name: are driver and writers pinned to one CPU, options of the writer
LOADS = {
    "128 x1": (False, ["--size", "128", "--count", "12000"]),
    "128 x1 pin": (True, ["--size", "128", "--count", "12000"]),
    "128 x8": (False, ["--size", "128", "--count", "2000", "--writers", "8"]),
    "128 x8/1": (False, ["--size", "128", "--count", "2000", "--writers", "8", "--files", "1"]),
    "1M x1": (False, ["--size", "1048576", "--count", "500"]),
    "1M x8": (False, ["--size", "1048576", "--count", "80", "--writers", "8"]),
}


def pin(pid, cpus):
    subprocess.run(["taskset", "-acp", cpus, str(pid)], check=True, stdout=subprocess.DEVNULL)


def load_run(mountpoint, name, driver_pid):
    is_pinned, options = LOADS[name]
    command = [WRITER, "append", "--dir", mountpoint] + options
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(driver_pid)))
    if is_pinned:
        command = ONE_CPU + command
        pin(driver_pid, "0")
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120).stdout
    if is_pinned:
        pin(driver_pid, cpus)
    return json.loads(out)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def setting_run(mountpoint, setting, work):
    """Every load once on a fresh mount."""
    prefix, options = SETTINGS[setting]
    results = {}
    with subprocess.Popen(
        prefix + [EMPTYFS] + options.split() + work + [mountpoint], stdout=subprocess.PIPE
    ) as driver:
        try:
            if driver.stdout.readline() != b"ready\n":
                sys.exit(f"emptyfs did not mount: {setting}")
            load_run(mountpoint, "128 x8", driver.pid)  # starts the threads
            for name in LOADS:
                before = cpu_seconds(driver.pid)
                results[name] = load_run(mountpoint, name, driver.pid)
                used_s = cpu_seconds(driver.pid) - before
                results[name]["driver_cpu_ns"] = used_s * 1e9 / results[name]["ops"] + 1
        finally:
            subprocess.run(["umount", "-l", mountpoint], check=False)
            try:
                driver.wait(timeout=10)
            except subprocess.TimeoutExpired:
                driver.kill()
    return results


def print_table(rounds, settings, key, digits):
    print(f"\n{key}: median ratio to '{BASE}' of the same round (in brackets: figure in us)")
    print(f"{'':26}" + "".join(f"{load:>14}" for load in LOADS))
    for setting in settings:
        cells = []
        for load in LOADS:
            ratios = [r[setting][load][key] / r[BASE][load][key] for r in rounds]
            figure = statistics.median(r[setting][load][key] for r in rounds) / 1e3
            cells.append(f"{statistics.median(ratios):.2f} ({figure:.{digits}f})")
        print(f"{setting:26}" + "".join(f"{cell:>14}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="settings that match this pattern, and the base")
    parser.add_argument("--work-us", type=int, default=0, help="what each write takes the driver")
    parser.add_argument("--json", help="write all single results there")
    args = parser.parse_args()

    settings = [s for s in SETTINGS if s == BASE or not args.only or re.search(args.only, s)]
    rounds = []
    work = ["--work-us", str(args.work_us)]
    with tempfile.TemporaryDirectory(prefix="inkfs-loops.") as mountpoint:
        for index in range(args.rounds):
            turn = index * 5 % len(settings)
            order = settings[turn:] + settings[:turn]
            rounds.append({setting: setting_run(mountpoint, setting, work) for setting in order})
            print(f"round {index + 1} of {args.rounds}", file=sys.stderr)
    print_table(rounds, settings, "ns_per_op", 1)
    print_table(rounds, settings, "p50_ns", 1)
    print_table(rounds, settings, "p99_ns", 0)
    print_table(rounds, settings, "driver_cpu_ns", 1)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(rounds, out)


if __name__ == "__main__":
    main()
