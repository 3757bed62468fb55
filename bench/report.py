#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes plots and tables of what amphora-bench measured.

usage: report.py RESULTS.JSON FOLDER [--docs ROOT]

Writes the plots, SVG and PNG, into FOLDER (by gnuplot) and prints what is compared with goals.
--docs copies the SVG plots to docs/performance/ below ROOT, and puts the tables between the markers of
docs/performance.md.
"""
import json
import shutil
import statistics
import subprocess
import sys
from math import comb
from pathlib import Path

# One colour for each contender, in every plot; distinct also to the colour-blind.
COLOURS = {"queue": "#0072b2", "queue-mixed": "#56b4e9", "queue-sleep": "#0072b2",
           "session": "#009e73", "rpmsg": "#6a3d9a", "iceoryx": "#d55e00", "eventfd": "#999999",
           "socket": "#e69f00", "pipe": "#cc79a7", "floor": "#444444", "stream": "#444444"}

# What the plot of round trips shows: (contender, variant, label), the first group spins.
BARS = [
    [("queue", "1 MiB", "Amphora queue, 1 MiB"), ("queue-mixed", "1 MiB", "the same, ready to sleep"),
     ("rpmsg", "16 B", "Amphora RPMsg, 16 B"), ("iceoryx", "1 MiB", "iceoryx, 1 MiB")],
    [("queue-sleep", "64 B", "Amphora queue, sleeping"), ("session", "1 MiB", "Amphora messages, 1 MiB"),
     ("eventfd", "1 MiB", "eventfd by hand, no checks"), ("socket", "64 B", "socket, 64 B copied"),
     ("socket", "1 MiB", "socket, 1 MiB copied"), ("pipe", "64 B", "pipe, 64 B copied"),
     ("pipe", "1 MiB", "pipe, 1 MiB copied")],
]

SIZES = ["queue", "iceoryx", "session", "socket", "pipe"]

# Figure, over what, at most (or at least) that much: the goals of the design.
GOALS = [
    ("give and return through the queue, spinning / cache line", ("queue", "1 MiB"), None, "<=", 1.15),
    ("the same, sleeping / futex", ("queue-sleep", "64 B"), None, "<=", 1.1),
    ("iceoryx / the queue, 1 MiB", ("iceoryx", "1 MiB"), ("queue", "1 MiB"), ">=", {"far": 5, "near": 12}),
    ("RPMsg, 16 B / cache line", ("rpmsg", "16 B"), None, "<=", 2.5),
    ("hand-offs one way by 16: rate / bare lines", ("queue-stream", "by 16"), None, "rate", 0.8),
    ("hand-offs one way by 64: rate / bare lines", ("queue-stream", "by 64"), None, "rate", 0.8),
    ("the queue, 256 MiB / 64 B", ("queue-size", "256 MiB"), ("queue-size", "64 B"), "within", (0.97, 1.03)),
]

STYLE = """
set encoding utf8
set border 3 lc rgb "#888888"
set tmargin 3
set tics nomirror out textcolor rgb "#333333"
set grid lc rgb "#e4e4e4" lt 1
set key textcolor rgb "#333333"
"""


def time_text(ns):
    if ns is None:
        return "–"
    for unit in ("ns", "µs", "ms", "s"):
        if ns < 999.5 or unit == "s":
            return f"{ns:.{2 if ns < 9.995 else 1 if ns < 99.95 else 0}f} {unit}"
        ns /= 1000
    return ""


def ratio_text(value):
    return "–" if value is None else f"{value:.2f}" if value < 99.95 else f"{value:.0f}"


def median_interval(values):
    """The median, and what holds it with 95 %, by order statistics."""
    values = sorted(values)
    count, tail, rank = len(values), 0.0, 0
    if not values:
        return None, None, None
    while rank < count // 2 and tail + comb(count, rank) / 2**count <= 0.025:
        tail += comb(count, rank) / 2**count
        rank += 1
    median = statistics.median(values)
    return (median, values[rank - 1], values[count - rank]) if rank else (median, None, None)


class Report:
    def __init__(self, path):
        self.data = json.loads(Path(path).read_text(encoding="utf-8"))
        self.rows = {(row["contender"], row["variant"]): row for row in self.data["results"]}

    def measured(self, key):
        row = self.rows.get(key)
        return row if row and row.get("ratio") is not None else None

    def of(self, contender):
        return [row for row in self.data["results"]
                if row["contender"] == contender and row.get("ratio") is not None]

    def compare(self, one, other):
        """How many times the other it is. Of one contender, turns that follow each other are compared
        as they are, near or far; of two, as multiples of their floors, where both count."""
        pairs = list(zip(self.rows[one]["turns"], self.rows[other]["turns"]))
        if one[0] == other[0]:
            return median_interval([a["ns"] / b["ns"] for a, b in pairs if a["far"] == b["far"]])
        return median_interval([a["ns"] / a["floor"] * b["floor"] / b["ns"]
                                for a, b in pairs if a["used"] and b["used"]])

    def place(self):
        return "far" if self.data["far"] else "near"


def goals(report):
    """Rows of: what, value, interval, goal, whether it is met."""
    for what, one, other, kind, goal in GOALS:
        if not report.measured(one) or (other and not report.measured(other)):
            continue
        row = report.measured(one)
        value, low, high = (report.compare(one, other) if other else
                            (row["ratio"], row["ratio_low"], row["ratio_high"]))
        if value is None:
            continue
        if kind == "rate":
            value, low, high = (x and 1 / x for x in (value, high, low))
        if isinstance(goal, dict):
            goal = goal[report.place()]
        if kind == "within":
            met = low is not None and goal[0] <= low and high <= goal[1]
            text = f"interval within {goal[0]} to {goal[1]}"
        else:
            met = value <= goal if kind == "<=" else value >= goal
            text = f"at {'most' if kind == '<=' else 'least'} {goal}"
        digits = 3 if kind == "within" else 2
        interval = "–" if low is None else f"{low:.{digits}f} to {high:.{digits}f}"
        yield what, f"{value:.{digits}f}", interval, text, "yes" if met else "no"


def gnuplot(folder, name, size, script):
    """The same plot twice: SVG for documents, PNG for everything else."""
    for suffix, terminal in (
            ("svg", f'svg size {size[0]},{size[1]} font "Liberation Sans,13" background rgb "white"'),
            ("png", f'pngcairo size {size[0] * 2},{size[1] * 2} font "Liberation Sans,13" fontscale 2 '
                    'linewidth 2 pointscale 2 background rgb "white"')):
        text = f'set terminal {terminal}\nset output "{folder}/{name}.{suffix}"\n{STYLE}\n{script}'
        subprocess.run(["gnuplot"], input=text, text=True, check=True)


def block(name, lines):
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def plot_round_trips(report, folder):
    lines, tics, y, largest = [], [], 0, 1
    for group in BARS:
        shown = [(c, v, label) for c, v, label in group if report.measured((c, v))]
        for contender, variant, label in shown:
            row = report.measured((contender, variant))
            ratio = row["ratio"]
            largest = max(largest, ratio)
            colour = int(COLOURS[contender][1:], 16)
            lines.append(f'{y} {ratio} {colour} "{ratio_text(ratio)}"')
            tics.append(f'"{label}" {y}')
            y += 1
        y += 1
    if not lines:
        return
    spinning = sum(1 for c, v, _ in BARS[0] if report.measured((c, v)))
    gnuplot(folder, "round-trips", (840, 110 + 30 * y), block("bars", lines) + f"""
