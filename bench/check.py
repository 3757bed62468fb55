#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that amphora-bench measures every contender, and that its JSON holds what was measured.

usage: check.py AMPHORA-BENCH JSON

One short round; no figure is judged. Exit 0 when all is there, 77 where there are no two processors.
"""
import json
import subprocess
import sys

FIGURES = ("median", "p10", "p90", "p99", "floor_ns", "ratio")


def main():
    program, path = sys.argv[1:]
    listed = subprocess.run([program, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    done = subprocess.run([program, "--quick", "--rounds", "1", "--turn", "1", "--quiet", "--json", path],
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        return done.returncode
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    problems = [f"{name}: not in the results" for name in names
                if name not in {row["contender"] for row in report["results"]}]
    for row in report["results"]:
        name = f"{row['contender']} {row['variant']}"
        if "missing" in row:
            print(f"{name}: {row['missing']}")
            continue
        if len(row["turns"]) != report["rounds"]:
            problems.append(f"{name}: {len(row['turns'])} turns in {report['rounds']} rounds")
        if not all(turn["ns"] > 0 and turn["floor"] > 0 for turn in row["turns"]):
            problems.append(f"{name}: a turn without a time")
        problems += [f"{name}: no {figure}" for figure in FIGURES if figure not in row]
    for key in ("command", "machine", "far", "seconds"):
        if key not in report:
            problems.append(f"no {key}")
    for problem in problems:
        print(problem)
    print(f"{len(report['results'])} rows, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
