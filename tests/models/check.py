#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Searches every state of a model with spin, shows that its broken twins fail, and follows its runs with the code.

usage: check.py [--replay PROGRAM] MODEL.pml [NAME...]

The model says in its first comment what there is to do, one a line:

 * check NAME: [-DWHAT=VALUE...] [ltl=CLAIM] [progress] [fair]
 * twin BROKEN_WHAT: [the same] [followed] finds=KIND
 * code: NAME...
 * replay: -DWHAT=VALUE...
 * runs: -DWHAT=VALUE...

A check is one search through all states: no assertion fails, nobody is stuck, and with `progress` there is
no cycle without a label progress..., with `ltl` none that breaks the claim; `fair`: each process that can
go on does. A search that did not get through is a failure. A twin is the same with the flag BROKEN_WHAT
defined, and must fail in the way it says. KIND: the name of the assertion (see steps.inc) or of the claim;
no_lost_wake_up: somebody is stuck; progress: a cycle without progress. The names after `code:` must be in
the sources of the library and in the model: what the model calls something by is what the code calls it.

PROGRAM does in the real code what a run of the model does, and fails when the code does something else: see
replay.h. It follows random runs of each check, and it must refuse the run in which a twin fails; but for
those `followed`, whose fault is a caller's, or a step that is left out.
`runs:` flags for the model in random runs, `replay:` also for the twins.

NAME: only these checks and twins, with spin's own words, and for a failure the steps that lead to it.
Prints figures: states explored, broken twins caught, model steps replayed, broken twins refused by the code.
"""
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEPTH = 4000000  # steps of the longest way; more is a failure, as is more memory
MEMORY = 3000  # megabytes
STUCK = "no_lost_wake_up"
RUNS, STEPS = 8, 20000  # of each check, with the code; spin counts steps that print nothing, too
SHORT_RUNS, ENOUGH = 100, 2000  # where runs end early: more of them, up to so many steps in all
CONTEXT = 30  # lines of a run that are shown
FOLLOWED, REFUSED = 0, 1  # how PROGRAM ends


class Search:
    def __init__(self, name, words, twin, replay, runs):
        self.name, self.twin, self.replay = name, twin, replay + ([] if twin else runs)
        self.defines = [word for word in words if word.startswith("-D")]
        options = dict(word.split("=") for word in words if "=" in word and word[0] != "-")
        self.claim, self.finds = options.pop("ltl", None), options.pop("finds", None)
        rest = {word for word in words if "=" not in word and word[0] != "-"}
        self.progress, self.fair = "progress" in rest, "fair" in rest
        self.followed = twin and "followed" in rest
        if options or rest - {"progress", "fair"} - ({"followed"} if twin else set()) \
                or bool(self.finds) != twin:
            sys.exit(f"{name}: what is {words}?")
        if twin:
            self.defines += [f"-D{name}", "-DTRACE", *replay]  # for the counterexample to be replayed

    def run(self, model, folder):
        """Returns spin's report."""
        folder = pathlib.Path(folder) / self.name
        folder.mkdir()
        self.folder = folder
        cycles = self.progress or self.claim
        command(["spin", "-a", *self.defines, model], folder)
        command(["gcc", "-O0" if self.twin else "-O1", "-w", "-DCOLLAPSE", f"-DMEMLIM={MEMORY}",
                 "-DVECTORSZ=2048",
                 *([] if cycles else ["-DSAFETY"]), *(["-DNP"] if self.progress else []),
                 # the shortest counterexample
                 *(["-DBFS"] if self.twin and not cycles else []),
                 *(["-DNFAIR=4"] if self.fair else ["-DNOFAIR"]), *([] if self.claim else ["-DNOCLAIM"]),
                 "-o", "pan", "pan.c"], folder)
        self.report = subprocess.run(
            ["./pan", "-n", f"-m{DEPTH}", *(["-l"] if self.progress else []),
             *(["-a", "-N", self.claim] if self.claim else []), *(["-f"] if self.fair else [])],
            cwd=folder, capture_output=True, text=True, timeout=900, check=False).stdout
        return self

    def run_of(self, model, *how):
        """The lines of a run of the model."""
        text = subprocess.run(["spin", "-B", "-T", *how, *self.defines, "-DTRACE", model], cwd=self.folder,
                              capture_output=True, text=True, check=False).stdout
        return [line.strip() for line in text.splitlines()
                if not re.match(r"\s*(spin:|depth-limit|ltl |Never claim|timeout|#processes|-{3}|<<<<<|$)",
                                line)]

    def counterexample(self, model):
        run = self.run_of(model, "-k", f"{model.name}.trail")
        return run + ["0 stuck", "1 stuck"] if self.found() == STUCK else run

    def follow(self, program, run):
        """Does the code do that? Returns how PROGRAM ends, its last line, and how many steps it did."""
        done = subprocess.run([program, *(flag[2:] for flag in [*self.defines, *self.replay])],
                              input="\n".join(run) + "\n", capture_output=True, text=True, timeout=120,
                              check=False)
        said = (done.stdout.splitlines() or [f"ends with {done.returncode}: {done.stderr}"])[-1]
        steps = re.match(r"steps (\d+)$", said)
        line = re.match(r"line (\d+):", said)
        if line:
            self.last = run[max(0, int(line.group(1)) - CONTEXT):int(line.group(1))]
        return done.returncode, said, int(steps.group(1)) if steps else 0

    def against(self, program, model):
        """Follows runs with the code. Returns None or what is wrong, and the number of steps."""
        self.steps, self.last = 0, []
        if self.twin:
            status, said, self.steps = self.follow(program, self.counterexample(model))
            expected = FOLLOWED if self.followed else REFUSED
            return None if status == expected else f"the code, which should " \
                f"{'follow' if self.followed else 'refuse'} the run in which it fails: {said}"
        for seed in range(1, 1 + SHORT_RUNS):
            if seed > RUNS and self.steps >= ENOUGH:
                break
            run = self.run_of(model, f"-n{seed}", f"-u{STEPS}", *self.replay)
            status, said, steps = self.follow(program, run)
            self.steps += steps
            if status != FOLLOWED:
                return f"the code does not follow the run of seed {seed}: {said}"
        return None

    def states(self):
        return int(float(re.search(r"([0-9.e+]+) states, stored", self.report).group(1)))

    def through(self):
        """Did the search see everything?"""
        return not re.search(r"Search not completed|too small|out of memory|memory used up|pan: reached",
                             self.report) and re.search(r"errors: \d+\n", self.report)

    def found(self):
        """The name of what a counterexample breaks, or None."""
        failure = re.search(r"^pan:\d+: (.*) \(at depth", self.report, re.M)
        if not failure:
            return None
        text = failure.group(1)
        name = re.search(r"assertion violated \(+.*\|\|(\w+)\)", text)
        if name:
            return name.group(1)
        if "invalid end state" in text:
            return STUCK
        if "non-progress cycle" in text:
            return "progress"
        if "acceptance cycle" in text or "claim violated" in text or "violated !" in text:
            return self.claim
        return text

    def verdict(self):
        """None, or what is wrong."""
        if self.twin:
            return None if self.found() == self.finds else \
                f"does not find {self.finds}, but {self.found() or 'nothing'}"
        if self.found():
            return f"breaks {self.found()}"
        return None if self.through() else "the search did not get through:\n" + self.report


