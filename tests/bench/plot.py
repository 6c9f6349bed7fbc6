"""The plot of the benchmarks: a bar for each candidate and row, on a logarithmic scale."""

import shutil
import subprocess
import sys
import textwrap

from rows import NAMES, ROWS

PLOTTED = ("append-128", "append-4k", "append-128k", "dsync-256", "reopen-128", "create-1000",
           "compile-log", "follow")
PLOTTED_CANDIDATES = {"ext4": "#b8b8b8", "empty": "#8a97a8", "pass": "#5c7fa3", "inkfs": "#c8501e"}

SCRIPT = """set terminal svg noenhanced size 960,400 background '#ffffff' font 'sans-serif,12'
set output '{output}'
set style data histograms
set style fill solid 1.0 noborder
set logscale y
set yrange [0.3:]
set grid ytics
set border 3
set tics nomirror scale 0.5
set ylabel 'microseconds, median'
set key top left horizontal samplen 1
set bmargin 5
$data << END
{data}
END
plot {columns}
"""


def label(row):
    return "\\n".join(textwrap.wrap(ROWS[row].title, 11))


def draw(results, output):
    """A bar for each candidate and row, as SVG; without gnuplot none is made."""
    if not shutil.which("gnuplot"):
        print("no gnuplot: no plot", file=sys.stderr)
        return
    found = {(r["row"], r["candidate"]): r["median"] for r in results}
    rows = [row for row in PLOTTED if any((row, c) in found for c in PLOTTED_CANDIDATES)]
    candidates = [c for c in PLOTTED_CANDIDATES if any((row, c) in found for row in rows)]
    if not rows:
        return
    data = "\n".join(
        f'"{label(row)}" ' + " ".join(str(found.get((row, c), "NaN")) for c in candidates)
        for row in rows)
    columns = ", ".join(
        f"$data using {i + 2}{':xtic(1)' if i == 0 else ''} "
        f"title '{NAMES[candidate]}' linecolor '{PLOTTED_CANDIDATES[candidate]}'"
        for i, candidate in enumerate(candidates))
    script = SCRIPT.format(output=output, data=data, columns=columns)
    if subprocess.run(["gnuplot"], input=script, text=True, check=False).returncode != 0:
        print("gnuplot failed: no plot", file=sys.stderr)
