#!/usr/bin/env python3
"""Turn the single measurements of run.sh into a table and results.json.

    tests/bench/report.py [--strict] [--disk DIR] --output FILE RAW

Every ratio is taken within one round, then the median over the rounds.  The
spread is that of the middle half of the rounds (quartiles), as a share of the median.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

NAMES = {"empty": "empty FUSE", "inkfs": "inkfs", "ext4": "ext4", "sha": "SHA-256"}

# row: what it is, key of the figure, its unit, divisor, what inkfs is held against,
# goal as (comparison, limit, what is compared)
LATENCY = ("p50_ns", "us", 1e3)
THROUGHPUT = ("mb_per_s", "MB/s", 1)
# One writer's rate by its median operation, as the latency rows; "of means" has the mean.
TYPICAL = ("typical_mb_per_s", "MB/s", 1)
ROWS = {
    "sha": ("SHA-256 of one core, 1 MiB", *THROUGHPUT, None, None),
    "append-128": ("128 B append", *LATENCY, "empty", ("<=", 1.25, "ratio")),
    "append-128-pinned": ("128 B append, one CPU", *LATENCY, "empty", ("<=", 1.25, "ratio")),
    "append-4k": ("4 KiB append", *LATENCY, "empty", None),
    "append-4k-pinned": ("4 KiB append, one CPU", *LATENCY, "empty", None),
    "append-128k": ("128 KiB append", *LATENCY, "empty", None),
    "append-1m": ("1 MiB append", *TYPICAL, "sha", (">=", 0.65, "ratio")),
    "append-1m-2-writers": ("1 MiB append, 2 writers", *THROUGHPUT, "sha", None),
    "append-128-8-files": ("128 B, 8 writers, 8 files", *THROUGHPUT, "empty", None),
    "append-128-8-shared": ("128 B, 8 writers, 1 file", *THROUGHPUT, "empty", None),
    "dsync-256": ("256 B O_DSYNC", *LATENCY, "ext4", None),
    "dsync-256-8": ("256 B O_DSYNC, 8 writers", *LATENCY, "ext4", None),
    "fdatasync-256": ("256 B + fdatasync", *LATENCY, "ext4", None),
    "fdatasync-256-8": ("256 B + fdatasync, 8 writers", *LATENCY, "ext4", None),
    "reopen-128": ("open, append 128 B, close", *LATENCY, "empty", None),
    "reopen-128-pinned": ("open, append, close, one CPU", *LATENCY, "empty", None),
    "create-1000": ("create 1000 files of 128 B", *LATENCY, "empty", None),
    "records-written": ("a million records, written", *LATENCY, None, None),
    "read-back": ("a million records, read", *THROUGHPUT, "empty", (">=", 400, "figure")),
    "memory": ("driver's peak memory", "peak_kib", "MiB", 1024, None, ("<", 64, "worst")),
}


def quartile_spread(samples):
    if len(samples) < 3:
        return None
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / middle if middle else None


def ratio_of(samples, references, key):
    """Median over the rounds that have both; @samples and @references by round."""
    ratios = [
        samples[r][key] / references[r][key]
        for r in samples
        if r in references and references[r].get(key)
    ]
    return statistics.median(ratios) if ratios else None


def is_met(goal, result):
    comparison, limit, subject = goal
    value = result[{"ratio": "ratio", "figure": "median", "worst": "max"}[subject]]
    if value is None:
        return None
    if comparison == ">=":
        return value >= limit
    return value < limit or (comparison == "<=" and value == limit)


def goal_text(goal, unit, reference):
    comparison, limit, subject = goal
    return f"{comparison} {limit} " + (f"x {NAMES[reference]}" if subject == "ratio" else unit)


def result_of(row, candidate, data):
    title, key, unit, divisor, reference, goal = ROWS[row]
    by_round = data[row][candidate]
    figures = [sample[key] / divisor for sample in by_round.values()]
    references = data.get("sha" if reference == "sha" else row, {}).get(reference, {})
    is_held = reference and candidate != reference
    result = {
        "row": row,
        "title": title,
        "candidate": candidate,
        "unit": unit,
        "median": statistics.median(figures),
        "min": min(figures),
        "max": max(figures),
        "spread": quartile_spread(figures),
        "reference": reference,
        "ratio": ratio_of(by_round, references, key) if is_held else None,
        "rounds": list(by_round.values()),
    }
    if "p99_ns" in figures_of(by_round):
        for name in ("p99_ns", "p999_ns", "max_ns"):
            result[name] = statistics.median(s[name] for s in by_round.values())
        mean = "mb_per_s" if key == TYPICAL[0] else "ns_per_op"
        result["mean_ratio"] = ratio_of(by_round, references, mean) if is_held else None
    if goal and candidate == "inkfs":
        result["goal"] = goal_text(goal, unit, reference)
        result["is_met"] = is_met(goal, result)
    return result


def figures_of(by_round):
    return next(iter(by_round.values()))


def load(path):
    """row: candidate: round: result.  A row measured twice in a round: the worse memory."""
    data = {}
    with open(path, encoding="utf-8") as raw:
        for line in raw:
            item = json.loads(line)
            rounds = data.setdefault(item["row"], {}).setdefault(item["candidate"], {})
            old = rounds.get(item["round"])
            if old and old.get("peak_kib", 0) > item["result"].get("peak_kib", 0):
                continue
            rounds[item["round"]] = with_typical(item["result"])
    return data


def with_typical(result):
    if result.get("mb_per_s"):
        median_ns = result.get("p50_ns")
        result["typical_mb_per_s"] = (
            result["size"] / median_ns * 1e3 if median_ns and "size" in result else result["mb_per_s"]
        )
    return result


def first_line(command):
    try:
        out = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    except OSError:
        return ""
    return " ".join(out.strip().split("\n")[0].split())


def machine(disk):
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": os.uname().release,
        "is_virtual": first_line(["systemd-detect-virt", "--vm"]) or "unknown",
        "disk": first_line(["findmnt", "-no", "FSTYPE,SOURCE", "-T", disk]),
        "fuse": first_line(["fusermount3", "--version"]),
        "load_1min": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def cell(value, form):
    return "" if value is None else format(value, form)


def print_table(results):
    head = ("", "", "median", "", "spread", "p99 us", "ratio", "of means", "goal")
    print("{:<29}{:<11}{:>10} {:<5}{:>7}{:>10}{:>7}{:>9}  {}".format(*head))
    row = None
    for result in results:
        goal = result.get("goal", "")
        if goal:
            met = {True: "met", False: "NOT MET", None: "not measured"}[result["is_met"]]
            goal = f"{goal}: {met}"
        p99_us = result["p99_ns"] / 1e3 if "p99_ns" in result else None
        print(
            f"{result['title'] if result['row'] != row else '':<29}"
            f"{NAMES[result['candidate']]:<11}{result['median']:>10.1f} {result['unit']:<5}"
            f"{cell(result['spread'], '.0%'):>7}{cell(p99_us, '.1f'):>10}"
            f"{cell(result['ratio'], '.2f'):>7}{cell(result.get('mean_ratio'), '.2f'):>9}"
            f"  {goal}".rstrip()
        )
        row = result["row"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="exit 1 if a goal is not met")
    parser.add_argument("--disk", default=".", help="where it was measured")
    parser.add_argument("--output", required=True)
    parser.add_argument("raw")
    args = parser.parse_args()

    data = load(args.raw)
    results = [
        result_of(row, candidate, data)
        for row in ROWS
        for candidate in NAMES
        if candidate in data.get(row, {})
    ]
    about = machine(args.disk)
    print(
        f"\n{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, "
        f"Linux {about['kernel']}, virtual: {about['is_virtual']}\n"
        f"disk: {about['disk']}; {about['fuse']}; load {about['load_1min']:.1f}\n"
    )
    print_table(results)
    with open(args.output, "w", encoding="utf-8") as out:
        json.dump({"machine": about, "results": results}, out, indent=1)
        out.write("\n")
    goals = [result["is_met"] for result in results if "goal" in result]
    goal_count = sum(1 for row in ROWS.values() if row[-1])
    print(
        f"\nof {goal_count} goals: {goals.count(True)} met, {goals.count(False)} not met, "
        f"{goal_count - goals.count(True) - goals.count(False)} not measured"
    )
    return 1 if args.strict and goals.count(True) < goal_count else 0


if __name__ == "__main__":
    sys.exit(main())