def command(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or "Error" in done.stdout:
        sys.exit(f"{shlex.join(map(str, words))}\n{done.stdout}{done.stderr}")


def header_of(model):
    text = model.read_text()
    for name in re.findall(r'^#include "(.*)"', text, re.M):
        text += (model.parent / name).read_text()
    header = "\n".join(re.findall(r"/\*.*?\*/", text, re.S)[:2])
    return text, header


def searches(header):
    replay, runs = (" ".join(re.findall(rf"^ \* {what}:(.*)$", header, re.M)).split()
                    for what in ("replay", "runs"))
    for kind, name, rest in re.findall(r"^ \* (check|twin) (\w+):(.*)$", header, re.M):
        yield Search(name, rest.split(), kind == "twin", replay, runs)


def names_of_the_code(text, header):
    """What is wrong with the names after `code:`."""
    code = " ".join(path.read_text() for folder in ("lib", "include")
                    for path in sorted((ROOT / folder).rglob("*.[ch]")))
    words = set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", code, flags=re.S)))
    modelled = set(re.findall(r"\w+", re.sub(r"^ \* code:.*$", "", text, flags=re.M)))
    named = re.findall(r"\w+", " ".join(re.findall(r"^ \* code:(.*)$", header, re.M)))
    for name in named:
        if name not in words:
            yield f"the library has no {name} (any more)"
        if name not in modelled:
            yield f"the model has no {name}"
    for name in sorted(set(re.findall(r"\b(?:AMPH|WIRE|QUEUE|HALF|amph)_\w+", text)) - words):
        yield f"the library has no {name} (any more)"
    if not named:
        yield "no line `code:`"


def main():
    arguments = sys.argv[1:]
    program = None
    if arguments[:1] == ["--replay"]:
        program = pathlib.Path(arguments[1]).resolve()
        arguments = arguments[2:]
    if not arguments:
        sys.exit(__doc__)
    model, only = pathlib.Path(arguments[0]).resolve(), arguments[1:]
    text, header = header_of(model)
    todo = [search for search in searches(header) if not only or search.name in only]
    broken = list(names_of_the_code(text, header))
    for what in broken:
        print(f"{model.name}: {what}")
    checks = [search for search in todo if not search.twin]
    twins = [search for search in todo if search.twin]
    if not todo or (not only and not (checks and twins)):
        sys.exit(f"{model.name}: no check, or no twin")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        for search in pool.map(lambda one: one.run(model, folder), todo):
            wrong = search.verdict()
            states = search.states() if "stored" in search.report else 0
            print(f"{'FAILED' if wrong else 'ok':6} {search.name}: {states} states"
                  f"{', finds ' + search.found() if search.found() else ''}", flush=True)
            if wrong:
                broken.append(wrong)
                print(wrong)
            if only:
                print(search.report)
            if search.found() and (wrong or only):
                print("\n".join(search.counterexample(model)))
            if program and not wrong:
                wrong = search.against(program, model)
                if wrong:
                    broken.append(wrong)
                    print("\n".join([*search.last, f"FAILED {search.name}: {wrong}"]))
    print(f"figure: states explored {sum(search.states() for search in checks)}")
    print(f"figure: broken twins caught {sum(not search.verdict() for search in twins)}")
    if program:
        print(f"figure: model steps replayed {sum(search.steps for search in checks)}")
        print("figure: broken twins refused by the code "
              f"{sum(not search.verdict() and not search.followed for search in twins)}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
