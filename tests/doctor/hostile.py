#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""amphora doctor on trees that lie: huge files, loops, links that lead out, odd names, noise.

Usage: hostile.py AMPHORA [RANDOM_TREES [SEED]]"""
import gzip
import os
import random
import signal
import sys
import tempfile
import threading
import time
import unittest

import trees
from trees import BASE, cells

AMPHORA = sys.argv[1]
RANDOM_TREES = int(sys.argv[2]) if len(sys.argv) > 2 else 15
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 0
EVIL = "\033[31mred\033]0;title\007\u202e\x9b"


def snapshot(root):
    """Every name, with what it is, holds, and when it was changed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = trees.Tree(folder.name)

    def look(self):
        """Both outputs, each clean; returns the report."""
        text = trees.run(AMPHORA, self.tree.root, "--verbose")
        self.assertIn(text.returncode, (0, 1), text.stderr)
        self.assertFalse(set(text.stdout) - set(range(0x20, 0x7f)) - {0x0a}, text.stdout)
        self.assertEqual(text.stderr, b"")
        report = trees.report(AMPHORA, self.tree.root)
        self.assertEqual(report.status, text.returncode)
        return report

    def test_escape_sequences_do_not_reach_the_terminal(self):
        tree = self.tree
        tree.kernel(EVIL, trees.ALL, command_line=EVIL + " iommu=" + EVIL)
        tree.node("", __address_cells=cells(1), __size_cells=cells(1))
        tree.node("/reserved-memory", __address_cells=cells(1), __size_cells=cells(1))
        tree.node("/reserved-memory/" + EVIL, reg=cells(1, 2), compatible=EVIL)
        tree.node("/bus", compatible="fsl,imx" + EVIL + "-cm4")
        tree.remote(0, "/bus", EVIL, EVIL, EVIL)
        tree.endpoint(tree.service(0, "service", 1, 2), "rpmsg" + EVIL)
        tree.device("dma_heap/" + EVIL, 0)
        tree.write("sys/class/uio/uio0/name", EVIL)
        tree.folder("sys/class/iommu/" + EVIL)
        tree.folder("sys/kernel/iommu_groups/1/devices/" + EVIL)
        report = self.look()
        self.assertIn("?[31mred?", report.one("remote processors", "remoteproc0")["text"])

    def test_links_that_lead_out_of_the_root_stay_inside(self):
        tree = self.tree
        with tempfile.TemporaryDirectory() as outside:
            with open(os.path.join(outside, "release"), "w", encoding="ascii") as file:
                file.write("outside\n")
            tree.link("proc/sys/kernel/osrelease", os.path.join(outside, "release"))
            tree.link("proc/cmdline", "../../../../../../../../../.." + outside + "/release")
            tree.link("sys/class/remoteproc", outside)
            tree.link("dev/dma_heap", "/dev")
            report = self.look()
        self.assertIsNone(report.json["release"])
        self.assertNotIn("outside", str(report.json))
        # /dev is the tree's own, and has one entry
        self.assertEqual([f["name"] for f in report.findings if "heap" in f["facts"]],
                         ["heap dma_heap"])

    def test_loops_end(self):
        tree = self.tree
        tree.kernel("6.12", trees.ALL)
        tree.node("", compatible="acme,board")
        for name in "abc":
            tree.link(BASE + "/" + name, ".")
        tree.link("sys/class/remoteproc", "remoteproc")
        tree.link("sys/bus", "../sys")
        tree.link("proc/config", "config")
        begin = time.monotonic()
        self.look()
        self.assertLess(time.monotonic() - begin, 60)

    def test_huge_files_are_read_to_a_bound(self):
        tree = self.tree
        tree.remote(0, "/core", "core")
        tree.node("/core", compatible="acme,core")
        for name in ("proc/cmdline", "proc/meminfo", "proc/modules", "proc/sys/kernel/osrelease",
                     "etc/group", "boot/config-6", "sys/class/remoteproc/remoteproc0/name",
                     BASE + "/core/memory-region", BASE + "/dma-ranges"):
            tree.write(name, "")
            os.truncate(tree.path(name), 1 << 40)
        tree.write("proc/config.gz", gzip.compress(b"\0" * (64 << 20)))
        begin = time.monotonic()
        self.look()
        self.assertLess(time.monotonic() - begin, 60)

    def test_pipes_and_devices_are_not_opened(self):
        tree = self.tree
        opened = []
        for name in ("proc/cmdline", "proc/config.gz", "proc/meminfo", "proc/modules",
                     "sys/class/remoteproc/remoteproc0/name", "dev/remoteproc0", "dev/amphora",
                     "dev/dma_heap/system", "dev/udmabuf", "dev/rpmsg0", "dev/vfio/vfio"):
            os.makedirs(os.path.dirname(tree.path(name)), exist_ok=True)
            os.mkfifo(tree.path(name))

            def wait(path=tree.path(name)):
                try:
                    with open(path, "wb"):  # returns when a reader comes
                        opened.append(path)
                except OSError:
                    pass  # the tree is gone before this thread has begun
            threading.Thread(target=wait, daemon=True).start()
        self.look()
        self.assertEqual(opened, [])

    def test_folders_with_many_entries_and_long_names(self):
        tree = self.tree
        tree.kernel("6.12", trees.ALL)
        for i in range(4500):
            tree.write("sys/class/remoteproc/remoteproc%d/name" % i, "core\n")
        for i in range(600):
            tree.folder("sys/kernel/iommu_groups/%d/devices/%s" % (i, "x" * 100))
            tree.device("dma_heap/heap%d" % i)
            tree.folder("sys/class/iommu/iommu%d" % i)
            tree.node("/reserved-memory/%d" % i, reg=cells(0, 1, 0, 1))
            for map_number in range(2):
                tree.write("sys/class/uio/uio%d/maps/map%d/addr" % (i, map_number), "0x1\n")
        tree.device("dma_heap/" + "y" * 255)
        report = self.look()
        self.assertLess(len(report.findings), 1000)

    def test_the_report_has_an_end(self):
        tree = self.tree
        for i in range(400):
            tree.folder("sys/class/iommu/iommu%d" % i)
            tree.write("sys/bus/rpmsg/devices/device%d/name" % i, "service\n")
        report = self.look()
        self.assertGreater(report.json["left_out"], 0)
        self.assertTrue(report.can("processes"))

    def test_nothing_is_written_and_nothing_started(self):
        tree = self.tree
        tree.kernel("6.12", trees.ALL)
        tree.node("/core", compatible="st,stm32mp1-m4")
        tree.remote(0, "/core", "core")
        tree.device("amphora")
        tree.device("dma_heap/system")
        before = snapshot(tree.root)
        self.look()
        self.assertEqual(snapshot(tree.root), before)

    def random_tree(self, generator):
        """A plausible tree, then noise on it."""
        tree = self.tree
        tree.kernel("6.12", generator.sample(trees.ALL, 12), generator.sample(trees.ALL, 5))
        tree.memory(generator.randrange(1 << 40), generator.randrange(1 << 40))
        tree.node("", __address_cells=cells(generator.randrange(5)),
                  __size_cells=cells(generator.randrange(5)))
        tree.node("/reserved-memory", __address_cells=cells(2), __size_cells=cells(2))
        for i in range(generator.randrange(6)):
            tree.node("/reserved-memory/r%d@%x" % (i, i), phandle=cells(i),
                      reg=generator.randbytes(generator.randrange(40)))
        tree.node("/bus", __address_cells=cells(generator.choice((1, 2, 2**32 - 1))),
                  __size_cells=cells(generator.randrange(4)),
                  dma_ranges=generator.randbytes(generator.choice((0, 12, 20, 24, 60, 2000))))
        tree.node("/bus/core", compatible="st,stm32mp1-m4",
                  memory_region=generator.randbytes(generator.randrange(200)))
        tree.remote(0, generator.choice(("/bus/core", "/nowhere", "/bus/../bus/core", None)), "core")
        tree.endpoint(tree.service(0, "service", 1, 2), "rpmsg_ctrl0")
        tree.device("amphora")
        tree.device("dma_heap/system")
        tree.write("sys/class/uio/uio0/maps/map0/addr", "0x1")
        files = [os.path.join(folder, name) for folder, _, names in os.walk(tree.root)
                 for name in names]
        for path in generator.sample(files, min(len(files), generator.randrange(12))):
            os.remove(path)
            kind = generator.randrange(6)
            if kind == 0:
                os.mkdir(path)
            elif kind == 1:
                os.symlink(generator.choice(("/", ".", "..", "loop", os.path.basename(path))), path)
            elif kind == 2:
                os.mkfifo(path)
            elif kind < 5:
                with open(path, "wb") as file:
                    file.write(generator.randbytes(generator.choice((0, 1, 4, 63, 64, 5000))))

    def test_random_trees(self):
        for number in range(RANDOM_TREES):
            with self.subTest(seed=SEED + number), tempfile.TemporaryDirectory() as folder:
                self.tree = trees.Tree(folder)
                self.random_tree(random.Random(SEED + number))
                self.look()

    def test_a_closed_pipe_is_no_success(self):
        pipe = os.pipe()
        os.close(pipe[0])
        process = trees.subprocess.Popen([AMPHORA, "doctor", "--root", self.tree.root],
                                         stdout=pipe[1], stderr=trees.subprocess.PIPE)
        os.close(pipe[1])
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (1, -signal.SIGPIPE))
        with open("/dev/full", "wb") as full:
            process = trees.subprocess.run([AMPHORA, "doctor", "--root", self.tree.root],
                                           stdout=full, stderr=trees.subprocess.PIPE, timeout=60,
                                           check=False)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"No space left", process.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
