"""The table of the benchmarks in README.md: between two marks, from results alone.

Each row has its goal and whether it is met; why a row misses it and what was tried is in
missed.txt, whose paragraphs begin with the name of their row.
"""

import sys
from pathlib import Path

from rows import NAMES, ROWS, amount, reference_text

MARKS = ("<!-- bench: begin -->", "<!-- bench: end -->")
MISSED_PATH = Path(__file__).resolve().parent / "missed.txt"


def reasons_load(path=MISSED_PATH):
    """Row: why, from lines `row: text` that go on as long as lines are indented."""
    reasons, row = {}, None
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            row = None
        elif line[0].isspace() and row:
            reasons[row] += " " + line.strip()
        else:
            row, _, text = line.partition(":")
            reasons[row] = text.strip()
    return reasons


def spread_text(result):
    return "" if result["spread"] is None else f"{result['spread']:.0%}"


def goal_text(result, row):
    goal = row.goal
    if not goal:
        return ""
    words = {"<=": "at most", ">=": "at least", "<": "under"}[goal.comparison]
    met = {True: "met", False: "**missed**", None: "not measured"}[result["is_met"]]
    of = "" if goal.subject == "ratio" else " " + result["unit"].replace("us", "µs")
    return f"{words} {goal.limit}{of}: {met}"


def table_lines(results):
    """A line for each row: the candidate in question, the reference, all others beside it."""
    for name, row in ROWS.items():
        of_row = {r["candidate"]: r for r in results if r["row"] == name}
        subject = row.goal.candidate if row.goal else "inkfs"
        if name == "sha" or subject not in of_row:
            continue
        mine = of_row.pop(subject)
        others = "; ".join(f"{NAMES[c]} {amount(r['median'])}" for c, r in of_row.items())
        unit = mine["unit"].replace("us", "µs")
        subject_name = "" if subject == "inkfs" else f" ({NAMES[subject]})"
        ratio = f"{mine['ratio']:.2f} of {reference_text(mine)}" if mine["ratio"] else ""
        yield (f"| {mine['title']}{subject_name} | {amount(mine['median'])} {unit} "
               f"| {spread_text(mine)} | {others} | {ratio} | {goal_text(mine, row)} |")


def missed_lines(results, reasons):
    missed = [r for r in results if r.get("is_met") is False]
    if not missed:
        return
    yield "Missed, and what was tried:"
    yield ""
    for result in missed:
        why = reasons.get(result["row"], "no reason is known yet.")
        yield f"- *{result['title']}*: {why}"
    yield ""


def apart_lines(report):
    apart = [ROWS[name].title for name in ROWS if name in report.get("apart", [])]
    if apart:
        count = max(len(result["rounds"]) for result in report["results"] if result["row"] in report["apart"])
        yield f"In a run of their own, rounds: {count}: {'; '.join(apart)}."
        yield ""


def text_of(report, machine_text, reasons):
    results = report["results"]
    round_count = max(len(result["rounds"]) for result in results)
    goals = [result["is_met"] for result in results if "goal" in result]
    plural = "s" if round_count > 1 else ""
    lines = [
        MARKS[0], "",
        f"{round_count} round{plural} on {machine_text}. "
        f"{goals.count(True)} of {len(goals)} goals met.", "",
        "| work | inkfs | spread | beside it, same unit | ratio | goal |",
        "| --- | --- | --- | --- | --- | --- |",
        *table_lines(results), "",
        *apart_lines(report),
        *missed_lines(results, reasons),
        *(f"- {NAMES[name]} could not run: {why}" for name, why in report["absent"].items()),
        MARKS[1],
    ]
    return "\n".join(lines)


def write(path, text):
    old = Path(path).read_text(encoding="utf-8")
    before, _, rest = old.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        sys.exit(f"report: {path} does not have the lines {MARKS[0]} and {MARKS[1]}")
    Path(path).write_text(before + text + after, encoding="utf-8")
