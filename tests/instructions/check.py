#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: check.py [--update] PROGRAM TABLE COMPILER BUILD_TYPE

Runs PROGRAM under callgrind and compares the instructions that each count_...() takes for one operation
with TABLE. A count is the same each time, so it may be a test; a time could not be. Instructions depend
on compiler and options: with another COMPILER or BUILD_TYPE than the table's nothing is compared, and
the exit status is 77 (skipped). --update writes the table anew.

Functions count_NAME() are called several times and do 100 operations each: the first calls warm up, the last
two must be the same to 1 %. Functions count_one_NAME() do one operation, which differs from call to call.
"""
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

TIMES = 100
TOLERANCE = 0.05
SKIPPED = 77
HEADER = """\
# SPDX-License-Identifier: BSD-3-Clause
# Instructions of the hot paths for one operation, counted by callgrind: median and worst of all calls.
# They depend on the compiler and its options: this table holds for these, and is compared with no other.
# compiler: {compiler}
# build: {build}
# Written by: {script} --update, see CMakeLists.txt beside this file
"""


def count(program):
    """{name: instructions of each call}"""
    counts = {}
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    triggers = [f"--{what}={name}" for name in re.findall(r" T (count_\w+)$", symbols, re.M)
                for what in ("zero-before", "dump-after")]
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
             *triggers, program],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if ran.returncode:
            sys.exit(f"check.py: {program} failed:\n{ran.stderr}")
        for path in sorted(pathlib.Path(folder).iterdir(),
                           key=lambda path: int(path.suffix[1:] or 0) if path.suffix else 0):
            text = path.read_text(encoding="utf-8")
            trigger = re.search(r"^desc: Trigger: --dump-after=count_(\w+)", text, re.M)
            total = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
            if trigger and total:
                counts.setdefault(trigger[1], []).append(int(total[1]))
    for name, calls in counts.items():
        if name.startswith("one_"):
            del calls[0]  # has all that went before
            continue
        # what calls the function is counted to a few instructions
        calls[:] = [round(total / TIMES) for total in calls[-2:]]
        if max(calls) > 1.01 * min(calls) + 1:
            sys.exit(f"check.py: {name} is not steady: {calls}")
    return counts


def read_table(path):
    """({name: [median, worst]}, compiler, build)"""
    text = path.read_text(encoding="utf-8")
    rows = {name: [int(median), int(worst)] for name, median, worst in
            re.findall(r"^(\w+)\s+(\d+)\s+(\d+)$", text, re.M)}
    return rows, *(re.search(rf"^# {word}: (.*)$", text, re.M)[1] for word in ("compiler", "build"))


def main():
    arguments = sys.argv[1:]
    update = arguments[:1] == ["--update"]
    if len(arguments) != 4 + update:
        sys.exit(__doc__)
    program, table, compiler, build = arguments[update:]
    table = pathlib.Path(table)
    if not update:
        expected, table_compiler, table_build = read_table(table)
        if (compiler, build) != (table_compiler, table_build):
            print(f"skipped: the table is of {table_compiler}, {table_build}; "
                  f"this is {compiler}, {build}")
            sys.exit(SKIPPED)
    rows = {name: [int(statistics.median(calls)), max(calls)]
            for name, calls in sorted(count(program).items())}
    if update:
        script = "tests/instructions/check.py"
        table.write_text(HEADER.format(compiler=compiler, build=build, script=script) + "".join(
            f"{name:32}{median:8}{worst:8}\n" for name, (median, worst) in rows.items()),
            encoding="utf-8")
    wrong = []
    for name in sorted(rows.keys() | ({} if update else expected.keys())):
        now = rows.get(name)
        then = rows.get(name) if update else expected.get(name)
        print(f"{name:32}{now[0] if now else '-':>8}{now[1] if now else '-':>8}")
        if not now or not then:
            wrong.append(f"{name}: only in the {'program' if now else 'table'}: update the table")
            continue
        for word, is_now, was in zip(("median", "worst"), now, then):
            if is_now > was * (1 + TOLERANCE):
                wrong.append(f"{name}: {word} rose from {was} to {is_now} instructions: find out why "
                             "(callgrind_annotate), or if it must be, say why and update the table")
            elif is_now < was * (1 - TOLERANCE):
                wrong.append(f"{name}: {word} fell from {was} to {is_now} instructions: well done, "
                             "update the table so that it stays so")
    for line in wrong:
        print(line)
    if wrong:
        print("to update the table: cmake --build build --target instructions-update")
    sys.exit(1 if wrong else 0)


main()
