# SPDX-License-Identifier: BSD-3-Clause
"""Builds trees as boards have them (proc, sys, dev), and runs amphora doctor on them."""
import gzip
import json
import os
import struct
import subprocess

BASE = "sys/firmware/devicetree/base"
# What a kernel that was built for all of this has on.
ALL = """MODULES DMA_SHARED_BUFFER DMABUF_HEAPS DMABUF_HEAPS_SYSTEM DMABUF_HEAPS_CMA CMA DMA_CMA UDMABUF
MEMFD_CREATE HUGETLBFS REMOTEPROC REMOTEPROC_CDEV RPMSG_CHAR RPMSG_CTRL RPMSG_VIRTIO RPMSG_NS
IOMMU_SUPPORT VFIO VFIO_IOMMU_TYPE1 VFIO_PCI VFIO_PLATFORM UIO UIO_PDRV_GENIRQ HWSPINLOCK""".split()


def cells(*values):
    return struct.pack(">%dI" % len(values), *values)


class Tree:
    def __init__(self, root):
        self.root = root

    def path(self, *names):
        return os.path.join(self.root, *names)

    def write(self, name, content, mode=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            os.chmod(path, mode)

    def folder(self, name):
        os.makedirs(self.path(name), exist_ok=True)

    def link(self, name, target):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        os.symlink(target, self.path(name))

    def device(self, name, mode=0o666):
        """Only its name and its permissions count."""
        self.write("dev/" + name, "", mode)

    def kernel(self, release, on=(), modules=(), command_line=""):
        self.write("proc/sys/kernel/osrelease", release + "\n")
        self.write("proc/cmdline", command_line + "\n")
        text = "# Linux\n" + "".join("CONFIG_%s=y\n" % name for name in on)
        text += "".join("CONFIG_%s=m\n" % name for name in modules) + "# CONFIG_NOTHING is not set\n"
        self.write("proc/config.gz", gzip.compress(text.encode()))

    def memory(self, cma_total=0, cma_free=0):
        self.write("proc/meminfo", "MemTotal: 1000000 kB\nCmaTotal: %d kB\nCmaFree: %d kB\n"
                   "HugePages_Total: 4\nHugePages_Free: 3\nHugepagesize: 2048 kB\n"
                   % (cma_total, cma_free))

    def node(self, path, **properties):
        """A node of the device tree; _ in a property's name is written for -, __ for #."""
        folder = BASE + path
        self.write(folder + "/name", os.path.basename(path).split("@")[0] + "\0")
        for name, value in properties.items():
            if name != "device_type":
                name = name.replace("__", "#").replace("_", "-")
            if isinstance(value, str):
                value += "\0"
            self.write(folder + "/" + name, value)

    def remote(self, number, node, name, state="offline", firmware="firmware.elf", device=True):
        device_path = "sys/devices/platform/remote%d" % number
        folder = device_path + "/remoteproc/remoteproc%d" % number
        for key, value in (("name", name), ("state", state), ("firmware", firmware),
                           ("recovery", "enabled")):
            self.write(folder + "/" + key, value + "\n")
        self.link(folder + "/device", "../../../remote%d" % number)
        if node:
            self.link(device_path + "/of_node", "../../../firmware/devicetree/base" + node)
        self.link("sys/class/remoteproc/remoteproc%d" % number,
                  "../../devices/platform/remote%d/remoteproc/remoteproc%d" % (number, number))
        if device:
            self.device("remoteproc%d" % number)

    def service(self, number, name, source, destination):
        """An RPMsg device of a remote processor."""
        device = "virtio0.%s.-1.%d" % (name, destination)
        folder = ("sys/devices/platform/remote%d/remoteproc/remoteproc%d/rproc-virtio.0.auto/virtio0/%s"
                  % (number, number, device))
        for key, value in (("name", name), ("src", hex(source)), ("dst", hex(destination))):
            self.write(folder + "/" + key, value + "\n")
        self.link("sys/bus/rpmsg/devices/" + device, "../../../" + folder[4:])
        return folder

    def endpoint(self, parent, name):
        self.folder(parent + "/rpmsg/" + name)
        self.link("sys/class/rpmsg/" + name, "../../" + (parent + "/rpmsg/" + name)[4:])
        self.device(name)


class Report:
    def __init__(self, run):
        self.status = run.returncode
        self.json = json.loads(run.stdout)
        self.findings = self.json["findings"]

    def find(self, topic, name):
        return [f for f in self.findings if f["topic"] == topic and f["name"].strip() == name]

    def one(self, topic, name):
        found = self.find(topic, name)
        if len(found) != 1:
            raise AssertionError("%d findings '%s: %s' in %s" % (
                len(found), topic, name, [(f["topic"], f["name"]) for f in self.findings]))
        return found[0]

    def can(self, name, subject=None):
        found = [c for c in self.json["capabilities"]
                 if c["id"] == name and subject in (None, c["subject"])]
        if len(found) != 1:
            raise AssertionError("%d capabilities %s" % (len(found), name))
        return found[0]["answer"], found[0]["how"]


def run(amphora, root, *arguments, **options):
    where = ["--root", root] if root else []
    return subprocess.run([amphora, "doctor", *where, *arguments], capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, **options)


def report(amphora, root, *arguments, **options):
    done = run(amphora, root, "--json", *arguments, **options)
    # what a build that measures coverage says where it may not write it, as another user
    said = [line for line in done.stderr.splitlines() if not line.startswith(b"profiling:")]
    if said:
        raise AssertionError(done.stderr)
    return Report(done)