set title "Round trips, as multiples of their floors (processors {report.place()})"
set xlabel "times the floor"
set xrange [0:{largest * 1.12}]
set yrange [{y - 1}:-0.9]
set ytics ({', '.join(tics)}) scale 0
unset grid
set grid x lc rgb "#e4e4e4" lt 1
unset key
set arrow 1 from 1,-0.9 to 1,{y - 1} nohead lc rgb "#444444" dt 2 front
set label 1 "spinning: over a cache line each way" at graph 0.99,first {spinning - 1.9} right \\
	tc rgb "#666666" font ",12"
set label 2 "sleeping: over a futex each way" at graph 0.99,first {spinning + 1.9} right \\
	tc rgb "#666666" font ",12"
plot $bars using 2:1:(0):2:($1-0.36):($1+0.36):3 with boxxyerror fs solid 1 noborder lc rgb variable, \\
     $bars using 2:1:4 with labels left offset 0.6,0 tc rgb "#333333"
""")


def plot_sizes(report, folder):
    blocks, plots = "", []
    for contender in SIZES:
        rows = [row for row in report.of(contender) if row["size"]]
        if not rows:
            continue
        name = contender.replace("-", "_")
        blocks += block(name, [f"{row['size']} {row['median']} {row['p10']} {row['p90']}"
                               for row in rows])
        title = {"queue": "Amphora queue (spinning)", "session": "Amphora messages (sleeping)",
                 "iceoryx": "iceoryx (spinning)", "socket": "socket, copied (sleeping)",
                 "pipe": "pipe, copied (sleeping)"}[contender]
        plots.append(f'${name} using 1:($2/1000) with linespoints pt 7 ps 0.7 lw 2 '
                     f'lc rgb "{COLOURS[contender]}" title "{title}"')
    if not plots:
        return
    for variant in ("cache line", "futex"):
        row = report.measured(("floor", variant))
        if row:
            plots.append(f'{row["median"] / 1000} with lines dt 2 lw 1.5 lc rgb "#444444" '
                         + ('title "floors: cache line, futex"' if variant == "futex" else "notitle"))
    gnuplot(folder, "sizes", (840, 560), blocks + f"""
