#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that every layer knows only the layers below it, by the text and by the objects.

usage: check.py ROOT --cc CC [--cxx CXX]

 1. #include lines of lib/ and include/amphora/ follow ALLOWED; tools, examples and firmware include
    public headers only.
 2. The portable core (lib/ outside linux/ and baremetal/) and the public headers include no header
    of an operating system or a C library: they compile with the compiler's own headers alone.
 3. Objects of the portable core need nothing but amph_*, memcpy and memset, define nothing
    global but amph_*, and hold no writable data.
 4. An object needs only symbols that its own layer, or one below it, defines: a layer that is
    declared by hand to get around an #include is found.
 5. Each public header compiles alone, as C11 and as C++.

Prints one line for each violation: file: rule: what. Exit 0 when there is none, else 1.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The table of the design: who may know whom. A new layer is a new line.
ALLOWED = {
    "base": set(),
    "platform": {"base"},
    "memory": {"base", "platform"},
    "transport": {"base", "platform"},
    "share": {"base", "platform", "memory", "transport"},
    "queue": {"base", "platform", "memory", "transport", "share"},
    "remoteproc": {"base", "platform", "memory", "transport"},
}

# Which layer a public header belongs to. A header that is missing here is a violation.
HEADERS = {
    "base": "config version error",
    "platform": "order time event lock irq cache log io fork machine",
    "memory": "shm attachment provider target shared_lock hwspinlock pool memfd remote remote_ti dmabuf uio vfio "
              "policy policy_file",
    "transport": "virtqueue rpmsg channel rpmsg_service",
    "share": "session session_lock wire ready",
    "queue": "queue",
    "remoteproc": "rproc rproc_linux remoteproc elf resource_table",
}
HEADER_LAYER = {name + ".h": layer for layer, names in HEADERS.items() for name in names.split()}

# The headers that C11 (4 p6) promises without a C library.
FREESTANDING = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
                "stddef.h", "stdint.h", "stdnoreturn.h"}
# error.h takes the C library's numbers where there is one, asked for by __has_include.
OPTIONAL = {("error.h", "errno.h")}

# Variables that the portable core may hold. log.h: the hook is the one that contexts share.
VARIABLES = {("log.c", "log_hook"), ("log.c", "log_argument"),
             ("sanitize.c", "amph_sanitize_hook")}

MEMORY_FUNCTIONS = {"memcpy", "memset"}
# Not the program's: compilers and sanitizers bring them.
COMPILER_SYMBOL = re.compile(r"^(_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(u|)(div|mod)\w+3)$")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
SPECIFIC = re.compile(r"/(linux|baremetal)/")
C_FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wno-unused-function"]


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout


def first_error(text):
    for line in text.splitlines():
        if "error:" in line:
            return line.strip()
    return text.strip().splitlines()[-1] if text.strip() else "no message"


