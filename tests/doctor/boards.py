#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""amphora doctor on trees as boards of several makers have them, in a container, and here.

Usage: boards.py AMPHORA"""
import os
import re
import shutil
import sys
import tempfile
import unittest

import trees
from trees import cells

AMPHORA = sys.argv[1]
NOBODY = 65534


class Boards(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.tree = trees.Tree(folder.name)

    def report(self, *arguments, **options):
        return trees.report(AMPHORA, self.tree.root, *arguments, **options)

    def reserve(self, name, phandle, base, size, **properties):
        self.tree.node("/reserved-memory/" + name, phandle=cells(phandle),
                       reg=cells(base >> 32, base & 0xffffffff, 0, size), **properties)

    def zynqmp(self):
        tree = self.tree
        tree.kernel("6.12.10-xilinx", [n for n in trees.ALL if n != "UIO_PDRV_GENIRQ"],
                    command_line="console=ttyPS0 cma=256M")
        tree.memory(262144, 250000)
        tree.node("", __address_cells=cells(2), __size_cells=cells(2))
        tree.node("/reserved-memory", __address_cells=cells(2), __size_cells=cells(2))
        self.reserve("rproc@3ed00000", 7, 0x3ed00000, 0x40000, no_map=b"")
        self.reserve("vdev0buffer@3ed48000", 8, 0x3ed48000, 0x100000, no_map=b"",
                     compatible="shared-dma-pool")
        tree.node("/remoteproc@ffe00000", compatible="xlnx,zynqmp-r5fss")
        tree.node("/remoteproc@ffe00000/r5f@0", compatible="xlnx,zynqmp-r5f",
                  memory_region=cells(7, 8))
        tree.remote(0, "/remoteproc@ffe00000/r5f@0", "r5f@0", firmware="r5.elf")
        tree.write("lib/firmware/r5.elf", "ELF")
        tree.device("dma_heap/system")
        tree.device("dma_heap/reserved")
        tree.device("udmabuf")
        tree.folder("sys/bus/rpmsg/devices")
        tree.folder("sys/class/rpmsg")

    def test_a_board_without_the_module_is_told_to_load_it(self):
        self.zynqmp()
        report = self.report()
        self.assertEqual(report.status, 1)
        self.assertFalse(report.json["usable"])
        answer, how = report.can("share", "remoteproc0")
        self.assertEqual((answer, how), ("no", "there is no /dev/amphora"))
        missing = report.one("module amphora", "/dev/amphora")
        self.assertEqual(missing["status"], "missing")
        self.assertIn("modprobe amphora", missing["remedy"])

    def test_a_board_with_all_of_it_can_share_and_says_through_what(self):
        self.zynqmp()
        self.tree.device("amphora")
        report = self.report()
        self.assertEqual(report.status, 0)
        answer, how = report.can("share", "remoteproc0")
        self.assertEqual(answer, "yes")
        for part in ("/dev/amphora", "heap system (scattered)", "heap reserved (contiguous)",
                     "udmabuf", "once it runs: it is offline"):
            self.assertIn(part, how)
        remote = report.one("remote processors", "remoteproc0")
        self.assertIn("AMD Cortex-R5", remote["text"])
        self.assertEqual([r["node"] for r in remote["facts"]["regions"]],
                         ["rproc@3ed00000", "vdev0buffer@3ed48000"])
        self.assertNotIn("windows", remote["facts"])
        self.assertIs(remote["facts"]["firmware_there"], True)
        self.assertEqual(report.one("memory", "CMA")["facts"], {"total": 256 << 20,
                                                                "free": 250000 << 10})
        self.assertFalse(report.find("remote processors", "AMD Cortex-R5"))  # its cluster is bound
        self.assertEqual(report.can("message")[0], "partly")
        config = report.one("kernel", "configuration")
        self.assertIn("23 of 24", config["text"])
        self.assertEqual(config["status"], "ok")  # that one is optional

    def test_forced_bounce_buffers_forbid_sharing(self):
        self.zynqmp()
        self.tree.device("amphora")
        for line, forced in (("swiotlb=force", True), ("quiet swiotlb=65536,force", True),
                             ("swiotlb=1024,4,force x", True), ("swiotlb=noforce", False),
                             ("myswiotlb=force", False), ("swiotlb=1024", False)):
            self.tree.write("proc/cmdline", line + "\n")
            report = self.report()
            self.assertEqual(report.can("share")[0], "no" if forced else "yes", line)
            self.assertIs(report.one("memory", "swiotlb")["facts"]["forced"], forced, line)

    def test_stm32mp_windows_of_the_bus_are_the_coprocessor_s(self):
        tree = self.tree
        tree.kernel("6.6.48", trees.ALL)
        tree.memory(65536, 65536)
        tree.node("", __address_cells=cells(1), __size_cells=cells(1))
        tree.node("/mlahb", compatible="st,mlahb", __address_cells=cells(1), __size_cells=cells(1),
                  dma_ranges=cells(0x00000000, 0x38000000, 0x10000,
                                   0x10000000, 0x10000000, 0x60000))
        tree.node("/mlahb/m4@10000000", compatible="st,stm32mp1-m4")
        tree.remote(0, "/mlahb/m4@10000000", "m4", "running")
        device = tree.service(0, "rpmsg-tty", 0x400, 0x401)
        tree.endpoint(device, "rpmsg0")
        tree.device("dma_heap/linux,cma")
        report = self.report()
        remote = report.one("remote processors", "remoteproc0")
        self.assertIn("ST Cortex-M4", remote["text"])
        self.assertEqual(remote["facts"]["windows"], [
            {"pa": "0x38000000", "da": "0x0", "size": "0x10000"},
            {"pa": "0x10000000", "da": "0x10000000", "size": "0x60000"}])
        self.assertEqual(report.one("RPMsg", "rpmsg-tty")["facts"]["remote"], "remoteproc0")
        self.assertEqual(report.one("RPMsg", "rpmsg0")["facts"]["remote"], "remoteproc0")
        self.assertEqual(report.can("message")[0], "yes")
        self.assertTrue(report.one("memory", "heap linux,cma")["facts"]["contiguous"])
        self.assertEqual(report.one("memory", "heap system")["status"], "missing")

    def test_windows_are_translated_by_the_buses_above(self):
        tree = self.tree
        tree.kernel("6.6", trees.ALL)
        tree.node("", __address_cells=cells(2), __size_cells=cells(2))
        tree.node("/soc", __address_cells=cells(2), __size_cells=cells(2),
                  dma_ranges=cells(0, 0, 8, 0, 1, 0))  # 0 is 0x800000000, 4 GiB
        tree.node("/soc/dsp-bus", __address_cells=cells(1), __size_cells=cells(1),
                  dma_ranges=cells(0x80000000, 0, 0x10000000, 0x20000000))
        tree.node("/soc/dsp-bus/same", dma_ranges=b"")
        tree.node("/soc/dsp-bus/same/dsp", compatible="acme,dsp", dma_coherent=b"")
        tree.remote(0, "/soc/dsp-bus/same/dsp", "dsp")
        report = self.report()
        remote = report.one("remote processors", "remoteproc0")
        self.assertEqual(remote["facts"]["windows"],
                         [{"pa": "0x810000000", "da": "0x80000000", "size": "0x20000000"}])
        self.assertIs(remote["facts"]["coherent"], True)

    def test_dma_ranges_that_make_no_sense_are_named(self):
        tree = self.tree
        tree.kernel("6.6", trees.ALL)
        tree.node("", __address_cells=cells(1), __size_cells=cells(1))
        for ranges in (cells(1, 2), cells(0, 0, 0), cells(0xffffffff, 0, 2, 5), b"abc"):
            tree.node("/bus", dma_ranges=ranges)
            tree.node("/bus/core", compatible="acme,core")
            if not os.path.exists(tree.path("sys/class/remoteproc")):
                tree.remote(0, "/bus/core", "core")
            report = self.report()
            self.assertEqual(report.one("remote processors", "addresses")["status"], "missing")

    def test_imx_coprocessor_without_a_driver_is_told_which(self):
        tree = self.tree
        tree.kernel("6.12.3", [n for n in trees.ALL if n != "RPMSG_CHAR"],
                    ["IMX_REMOTEPROC", "RPMSG_CHAR"])
        tree.node("", __address_cells=cells(2), __size_cells=cells(2))
        tree.node("/remoteproc-cm7", compatible="fsl,imx8mp-cm7")
        tree.node("/dsp@3b6e8000", compatible="fsl,imx8mp-hifi4", status="disabled")
        tree.folder("sys/class/remoteproc")
        report = self.report()
        core = report.one("remote processors", "NXP Cortex-M")
        self.assertEqual((core["status"], core["remedy"]), ("missing", "modprobe imx_rproc"))
        dsp = report.one("remote processors", "NXP HiFi 4 DSP")
        self.assertEqual(dsp["status"], "note")
        self.assertIn("okay", dsp["remedy"])
        self.assertEqual(report.can("share"),
                         ("no", "the device tree has one, and no driver has it"))
        self.assertIn("modprobe -a rpmsg_char", report.one("kernel", "configuration")["remedy"])
        tree.write("proc/modules", "rpmsg_char 16384 0 - Live 0x0\n")
        tree.kernel("6.12.3", trees.ALL)
        report = self.report()
        self.assertEqual(report.one("remote processors", "NXP Cortex-M")["remedy"],
                         "build the kernel with CONFIG_IMX_REMOTEPROC=y")

    def test_module_is_there_when_loaded_or_built_in(self):
        tree = self.tree
        others = [n for n in trees.ALL if n != "RPMSG_CHAR"]
        tree.kernel("6.12.3", others, ["RPMSG_CHAR"])
        for name, content in ((None, None), ("proc/modules", "rpmsg_char 16384 0 - Live 0x0\n"),
                              ("lib/modules/6.12.3/modules.builtin",
                               "kernel/drivers/rpmsg/rpmsg-char.ko\n"),
                              ("sys/module/rpmsg_char/refcnt", "0\n")):
            if name:
                tree.write(name, content)
            option = self.report().one("kernel", "RPMSG_CHAR")
            self.assertEqual(option["status"], "ok" if name else "missing")
            self.assertEqual(option["facts"], {"option": "RPMSG_CHAR", "value": "m",
                                               "loaded": bool(name)})
            if name:
                os.remove(tree.path(name))

    def test_ti_kernel_shares_contiguous_buffers_without_the_module(self):
        tree = self.tree
        tree.kernel("6.6.32-ti", trees.ALL)
        tree.memory(131072, 100000)
        tree.node("", __address_cells=cells(2), __size_cells=cells(2))
        tree.node("/bus@f0000", __address_cells=cells(2), __size_cells=cells(2))
        tree.node("/bus@f0000/r5fss@78000000", compatible="ti,am64-r5fss")
        tree.node("/bus@f0000/r5fss@78000000/r5f@78000000", compatible="ti,am64-r5f")
        tree.remote(0, "/bus@f0000/r5fss@78000000/r5f@78000000", "78000000.r5f", "attached")
        tree.device("dma_heap/system")
        report = self.report()
        self.assertEqual(report.can("share")[0], "no")  # no contiguous heap
        tree.device("dma_heap/carveout_edgeai@a7000000")
        report = self.report()
        answer, how = report.can("share")
        self.assertEqual(answer, "partly")
        self.assertIn("TI's remoteproc ioctl", how)
        self.assertIn("carveout_edgeai", how)
        self.assertNotIn("heap system", how)
        self.assertEqual(report.status, 0)

    def test_memory_out_of_the_windows_makes_it_a_part(self):
        tree = self.tree
        tree.kernel("6.12", trees.ALL)
        tree.node("", __address_cells=cells(2), __size_cells=cells(2))
        tree.node("/memory@40000000", device_type="memory", reg=cells(0, 0x40000000, 0, 0x20000000))
        tree.node("/memory@80000000", device_type="memory", reg=cells(0, 0x80000000, 0, 0x10000000))
        tree.node("/memory-controller", compatible="acme,dram")
        tree.device("amphora")
        tree.device("dma_heap/system")
        for first, size, rest in ((0x40000000, 0x20000000, 256), (0x40000000, 0x50000000, 0),
                                  (0x48000000, 0x8000000, 640), (0, 0x100000000, 0)):
            tree.node("/bus", __address_cells=cells(2), __size_cells=cells(2),
                      dma_ranges=cells(1, 0, 0, first, size >> 32, size & 0xffffffff))
            tree.node("/bus/core", compatible="acme,core")
            if not os.path.exists(tree.path("sys/class/remoteproc")):
                tree.remote(0, "/bus/core", "core")
            report = self.report()
            facts = report.one("remote processors", "remoteproc0")["facts"]
            self.assertEqual(facts["out_of_reach"], rest << 20)
            self.assertEqual(report.can("share")[0], "partly" if rest else "yes")
            self.assertEqual(len(report.find("remote processors", "reach")), 1 if rest else 0)

    def test_uio_memory_that_the_coprocessor_does_not_reach_is_no_way(self):
        tree = self.tree
        tree.kernel("6.12", trees.ALL)
        tree.node("", __address_cells=cells(1), __size_cells=cells(1))
        tree.node("/memory@40000000", device_type="memory", reg=cells(0x40000000, 0x20000000))
        tree.node("/bus", dma_ranges=cells(0x80000000, 0x40000000, 0x10000000))
        tree.node("/bus/core", compatible="acme,core")
        tree.remote(0, "/bus/core", "core")
        tree.device("uio0")
        for first, answer in ((0x4ff00000, "partly"), (0x4ff01000, "no"), (0x50000000, "no"),
                              (0x9000000, "no")):
            tree.write("sys/class/uio/uio0/maps/map0/addr", hex(first))
            tree.write("sys/class/uio/uio0/maps/map0/size", hex(0x100000))
            report = self.report()
            self.assertEqual(report.can("share")[0], answer, hex(first))
            if answer == "partly":
                self.assertIn("pa 0x4ff00000, da 0x8ff00000", report.can("share")[1])

    def test_uio_is_a_way_for_set_aside_memory(self):
        self.zynqmp()
        self.tree.device("uio0")
        self.tree.node("/memory@0", device_type="memory", reg=cells(0, 0, 0, 0x7ff00000))
        for name, value in (("name", "shm"), ("maps/map0/addr", "0x3ed80000"),
                            ("maps/map0/size", "0x80000")):
            self.tree.write("sys/class/uio/uio0/" + name, value + "\n")
        report = self.report()
        self.assertEqual(report.one("UIO", "uio0")["facts"]["maps"],
                         [{"map": "map0", "pa": "0x3ed80000", "size": 0x80000}])
        answer, how = report.can("share")
        self.assertEqual(answer, "partly")
        self.assertIn("through UIO", how)
        self.assertIn("pa 0x3ed80000, da 0x3ed80000", how)

    def test_devices_behind_an_iommu(self):
        tree = self.tree
        tree.kernel("6.12", trees.ALL, command_line="iommu.passthrough=0 quiet arm-smmu-v3.x=1")
        tree.folder("sys/class/iommu/smmu3.0x0000000009050000")
        tree.folder("sys/kernel/iommu_groups/2/devices/0000:00:02.0")
        tree.folder("sys/kernel/iommu_groups/10/devices/0000:00:03.0")
        tree.write("sys/kernel/iommu_groups/2/type", "DMA\n")
        tree.device("vfio/vfio")
        report = self.report()
        self.assertEqual(report.can("device"), ("partly", "once a device has a VFIO driver"))
        self.assertEqual(report.status, 1)
        tree.device("vfio/2")
        report = self.report()
        self.assertEqual(report.can("device")[0], "yes")
        self.assertEqual(report.status, 0)
        self.assertEqual(report.one("IOMMU and VFIO", "command line")["facts"]["words"],
                         "iommu.passthrough=0 arm-smmu-v3.x=1")
        self.assertEqual(report.one("IOMMU and VFIO", "group 2")["facts"], {
            "group": "2", "type": "DMA", "devices": "0000:00:02.0", "vfio": True, "usable": True})

    def test_an_empty_container_gets_a_remedy_for_everything(self):
        report = self.report()
        self.assertEqual(report.status, 1)
        for finding in report.findings:
            if finding["status"] in ("missing", "denied"):
                self.assertTrue(finding["remedy"], finding)
        self.assertEqual(report.one("kernel", "configuration")["status"], "note")
        self.assertEqual({c["answer"] for c in report.json["capabilities"]}, {"no"})

    @unittest.skipUnless(os.getuid() == 0 or os.geteuid() != 0, "needs root or an ordinary user")
    def test_what_belongs_to_others_is_denied_with_the_group_to_join(self):
        self.zynqmp()
        tree = self.tree
        tree.device("amphora", 0o600)
        tree.device("remoteproc0", 0)
        tree.device("dma_heap/system", 0o660)
        tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        tree.write("etc/group", "root:x:0:\nbroken\nvideo:x:%d:\n" % 44)
        options = {}
        amphora = AMPHORA
        if os.geteuid() == 0:
            os.chown(tree.path("dev/dma_heap/system"), 0, 44)
            amphora = tree.path("amphora-doctor")
            shutil.copy(AMPHORA, amphora)
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        else:
            for name in ("amphora", "dma_heap/system"):
                os.chmod(tree.path("dev/" + name), 0)
        report = trees.report(amphora, tree.root, **options)
        self.assertEqual(report.status, 1)
        self.assertEqual(report.one("module amphora", "/dev/amphora")["status"], "denied")
        heap = report.one("memory", "heap system")
        self.assertEqual(heap["status"], "denied")
        if os.geteuid() == 0:
            self.assertIn("root:video 0660", heap["text"])
            self.assertIn("usermod -aG video", heap["remedy"])
        rule = report.one("module amphora", "/dev/amphora")["remedy"]
        self.assertIn('SUBSYSTEM=="misc", KERNEL=="amphora"', rule)
        answer, how = report.can("share")
        self.assertEqual(answer, "no")
        self.assertIn("/dev/amphora is not usable", how)
        self.assertIn("not one device file", how)

    def test_text_has_a_section_for_each_topic_and_no_colour_in_a_pipe(self):
        self.zynqmp()
        done = trees.run(AMPHORA, self.tree.root)
        text = done.stdout.decode("ascii")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("\033", text)
        for topic in ("kernel", "reserved memory", "memory", "remote processors", "RPMsg",
                      "module amphora", "IOMMU and VFIO", "UIO", "what Amphora can do here"):
            self.assertRegex(text, r"(?m)^%s$" % re.escape(topic))
        self.assertRegex(text, r"(?m)^  missing  /dev/amphora .*\n +-> modprobe amphora")
        self.assertRegex(text, r"(?m)^  no       share buffers with a remote processor "
                               r"\(remoteproc0\)\n +there is no /dev/amphora$")
        more = trees.run(AMPHORA, self.tree.root, "--verbose").stdout.decode("ascii")
        self.assertGreater(more.count("\n"), text.count("\n"))
        self.assertIn("more findings with --verbose", text)
        self.assertNotIn("more findings with --verbose", more)

    def test_this_machine_is_looked_at_without_a_root(self):
        report = trees.report(AMPHORA, None)
        self.assertTrue(report.json["live"])
        self.assertEqual(report.json["release"], os.uname().release)
        self.assertEqual(report.json["machine"], os.uname().machine)
        self.assertEqual(report.status == 0, report.json["usable"])
        self.assertEqual(report.can("processes"), ("yes", "memfd"))
        heaps = os.listdir("/dev/dma_heap") if os.path.isdir("/dev/dma_heap") else []
        self.assertEqual(sorted(heaps), sorted(f["facts"]["heap"] for f in report.findings
                                               if "heap" in f["facts"]))
        self.assertEqual(report.can("demo-process")[0], "yes")

    def test_bad_usage_is_2(self):
        for arguments in (("--nonsense",), ("x",), ("--root",), ("--root", "/nowhere/at/all"),
                          ("--root", "/dev/null")):
            done = trees.run(AMPHORA, None, *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr)
            self.assertFalse(done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
