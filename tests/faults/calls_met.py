#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Was every call that the library makes made to fail?

usage: calls_met.py TABLE ARCHIVE MET...

ARCHIVE.sites and ARCHIVE.unknown are of calls.py, the MET files of the programs with scenarios. Exits with 1
and names them when calls are not in TABLE, are met by no scenario and not said to be, or are said not to be
met and are.
"""
import sys


def read(path):
    return {tuple(line.split()[:2]) for line in open(path) if line.strip()}


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    table, archive = sys.argv[1], sys.argv[2]
    unmet = {tuple(line.split()[1:3]) for line in open(table) if line.startswith("unmet ")}
    sites, unknown = read(archive + ".sites"), read(archive + ".unknown")
    met = set().union(*(read(path) for path in sys.argv[3:]))
    bad = [f"{source} calls {call}: the table does not say how that fails" for source, call in unknown]
    bad += [f"{source} calls {call}: no scenario does" for source, call in sites - met - unmet]
    bad += [f"{source} calls {call}: a scenario does, and the table says that none does"
            for source, call in unmet & met]
    bad += [f"{source} does not call {call}: the table says so" for source, call in unmet - sites]
    print("\n".join(sorted(bad)))
    print(f"figure: places of calls that failed {len(sites & met)}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