class Checker:
    def __init__(self, root, cc, cxx):
        self.root = root
        self.cc = cc
        self.cxx = cxx
        self.violations = []
        self.lib = sorted((root / "lib").rglob("*.[ch]"))
        self.public = sorted((root / "include/amphora").glob("*.h"))
        code, text = run([cc, "-print-file-name=include"])
        if code:
            sys.exit(f"{cc} does not work: {text}")
        self.freestanding = ["-ffreestanding", "-nostdinc", "-isystem", text.strip()]
        self.paths = ["-I", str(root / "include"), "-I", str(root / "lib")]

    def violation(self, file, rule, what):
        self.violations.append(f"{file.relative_to(self.root)}: {rule}: {what}")

    def layer_of(self, file):
        """The layer a file of lib/ or a public header belongs to; None when it has none."""
        if file.parent == self.root / "include/amphora":
            return HEADER_LAYER.get(file.name)
        parts = file.relative_to(self.root / "lib").parts
        if len(parts) == 1:
            return "base"
        return parts[0] if parts[0] in ALLOWED else None

    def is_portable(self, file):
        return not SPECIFIC.search("/" + str(file.relative_to(self.root)))

    def resolve(self, file, kind, name):
        """The file that an #include of this project means, or None when it is not ours."""
        if kind == '"' and (file.parent / name).is_file():
            return (file.parent / name).resolve()
        for folder in (self.root / "include", self.root / "lib"):
            if (folder / name).is_file():
                return (folder / name).resolve()
        return None

    def check_includes(self):
        for file in self.lib + self.public:
            layer = self.layer_of(file)
            if layer is None:
                self.violation(file, "layer", "belongs to no layer that tests/layers/check.py knows")
                continue
            is_public = file in self.public
            for kind, name in INCLUDE.findall(file.read_text()):
                target = self.resolve(file, kind, name)
                if target is None:
                    if name in FREESTANDING or (file.name, name) in OPTIONAL:
                        continue
                    if is_public or self.is_portable(file):
                        self.violation(file, "system header", f"includes {name}")
                    continue
                if is_public and target.parent != (self.root / "include/amphora").resolve():
                    self.violation(file, "layer", f"a public header includes the private {name}")
                    continue
                other = self.layer_of(self.root / target.relative_to(self.root.resolve()))
                if other is None or other != layer and other not in ALLOWED[layer]:
                    self.violation(file, "layer", f"{layer} includes {name} of {other}")

    def check_users(self):
        for folder in ("tools", "examples", "firmware"):
            for file in sorted((self.root / folder).rglob("*.[ch]")):
                for kind, name in INCLUDE.findall(file.read_text()):
                    target = self.resolve(file, kind, name)
                    if target and (self.root / "lib").resolve() in target.parents:
                        self.violation(file, "private header", f"includes {name} of lib/")

    def check_headers(self, pool):
        def compile_alone(job):
            file, command = job
            code, text = run(command)
            return file, code, text

        jobs = []
        for file in self.public:
            strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
            source = ["-include", str(file), "/dev/null"]
            jobs.append((file, [self.cc, "-x", "c", "-std=c11", *strict, *self.freestanding,
                                *self.paths[:2], *source]))
            jobs.append((file, [self.cc, "-x", "c", "-std=c11", *strict, *self.paths[:2], *source]))
            if self.cxx:
                jobs.append((file, [self.cxx, "-x", "c++", "-std=c++11", *strict, *self.paths[:2],
                                    *source]))
        for file, code, text in pool.map(compile_alone, jobs):
            if code:
                self.violation(file, "self-contained", first_error(text))

    def compile(self, folder, number, file):
        output = Path(folder) / f"{number}.o"
        flags = self.freestanding if self.is_portable(file) else [
            "-D_GNU_SOURCE", "-I", str(self.root / "kernel/include/uapi")]
        code, text = run([self.cc, *C_FLAGS, "-O2", "-fno-stack-protector", *flags, *self.paths,
                          "-c", str(file), "-o", str(output)])
        return (output, text) if code == 0 else (None, text)

    def symbols(self, output):
        """(undefined, defined global, writable data) of an object."""
        undefined, defined, writable = set(), set(), set()
        _, text = run(["nm", "-P", str(output)])
        for line in text.splitlines():
            name, kind = line.split()[:2]
            if kind in "Uw":
                undefined.add(name)
            else:
                if kind.isupper():
                    defined.add(name)
                if kind in "dDbBC" and not name.startswith("."):
                    writable.add(name)
        # constant tables of pointers are read-only after relocation, but nm calls them data
        _, text = run(["objdump", "-t", str(output)])
        for line in text.splitlines():
            if ".data.rel.ro" in line:
                writable.discard(line.split()[-1])
        return undefined, defined, writable

    def check_objects(self, pool, folder):
        sources = [file for file in self.lib
                   if file.suffix == ".c" and "/baremetal/" not in str(file) and self.layer_of(file)]
        outputs = list(pool.map(lambda job: self.compile(folder, *job), enumerate(sources)))
        found, home = {}, {}
        for file, (output, text) in zip(sources, outputs):
            if output is None:
                rule = "freestanding" if self.is_portable(file) else "compiles"
                self.violation(file, rule, first_error(text))
                continue
            found[file] = self.symbols(output)
            for name in found[file][1]:
                home[name] = self.layer_of(file)
        for file, (undefined, defined, writable) in found.items():
            layer = self.layer_of(file)
            for name in sorted(defined):
                if not name.startswith("amph_"):
                    self.violation(file, "name", f"defines {name}, which lacks the prefix amph_")
            for name in sorted(undefined):
                other = home.get(name)
                if other is not None and other != layer and other not in ALLOWED[layer]:
                    self.violation(file, "layer", f"{layer} needs {name} of {other}")
                if not self.is_portable(file):
                    continue
                if not (name.startswith("amph_") or name in MEMORY_FUNCTIONS
                        or COMPILER_SYMBOL.match(name)):
                    self.violation(file, "freestanding", f"needs {name}")
            if self.is_portable(file):
                for name in sorted(writable):
                    if (file.name, name) in VARIABLES:
                        continue
                    self.violation(file, "global state", f"holds the variable {name}")

    def check(self):
        self.check_includes()
        self.check_users()
        with ThreadPoolExecutor(2) as pool, tempfile.TemporaryDirectory() as folder:
            self.check_headers(pool)
            self.check_objects(pool, folder)
        return sorted(set(self.violations))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
    parser.add_argument("--cxx", default="")
    arguments = parser.parse_args()
    checker = Checker(arguments.root.resolve(), arguments.cc, arguments.cxx)
    violations = checker.check()
    for line in violations:
        print(line)
    print(f"{len(checker.public)} public headers, {len(checker.lib)} files of lib/: "
          f"{len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