set title "Round trip against the size of the payload (processors {report.place()})"
set xlabel "payload"
set ylabel "median, µs"
set logscale xy
set xrange [48:4e8]
set yrange [0.05:*]
set xtics ("64 B" 64, "4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576, "16 MiB" 16777216, "256 MiB" 268435456)
set ytics ("0.1" 0.1, "1" 1, "10" 10, "100" 100, "1,000" 1000, "10,000" 10000, "100,000" 100000)
set key outside bottom center horizontal reverse Left maxcols 2
plot {", ".join(plots)}
""")


def plot_stream(report, folder):
    blocks, plots = "", []
    for contender, title in (("stream", "bare cache lines"), ("queue-stream", "Amphora queue, every check")):
        rows = report.of(contender)
        if not rows:
            continue
        name = contender.replace("-", "_")
        blocks += block(name, [f"{row['number']} {1000 / row['median']} {1000 / row['p90']} "
                               f"{1000 / row['p10']}" for row in rows])
        colour = COLOURS["queue" if contender == "queue-stream" else "floor"]
        plots.append(f'${name} using 1:2:3:4 with yerrorlines pt 7 ps 0.7 lw 2 lc rgb "{colour}" '
                     f'title "{title}"')
    if plots:
        gnuplot(folder, "one-way", (840, 460), blocks + f"""
set title "Hand-offs one way (processors {report.place()})"
set xlabel "in a batch"
set ylabel "millions a second (p10 to p90)"
set logscale x 2
set xrange [0.8:80]
set yrange [0:*]
set xtics (1, 4, 16, 64)
set key outside bottom center horizontal reverse Left
plot {", ".join(plots)}
""")


def plot_many(report, folder):
    blocks, plots = "", []
    for contender, title, colour in (("buffers", "buffers used in turn", "#0072b2"),
                                     ("sessions", "sessions used in turn, one process answers all",
                                      "#d55e00")):
        rows = report.of(contender)
        if not rows:
            continue
        blocks += block(contender, [f"{row['number']} {row['ratio']} {row['ratio_low'] or row['ratio']} "
                                    f"{row['ratio_high'] or row['ratio']}" for row in rows])
        plots.append(f'${contender} using 1:2:3:4 with yerrorlines pt 7 ps 0.7 lw 2 lc rgb "{colour}" '
                     f'title "{title}"')
    if plots:
        gnuplot(folder, "many", (840, 460), blocks + f"""
set title "Round trip through the queue against how many there are (processors {report.place()})"
set xlabel "number"
set ylabel "times the cache line floor (95 %)"
set logscale x
set xrange [0.7:150000]
set yrange [0:*]
set xtics ("1" 1, "10" 10, "100" 100, "1,000" 1000, "10,000" 10000, "100,000" 100000)
set key outside bottom center horizontal reverse Left
plot {", ".join(plots)}
""")


def markdown(report):
    """The document's part that is made: figures, and which command on which machine made them."""
    machine = report.data["machine"]
    lines = [f"Made by `make bench-docs` on {machine['date']}: {machine['processor']}, "
             f"{machine['processors']} processors, {machine['kernel']}; the two processors were "
             f"**{report.place()}** each other; {report.data['rounds']} rounds.".replace(
                 "far** each", "far** from each"), "",
             "| figure | ratio | 95 % of it | goal | met |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in goals(report)]
    lines += ["", "| contender | variant | median | p10 | p90 | p99 | floor | its time | ratio | 95 % of it |",
              "|---|---|---|---|---|---|---|---|---|---|"]
    for row in report.data["results"]:
        name = f"| {row['contender']} | {row['variant']} "
        if row.get("ratio") is None:
            lines.append(name + f"| not measured: {row.get('missing', 'too restless')} " + "| " * 7 + "|")
            continue
        interval = ("–" if row["ratio_low"] is None else
                    f"{ratio_text(row['ratio_low'])} to {ratio_text(row['ratio_high'])}")
        times = " | ".join(time_text(row[key]) for key in ("median", "p10", "p90", "p99"))
        lines.append(f"{name}| {times} | {row['floor']} | {time_text(row['floor_ns'])} | "
                     f"{ratio_text(row['ratio'])} | {interval} |")
    return "\n".join(lines)


def write_docs(report, folder, root):
    document = root / "docs/performance.md"
    begin, end = "<!-- bench: begin -->\n", "<!-- bench: end -->"
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(begin)
    document.write_text(before + begin + markdown(report) + "\n" + end + rest.split(end)[1],
                        encoding="utf-8")
    plots = root / "docs/performance"
    plots.mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.svg")):
        shutil.copy(path, plots / path.name)


def main():
    if len(sys.argv) not in (3, 5) or (len(sys.argv) == 5 and sys.argv[3] != "--docs"):
        print(__doc__, file=sys.stderr)
        return 2
    report, folder = Report(sys.argv[1]), Path(sys.argv[2])
    rows = list(goals(report))
    if rows:
        print(f"\n{'compared with the goals':58} {'ratio':>7}  {'95 % of it':16} {'goal':32} met")
    for what, value, interval, goal, met in rows:
        print(f"{what:58} {value:>7}  {interval:16} {goal:32} {met}")
    if shutil.which("gnuplot"):
        for plot in (plot_round_trips, plot_sizes, plot_stream, plot_many):
            plot(report, folder)
        print(f"plots: {folder}/*.svg, *.png")
    else:
        print("no plots: install gnuplot-nox")
    if len(sys.argv) == 5:
        write_docs(report, folder, Path(sys.argv[4]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
