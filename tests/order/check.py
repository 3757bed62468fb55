#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The barriers of order.h itself, as a compiler makes them: the tests under a weak memory put a checker in
place of that header. Compiles functions.c for each processor that there is a compiler for, and wants of
each function one access, one barrier of the right kind, or both in the right order.
usage: check.py HOST-COMPILER INCLUDE-FOLDER"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "functions.c"
WANTED = {
    "barrier_acquire": ["acquire"],
    "barrier_release": ["release"],
    "barrier_full": ["full"],
    "load16": ["load16"],
    "load32": ["load32"],
    "store16": ["store16"],
    "store32": ["store32"],
    "load16_acquire": ["load16", "acquire"],
    "load32_acquire": ["load32", "acquire"],
    "store16_release": ["release", "store16"],
    "store32_release": ["release", "store32"],
}
ARM = {r"ldrh\s": "load16", r"ldr\s": "load32", r"strh\s": "store16", r"str\s": "store32"}
RISCV = {r"lhu?\s": "load16", r"lw\s": "load32", r"sh\s": "store16", r"sw\s": "store32",
         r"fence\s+ir, ?iorw": "acquire", r"fence\s+iorw, ?ow": "release",
         r"fence\s+iorw, ?iorw": "full", r"fence": "another barrier",
         r"amo|lr\.|sc\.": "a read-modify-write"}
# An x86 has no instruction for the first two: there it is the compiler that has to keep the order.
HOST = {r".*__atomic_load_2 ": "load16", r".*__atomic_load_4 ": "load32",
        r".*__atomic_store_2 ": "store16", r".*__atomic_store_4 ": "store32",
        r".*__atomic_thread_fence \(2\)": "acquire", r".*__atomic_thread_fence \(3\)": "release",
        r".*__atomic_thread_fence \(5\)": "full"}
# name, what compiles for it, instructions, what one barrier instruction stands for beside
PROCESSORS = [
    ("aarch64", [["aarch64-linux-gnu-gcc"], ["clang", "--target=aarch64-none-elf"]],
     {**ARM, r"dmb\s+oshld": "acquire", r"dmb\s+osh$": "full", r"dmb": "another barrier"},
     {"release": "full"}),
    ("cortex-m4", [["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"],
                   ["clang", "--target=thumbv7em-none-eabi", "-mcpu=cortex-m4"]],
     {**ARM, r"dmb\s+sy$": "full", r"dmb": "another barrier"},
     {"acquire": "full", "release": "full"}),
    ("armv7-a", [["arm-none-eabi-gcc", "-march=armv7-a", "-marm", "-mfloat-abi=soft"],
                 ["clang", "--target=armv7a-none-eabi"]],
     {**ARM, r"dmb\s+osh$": "full", r"dmb": "another barrier"},
     {"acquire": "full", "release": "full"}),
    ("riscv32", [["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32"]], RISCV, {}),
]


def steps(text, function, instructions):
    """What a function does with memory, in order."""
    found, inside = [], False
    for line in text.splitlines():
        if re.match(rf"(;; Function )?{function}(:| \()", line):
            inside = True
        elif inside and re.match(r"\w+:|\}|\s*\.size\b", line):
            break
        elif inside:
            line = line.strip().split("@")[0].split("//")[0].strip()
            found += next(([step] for pattern, step in instructions.items()
                           if re.match(pattern, line)), [])
    return found


def compiled(command, folder, include, dump):
    output = Path(folder) / "functions.s"
    more = [f"-fdump-tree-optimized={folder}/dump"] if dump else []
    subprocess.run([*command, "-std=c11", "-O2", "-ffreestanding", f"-I{include}", *more, "-S", "-o",
                    str(output), str(SOURCE)], check=True)
    return (Path(folder) / "dump" if dump else output).read_text()


def check(name, command, instructions, same, include, dump=False):
    with tempfile.TemporaryDirectory() as folder:
        text = compiled(command, folder, include, dump)
    problems = 0
    for function, wanted in WANTED.items():
        wanted = [same.get(step, step) for step in wanted]
        found = steps(text, function, instructions)
        if found != wanted:
            problems += 1
            print(f"{name}: amph_{function}: {' '.join(found) or 'nothing'}, not {' '.join(wanted)}")
    print(f"{name}: {command[0]}")
    return problems


def main():
    host, include = sys.argv[1:]
    found = []  # problems, of each compiler
    banner = subprocess.run([host, "--version"], capture_output=True, text=True, check=True).stdout
    if "Free Software Foundation" in banner:
        found.append(check("host", [host], HOST, {}, include, dump=True))
    for name, compilers, instructions, same in PROCESSORS:
        for command in compilers:
            if shutil.which(command[0]):
                found.append(check(name, command, instructions, same, include))
    print(f"figure: compilers that keep the order {found.count(0)}")
    sys.exit(1 if any(found) or not found else 0)


if __name__ == "__main__":
    main()
