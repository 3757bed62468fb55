#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Puts a hand on every call that the library makes of the C library and the kernel.

usage: calls.py TABLE ARCHIVE SOURCE OBJECT...

Renames in a copy of each object every undefined symbol that is not the library's, one name for each
object and symbol; writes the copies into ARCHIVE, and the functions of these names into SOURCE. They ask
fault_here() whether to fail. TABLE says how. ARCHIVE.sites gets the names of all sites, a line each, and
ARCHIVE.unknown what is not in the table: calls_met.py looks at both.
"""
import os
import re
import subprocess
import sys
import tempfile

HEADER = '''/* Made by calls.py. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults/fault.h"

'''


def read_table(path):
    fails, never, left = {}, set(), []
    for number, line in enumerate(open(path), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        kind, rest = line.split(None, 1)
        if kind == "unmet":
            continue
        if kind == "leave":
            left.append(rest.split(":")[0].strip())
            continue
        if kind == "never":
            never.update(rest.split(":")[0].split())
            continue
        prototype, returned, errors = (part.strip() for part in rest.split(" : "))
        prototype, _, condition = prototype.partition(" if ")
        match = re.match(r"(.*?)(\w+)\((.*)\)$", prototype)
        if kind not in ("fails", "after") or not match:
            sys.exit(f"{path}:{number}: not understood")
        result, name, parameters = match.groups()
        fails[name] = (kind, result, parameters, returned, errors.split(), condition)
    return fails, never, left


def split_parameters(text):
    parts, depth, part = [], 0, ""
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [p.strip() for p in parts + [part] if p.strip() and p.strip() != "void"]


def name_of(parameter):
    pointer = re.match(r".*\(\*(\w+)\)\(", parameter)
    return pointer.group(1) if pointer else re.findall(r"\w+", parameter.split("[")[0])[-1]


def function(site, symbol, source, entry):
    kind, result, parameters, returned, errors, condition = entry
    here = f"({condition}) && fault_here(&site)" if condition else "fault_here(&site)"
    names = ", ".join(name_of(p) for p in split_parameters(parameters))
    fail = "return site.error;" if returned == "errno" else f"return ({result.strip()})({returned});"
    call = f"{symbol}({names})"
    lines = [f"{result}{site}({parameters});", f"{result}{site}({parameters})", "{",
             f"\tstatic const int errors[] = {{{', '.join(errors)}}};",
             f'\tstatic struct fault_site site __attribute__((section("fault_sites"), used)) =',
             f'\t\t{{"{source}", "{symbol}", errors, {len(errors)}, 0}};', ""]
    if kind == "after":
        lines += [f"\t{result}done = {call};", f"\tif (!({here}))", "\t\treturn done;"]
    else:
        lines += [f"\tif (!({here}))", f"\t\treturn {call};"]
    return "\n".join(lines + ["\terrno = site.error;", f"\t{fail}", "}", ""])


def symbols(path, undefined):
    text = subprocess.run(["nm", "-u" if undefined else "--defined-only", path], check=True,
                          capture_output=True, text=True).stdout
    return {line.split()[-1] for line in text.splitlines() if line.strip()}


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    table, archive, output, objects = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    fails, never, left = read_table(table)
    own = set().union(*(symbols(o, False) for o in objects))
    unknown, functions, sites, made = [], [], [], []
    folder = tempfile.mkdtemp(dir=os.path.dirname(archive) or ".")
    for path in objects:
        source = path.split(".dir/", 1)[-1].removeprefix("./").rsplit(".c.", 1)[0] + ".c"
        flat = re.sub(r"\W", "_", source[:-2])
        renames = []
        calls = symbols(path, True) - own - {"_GLOBAL_OFFSET_TABLE_"}
        for symbol in sorted(() if source.startswith(tuple(left)) else calls):
            if symbol in fails:
                site = f"fault_{flat}_{symbol}"
                renames.append(f"{symbol} {site}\n")
                sites.append(f"{source} {symbol}\n")
                functions.append(function(site, symbol, source, fails[symbol]))
            elif symbol not in never:
                unknown.append(f"{source} {symbol}\n")
        made.append(f"{folder}/{flat}.o")
        with open(f"{folder}/renames", "w") as file:
            file.writelines(renames)
        subprocess.run(["objcopy", f"--redefine-syms={folder}/renames", path, made[-1]], check=True)
    for name, lines in (("sites", sites), ("unknown", unknown)):
        with open(f"{archive}.{name}", "w") as file:
            file.writelines(lines)
    if os.path.exists(archive):
        os.unlink(archive)
    subprocess.run(["ar", "rcs", archive] + made, check=True)
    with open(output, "w") as file:
        file.write(HEADER + "\n".join(functions))
    for path in made + [f"{folder}/renames"]:
        os.unlink(path)
    os.rmdir(folder)


if __name__ == "__main__":
    main()
