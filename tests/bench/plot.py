"""The plot of the benchmarks: a bar for each candidate and row, on a logarithmic scale."""

import shutil
import subprocess
import sys

from rows import NAMES, ROWS

PLOTTED = ("append-128", "append-4k", "append-128k", "dsync-256", "reopen-128", "create-1000",
           "compile-log", "follow")
PLOTTED_CANDIDATES = ("ext4", "empty", "pass", "inkfs")

SCRIPT = """set terminal svg size 960,420 background '#ffffff' font 'sans-serif,12'
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
        f'"{ROWS[row].title}" ' + " ".join(str(found.get((row, c), "NaN")) for c in candidates)
        for row in rows)
    columns = ", ".join(
        f"$data using {i + 2}{':xtic(1)' if i == 0 else ''} title '{NAMES[candidate]}'"
        for i, candidate in enumerate(candidates))
    script = SCRIPT.format(output=output, data=data, columns=columns)
    if subprocess.run(["gnuplot"], input=script, text=True, check=False).returncode != 0:
        print("gnuplot failed: no plot", file=sys.stderr)
