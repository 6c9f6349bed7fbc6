#!/usr/bin/env python3
"""Turn the single measurements of run.sh into a table, OUTPUT.json and OUTPUT.svg.

    tests/bench/report.py [--strict] [--disk DIR] [--readme FILE] --output OUTPUT RAW
    tests/bench/report.py --readme README.md --from tests/bench/results.json

Every ratio is taken within one round, then the median over the rounds.  The spread is that of
the middle half of the rounds (quartiles), as a share of the median.  --readme puts the table between
the marks in FILE; --from takes an earlier OUTPUT.json instead of measurements.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rows import NAMES, ROWS, reference_of

MARKS = ("<!-- bench: begin -->", "<!-- bench: end -->")


# --- from measurements to results ---------------------------------------------------------------


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
    value = result[{"ratio": "ratio", "figure": "median", "worst": "max"}[goal.subject]]
    if value is None:
        return None
    if goal.comparison == ">=":
        return value >= goal.limit
    return value < goal.limit or (goal.comparison == "<=" and value == goal.limit)


def result_of(row, candidate, data):
    title, figure, _, goal = ROWS[row]
    reference = reference_of(row)
    by_round = data[row][candidate]
    figures = [sample[figure.key] / figure.divisor for sample in by_round.values()]
    references = data.get(reference[0], {}).get(reference[1], {}) if reference else {}
    is_held = reference and reference != (row, candidate)
    result = {
        "row": row,
        "title": title,
        "candidate": candidate,
        "unit": figure.unit,
        "median": statistics.median(figures),
        "min": min(figures),
        "max": max(figures),
        "spread": quartile_spread(figures),
        "reference": reference,
        "ratio": ratio_of(by_round, references, figure.key) if is_held else None,
        "rounds": list(by_round.values()),
    }
    if all("p99_ns" in sample for sample in by_round.values()):
        result["p99_us"] = statistics.median(s["p99_ns"] for s in by_round.values()) / 1e3
    if goal and candidate == goal.candidate:
        result["goal"] = f"{goal.comparison} {goal.limit}" + (
            "" if goal.subject == "ratio" else f" {figure.unit}")
        result["is_met"] = is_met(goal, result)
    return result


def load(path):
    """Measurements as row: candidate: round: result, and what could not run: why.

    Memory is measured more than once in a round; the worst counts.
    """
    data, absent = {}, {}
    with open(path, encoding="utf-8") as raw:
        for line in raw:
            item = json.loads(line)
            if "absent" in item:
                absent[item["absent"]] = item["why"]
                continue
            rounds = data.setdefault(item["row"], {}).setdefault(item["candidate"], {})
            old = rounds.get(item["round"])
            if old and old.get("peak_kib", 0) > item["result"].get("peak_kib", 0):
                continue
            rounds[item["round"]] = with_typical(item["result"])
    return data, absent


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


# --- to people ------------------------------------------------------------------------------------


def machine_text(about):
    return (f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, Linux "
            f"{about['kernel']}, virtual: {about['is_virtual']}; {about['disk'].split(' ')[0]}; "
            f"{about['fuse'].replace('fusermount3 version:', 'libfuse')}; {about['date']}")


def cell(value, form):
    return "" if value is None else format(value, form)


def amount(value):
    return format(value, ",.0f" if value >= 100 else ".1f" if value >= 2 else ".2f")


def goal_text(result):
    if "goal" not in result:
        return ""
    met = {True: "met", False: "MISSED", None: "not measured"}[result["is_met"]]
    return f"{result['goal']}: {met}"


def reference_text(result):
    """What a ratio is to, where it is not the same row's."""
    if not result["ratio"] or result["reference"][0] == result["row"]:
        return NAMES[result["reference"][1]] if result["ratio"] else ""
    row, candidate = result["reference"]
    return NAMES[candidate] if row == "sha" else f"{NAMES[candidate]}, {ROWS[row].title}"


def print_table(results):
    form = "{:<45}{:<23}{:>9} {:<5}{:>7}{:>10}{:>7}  {}"
    print(form.format("", "", "median", "", "spread", "p99 us", "ratio", "goal"))
    row = None
    for result in results:
        print(form.format(
            result["title"] if result["row"] != row else "", NAMES[result["candidate"]],
            amount(result["median"]), result["unit"], cell(result["spread"], ".0%"),
            cell(result.get("p99_us"), ",.1f"), cell(result["ratio"], ".2f"),
            goal_text(result)).rstrip())
        row = result["row"]


