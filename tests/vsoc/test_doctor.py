#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""amphora doctor in the virtual SoC's Linux: it finds what is there, before and after the coprocessor
starts, and devices behind an IOMMU.

Usage: test_doctor.py AMPHORA [--debug-kernel]"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import soc

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../doctor"))
import trees  # pylint: disable=wrong-import-position

CLASS = "/sys/class/remoteproc/remoteproc0/"
START = (f"echo start > {CLASS}state; n=0; "
         "until [ -e /dev/rpmsg_ctrl0 ] || [ $n = 200 ]; do n=$((n + 1)); sleep 0.1; done; ")
BIND = ("cd /sys/bus/pci/devices; for d in *; do "
        "if grep -q 0x11e8 $d/device; then echo vfio-pci > $d/driver_override; "
        "echo $d > /sys/bus/pci/drivers_probe; fi; done; ")


class Doctor(soc.TestCase):
    def doctor(self, before="", arguments="", options=(), status=0):
        command = f"{before} amphora doctor --json {arguments}"
        ended = soc.run(*options, "--", "sh", "-c", command)
        self.expect(ended, status)
        return json.loads(ended.stdout[ended.stdout.index("{"):ended.stdout.rindex("}") + 1])

    def one(self, report, topic, name):
        found = [f for f in report["findings"]
                 if f["topic"] == topic and f["name"].strip() == name]
        self.assertEqual(len(found), 1, (topic, name, report["findings"]))
        return found[0]

    def can(self, report, name):
        return {c["id"]: (c["answer"], c["how"]) for c in report["capabilities"]}[name]

    def test_what_the_virtual_soc_has_is_found(self):
        report = self.doctor()
        self.assertEqual(report["machine"], "aarch64")
        for heap, contiguous in (("system", False), ("reserved", True)):
            facts = self.one(report, "memory", "heap " + heap)["facts"]
            self.assertEqual((facts["usable"], facts["contiguous"]), (True, contiguous))
        self.assertEqual(self.one(report, "memory", "udmabuf")["status"], "ok")
        remote = self.one(report, "remote processors", "remoteproc0")["facts"]
        self.assertEqual(remote["windows"], [{"pa": "0x40000000", "da": "0x80000000",
                                              "size": "0x20000000"}])
        self.assertEqual(remote["state"], "offline")
        self.assertEqual(remote["out_of_reach"], 0)
        self.assertEqual((remote["coherent"], remote["openable"], remote["controllable"]),
                         (True, True, True))
        self.assertTrue(remote["hwlocks"])
        self.assertEqual(self.one(report, "remote processors", "hwlocks")["status"], "ok")
        self.assertIn("firmware@5f000000", [region["node"] for region in remote["regions"]])
        maps = self.one(report, "UIO", "uio0")["facts"]["maps"]
        self.assertEqual(maps[0]["pa"], "0x5ec00000")
        self.assertEqual(self.one(report, "kernel", "configuration")["status"], "ok")
        self.assertEqual(self.can(report, "control")[0], "yes")
        self.assertEqual(self.can(report, "message")[0], "partly")
        self.assertEqual(self.can(report, "device"), ("no", "there is no IOMMU"))

    def test_services_and_endpoints_are_found_when_it_runs(self):
        report = self.doctor(START)
        self.assertEqual(self.one(report, "remote processors", "remoteproc0")["facts"]["state"],
                         "running")
        service = self.one(report, "RPMsg", "amphora-control")["facts"]
        self.assertEqual(service["remote"], "remoteproc0")
        self.assertGreater(service["destination"], 0)
        self.assertTrue(self.one(report, "RPMsg", "rpmsg_ctrl0")["facts"]["usable"])
        self.assertEqual(self.can(report, "message")[0], "yes")

    def test_to_look_does_not_stop_a_coprocessor_that_a_close_would_stop(self):
        for ask, state in (("", "running"), ("--ask", "offline")):
            ended = soc.run("--", "hold-remote", "sh", "-c", f"amphora doctor {ask} > /dev/null")
            self.expect(ended, 0)
            self.assertIn("after it: " + state, ended.stdout)

    def test_the_module_tells_of_a_coprocessor_that_is_off_or_when_told_to_ask(self):
        report = self.doctor()
        self.assertEqual(self.one(report, "module amphora", "/dev/amphora")["facts"]["version"], 1)
        facts = self.one(report, "module amphora", "remoteproc0")["facts"]
        self.assertEqual((facts["address_bits"], facts["coherent"], facts["iommu"],
                          facts["attachments"]), (32, True, False, 0))
        answer, how = self.can(report, "share")
        self.assertEqual(answer, "yes")
        for part in ("/dev/amphora", "heap system", "heap reserved", "udmabuf", "it is offline"):
            self.assertIn(part, how)
        report = self.doctor(START)
        self.assertEqual(self.one(report, "module amphora", "remoteproc0")["status"], "note")
        answer, how = self.can(report, "share")
        self.assertEqual(answer, "yes")
        self.assertNotIn("once it runs", how)
        report = self.doctor(START, "--ask")
        boots = self.one(report, "module amphora", "remoteproc0")["facts"]["boots"]
        self.assertEqual(boots, 1)

    def test_without_the_module_set_aside_memory_is_left(self):
        report = self.doctor("rmmod amphora;")
        missing = self.one(report, "module amphora", "/dev/amphora")
        self.assertEqual(missing["status"], "missing")
        self.assertIn("modprobe amphora", missing["remedy"])
        answer, how = self.can(report, "share")
        self.assertEqual(answer, "partly")
        self.assertIn("uio0, 4096 KiB, pa 0x5ec00000, da 0x9ec00000", how)

    def test_a_window_smaller_than_dram_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = os.path.join(folder, "narrow.dtb")
            shutil.copy(os.path.join(os.path.dirname(soc.BUILT), "trees/none/vsoc.dtb"), tree)
            subprocess.run(["fdtput", "-t", "x", tree, "/coprocessor-bus", "dma-ranges",
                            *"0 80000000 0 40000000 0 10000000".split()], check=True)
            report = self.doctor(options=("--device-tree", tree))
        remote = self.one(report, "remote processors", "remoteproc0")["facts"]
        self.assertEqual(remote["windows"][0]["size"], "0x10000000")
        self.assertEqual(remote["out_of_reach"], 256 << 20)
        self.assertEqual(self.can(report, "share")[0], "partly")

    def test_a_device_behind_an_iommu_is_found_and_can_be_shared_with(self):
        for kind in ("smmuv3", "virtio"):
            options = ("--iommu", kind, "--edu")
            report = self.doctor(options=options)
            self.assertTrue([f for f in report["findings"] if "iommu" in f["facts"] and
                             f["topic"] == "IOMMU and VFIO"])
            self.assertEqual(self.can(report, "device"),
                             ("partly", "once a device has a VFIO driver"))
            report = self.doctor(BIND, options=options)
            self.assertEqual(self.can(report, "device")[0], "yes", report)
            groups = [f["facts"] for f in report["findings"] if "group" in f["facts"]]
            self.assertEqual([group["usable"] for group in groups if group["vfio"]], [True])

    def test_forced_bounce_buffers_are_found(self):
        report = self.doctor(options=("--append", "swiotlb=force"))
        self.assertTrue(self.one(report, "memory", "swiotlb")["facts"]["forced"])

    def test_a_captured_tree_says_what_the_machine_says(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(soc.SHARE, "doctor-capture"), encoding="ascii") as script, \
                 open(os.path.join(folder, "capture"), "w", encoding="ascii") as copy:
                copy.write(script.read())
            live = self.doctor(START + "sh /share/capture /tmp/tree > /share/said; "
                                       "tar -C /tmp/tree -cf /share/tree.tar . || exit 77;",
                               options=("--iommu", "smmuv3", "--edu", "--share", folder))
            tree = os.path.join(folder, "tree")
            os.mkdir(tree)
            subprocess.run(["tar", "-C", tree, "-xf", tree + ".tar"], check=True)
            captured = trees.report(soc.AMPHORA, tree)

        def facts(report):
            """All that does not change by itself, and is not known of this machine only."""
            return [(f["topic"], f["name"], f["status"], f["facts"]) for f in report["findings"]
                    if f["topic"] not in ("without a board", "module amphora") and
                    f["name"] not in ("memfd", "locked memory", "CMA", "swiotlb")]
        self.assertEqual(facts(captured.json), facts(live))
        answers = [{c["id"]: c["answer"] for c in report["capabilities"]
                    if not re.match("demo|vsoc", c["id"])} for report in (captured.json, live)]
        self.assertEqual(*answers)

    def test_text_for_people(self):
        ended = soc.run("--", "env", "NO_COLOR=1", "amphora", "doctor")
        self.expect(ended, 0)
        self.assertNotIn("\033", ended.stdout)
        self.assertRegex(ended.stdout, re.compile(
            "^  ok       heap system .*scattered pages.*$", re.M))


if __name__ == "__main__":
    soc.main()
