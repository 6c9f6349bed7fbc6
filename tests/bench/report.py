#!/usr/bin/env python3
"""Turn the single measurements of run.sh into a table, OUTPUT.json and OUTPUT.svg.

    tests/bench/report.py [--strict] [--disk DIR] [--readme FILE] --output OUTPUT RAW
    tests/bench/report.py --readme README.md --from tests/bench/results.json [--newer RESULTS.json]

Every ratio is taken within one round, then the median over the rounds.  The spread is that of
the middle half of the rounds (quartiles), as a share of the median.  --readme puts the table between
the marks in FILE; --from takes an earlier OUTPUT.json instead of measurements, with the goals as they are now.
--newer puts the rows of another run on the same machine in the place of theirs, in that file, too, and the table says which.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import plot
import readme
from rows import NAMES, ROWS, amount, define, reference_of, reference_text


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
    title, figure, _, _ = ROWS[row]
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
        "rounds": figures,
    }
    if all("p99_ns" in sample for sample in by_round.values()):
        result["p99_us"] = statistics.median(s["p99_ns"] for s in by_round.values()) / 1e3
    return with_goal(result)


def with_goal(result):
    goal = ROWS[result["row"]].goal
    result.pop("goal", None)
    result.pop("is_met", None)
    if goal and result["candidate"] == goal.candidate:
        result["goal"] = f"{goal.comparison} {goal.limit}" + (
            "" if goal.subject == "ratio" else f" {result['unit']}")
        result["is_met"] = is_met(goal, result)
    return result


def put_in_place(report, newer):
    """The rows of @newer instead of those in @report; "apart" names them for the table."""
    machines = [{k: v for k, v in r["machine"].items() if k not in ("load_1min", "date")}
                for r in (report, newer)]
    if machines[0] != machines[1]:
        sys.exit("report: the newer results are of another machine")
    rows = {r["row"] for r in newer["results"]} - {"sha", "memory"}
    defined = {item["define"]: item for item in report["defined"] + newer["defined"]}
    kept = [r for r in report["results"] if r["row"] not in rows]
    report["defined"] = list(defined.values())
    report["results"] = kept + [r for r in newer["results"] if r["row"] in rows]
    report["apart"] = sorted(rows | set(report.get("apart", [])))


def load(path):
    """Measurements as row: candidate: round: result; what could not run: why; rows of extra/.

    Memory is measured more than once in a round; the worst counts.
    """
    data, absent, defined = {}, {}, []
    with open(path, encoding="utf-8") as raw:
        for line in raw:
            item = json.loads(line)
            if "absent" in item:
                absent[item["absent"]] = item["why"]
                continue
            if "define" in item:
                defined.append(item)
                continue
            rounds = data.setdefault(item["row"], {}).setdefault(item["candidate"], {})
            old = rounds.get(item["round"])
            if old and old.get("peak_kib", 0) > item["result"].get("peak_kib", 0):
                continue
            rounds[item["round"]] = with_typical(item["result"])
    return data, absent, defined


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


def goal_text(result):
    if "goal" not in result:
        return ""
    met = {True: "met", False: "MISSED", None: "not measured"}[result["is_met"]]
    return f"{result['goal']}: {met}"


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


def output_write(report, path):
    Path(path + ".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot.draw(report["results"], path + ".svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="exit 1 if a goal is not met")
    parser.add_argument("--disk", default=".", help="where it was measured")
    parser.add_argument("--readme")
    parser.add_argument("--from", dest="earlier")
    parser.add_argument("--newer")
    parser.add_argument("--output")
    parser.add_argument("raw", nargs="?")
    args = parser.parse_args()
    if bool(args.raw) == bool(args.earlier):
        parser.error("either measurements or --from")
    if args.newer and not args.earlier:
        parser.error("--newer is for --from")

    if args.earlier:
        report = json.loads(Path(args.earlier).read_text(encoding="utf-8"))
        if args.newer:
            put_in_place(report, json.loads(Path(args.newer).read_text(encoding="utf-8")))
        for item in report["defined"]:
            define(item)
        order = [(row, candidate) for row in ROWS for candidate in NAMES]
        report["results"].sort(key=lambda r: order.index((r["row"], r["candidate"])))
        report["results"] = [with_goal(r) for r in report["results"]]
        if args.newer:
            output_write(report, args.earlier.removesuffix(".json"))
    else:
        data, absent, defined = load(args.raw)
        for item in defined:
            define(item)
        report = {
            "machine": machine(args.disk),
            "absent": absent,
            "defined": defined,
            "results": [result_of(row, candidate, data) for row in ROWS for candidate in NAMES
                        if candidate in data.get(row, {})],
        }
    results = report["results"]
    if not results:
        sys.exit("report: no row was measured")
    print(f"\n{machine_text(report['machine'])}; load {report['machine']['load_1min']:.1f}\n")
    print_table(results)
    for name, why in report["absent"].items():
        print(f"{NAMES[name]} could not run: {why}")
    if args.output:
        output_write(report, args.output)
    if args.readme:
        readme.write(args.readme, readme.text_of(report, machine_text(report["machine"]),
                                                 readme.reasons_load()))
    goals = [result["is_met"] for result in results if "goal" in result]
    goal_count = sum(1 for row in ROWS.values() if row.goal)
    print(
        f"\nof {goal_count} goals: {goals.count(True)} met, {goals.count(False)} missed, "
        f"{goal_count - goals.count(True) - goals.count(False)} not measured"
    )
    return 1 if args.strict and goals.count(True) < goal_count else 0


if __name__ == "__main__":
    sys.exit(main())