def readme_rows(results):
    """A line for each row: the candidate in question, the reference, all others beside it."""
    for row in ROWS:
        of_row = {r["candidate"]: r for r in results if r["row"] == row}
        goal = ROWS[row].goal
        subject = goal.candidate if goal else "inkfs"
        if row == "sha" or subject not in of_row:
            continue
        mine = of_row.pop(subject)
        others = "; ".join(f"{NAMES[c]} {amount(r['median'])}" for c, r in of_row.items())
        unit = mine["unit"].replace("us", "µs")
        subject_name = "" if subject == "inkfs" else f" ({NAMES[subject]})"
        ratio = f"{mine['ratio']:.2f} of {reference_text(mine)}" if mine["ratio"] else ""
        limit = ""
        if goal:
            words = {"<=": "at most", ">=": "at least", "<": "under"}[goal.comparison]
            met = {True: "met", False: "**missed**", None: "not measured"}[mine["is_met"]]
            of = "" if goal.subject == "ratio" else f" {unit}"
            limit = f"{words} {goal.limit}{of}: {met}"
        yield (f"| {mine['title']}{subject_name} | {amount(mine['median'])} {unit} "
               f"| {others} | {ratio} | {limit} |")


def readme_text(about, results, absent):
    lines = [
        MARKS[0], "",
        f"{len(results[1]['rounds'])} rounds on {machine_text(about)}.", "",
        "| work | inkfs | beside it, same unit | ratio | goal |",
        "| --- | --- | --- | --- | --- |",
        *readme_rows(results), "",
        *(f"- {NAMES[name]} could not run: {why}" for name, why in absent.items()),
        MARKS[1],
    ]
    return "\n".join(lines)


def readme_write(path, text):
    old = Path(path).read_text(encoding="utf-8")
    before, _, rest = old.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        sys.exit(f"report: {path} does not have the lines {MARKS[0]} and {MARKS[1]}")
    Path(path).write_text(before + text + after, encoding="utf-8")


PLOTTED = ("append-128", "append-4k", "append-128k", "dsync-256", "reopen-128", "create-1000",
           "compile-log", "follow")
PLOTTED_CANDIDATES = ("ext4", "empty", "pass", "inkfs")


def plot(results, output):
    """A bar for each candidate and row, on a logarithmic scale; needs gnuplot."""
    if not shutil.which("gnuplot"):
        print("no gnuplot: no plot", file=sys.stderr)
        return
    found = {(r["row"], r["candidate"]): r["median"] for r in results}
    rows = [row for row in PLOTTED if (row, "inkfs") in found]
    data = "\n".join(
        f'"{ROWS[row].title}" ' + " ".join(
            str(found.get((row, candidate), "NaN")) for candidate in PLOTTED_CANDIDATES)
        for row in rows)
    columns = ", ".join(
        f"$data using {i + 2}{':xtic(1)' if i == 0 else ''} title '{NAMES[candidate]}'"
        for i, candidate in enumerate(PLOTTED_CANDIDATES))
    script = f"""set terminal svg size 960,420 background '#ffffff' font 'sans-serif,12'
set output '{output}'
set style data histograms
set style fill solid 0.8 noborder
set logscale y
set grid ytics
set ylabel 'microseconds, median'
set xtics rotate by -20
set key top left horizontal
$data << END
{data}
END
plot {columns}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="exit 1 if a goal is not met")
    parser.add_argument("--disk", default=".", help="where it was measured")
    parser.add_argument("--readme")
    parser.add_argument("--from", dest="earlier")
    parser.add_argument("--output")
    parser.add_argument("raw", nargs="?")
    args = parser.parse_args()
    if bool(args.raw) == bool(args.earlier):
        parser.error("either measurements or --from")

    if args.earlier:
        report = json.loads(Path(args.earlier).read_text(encoding="utf-8"))
    else:
        data, absent = load(args.raw)
        report = {
            "machine": machine(args.disk),
            "absent": absent,
            "results": [result_of(row, candidate, data) for row in ROWS for candidate in NAMES
                        if candidate in data.get(row, {})],
        }
    results = report["results"]
    print(f"\n{machine_text(report['machine'])}; load {report['machine']['load_1min']:.1f}\n")
    print_table(results)
    for name, why in report["absent"].items():
        print(f"{NAMES[name]} could not run: {why}")
    if args.output:
        Path(args.output + ".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        plot(results, args.output + ".svg")
    if args.readme:
        readme_write(args.readme, readme_text(report["machine"], results, report["absent"]))
    goals = [result["is_met"] for result in results if "goal" in result]
    goal_count = sum(1 for row in ROWS.values() if row.goal)
    print(
        f"\nof {goal_count} goals: {goals.count(True)} met, {goals.count(False)} missed, "
        f"{goal_count - goals.count(True) - goals.count(False)} not measured"
    )
    return 1 if args.strict and goals.count(True) < goal_count else 0


if __name__ == "__main__":
    sys.exit(main())
