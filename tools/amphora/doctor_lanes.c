/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, without a board: what runs a coprocessor or a whole SoC on this machine.
 */
#include "doctor.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "without a board"

/* Whether a program is on the PATH. */
static bool installed(const char *program, char path[DOCTOR_PATH])
{
	const char *folders = getenv("PATH");

	for (const char *at = folders ? folders : "/usr/bin:/bin"; *at;) {
		size_t length = strcspn(at, ":");

		snprintf(path, DOCTOR_PATH, "%.*s/%s", (int)length, at, program);
		if (length && length < DOCTOR_PATH / 2 && !access(path, X_OK))
			return true;
		at += length + (at[length] == ':');
	}
	return false;
}

static bool look_at_program(struct doctor *doctor, const char *program, const char *package,
			    const char *what)
{
	struct doctor_finding *finding;
	char path[DOCTOR_PATH];
	bool there = installed(program, path);

	finding = doctor_find(doctor, TOPIC, program, there ? DOCTOR_OK : DOCTOR_NOTE, "%s: %s",
			      there ? path : "not installed", what);
	finding->detail = true;
	if (!there)
		snprintf(finding->remedy, DOCTOR_TEXT, "apt install %s", package);
	doctor_fact_flag(finding->facts, "there", there);
	return there;
}

/* Files that the tool finds beside itself. */
static bool look_at_files(struct doctor *doctor, const char *name, const char *const *files,
			  const char *what, const char *remedy)
{
	struct doctor_finding *finding;
	char path[4096];
	bool there = true;

	for (; *files && there; files++)
		there = !tool_find(*files, path, sizeof(path));
	finding = doctor_find(doctor, TOPIC, name, there ? DOCTOR_OK : DOCTOR_NOTE, "%s%s",
			      there ? "" : "not built: ", what);
	finding->detail = true;
	if (!there)
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
	doctor_fact_flag(finding->facts, "there", there);
	return there;
}

static void add_lane(struct doctor *doctor, const char *id, const char *what, const char *how,
		     bool programs, bool files, const char *make)
{
	/* a board has a coprocessor of its own */
	if (doctor->remote_count && !(programs && files))
		return;
	struct doctor_capability *lane =
		doctor_can(doctor, id, "", programs && files ? DOCTOR_YES : DOCTOR_NO, what);

	snprintf(lane->how, DOCTOR_TEXT, "%s",
		 programs && files ? how
		 : !programs	   ? "QEMU is not installed"
				   : make);
}

void doctor_lanes(struct doctor *doctor)
{
	static const char *const process[] = {"firmware/edge-process", NULL};
	static const char *const riscv[] = {"firmware/edge-riscv32-0.elf", NULL};
	static const char *const soc[] = {"vsoc/Image", "vsoc/vsoc.dtb", "vsoc/initramfs.cpio",
					  "firmware/edge-riscv32-vsoc.elf", NULL};
	bool arm, coprocessor, here;

	if (!doctor->live)
		return;
	coprocessor = look_at_program(doctor, "qemu-system-riscv32", "qemu-system-misc",
				      "runs riscv32 coprocessors");
	arm = look_at_program(doctor, "qemu-system-aarch64", "qemu-system-arm",
			      "runs the virtual SoC's Linux");
	here = look_at_files(doctor, "process firmware", process, "the demo firmware as a process",
			     "cmake --build build");
	add_lane(doctor, "demo-process", "run the demo, the coprocessor as a process",
		 "amphora demo --coprocessor process", true, here,
		 "its firmware is not beside this program");
	here = look_at_files(doctor, "riscv32 firmware", riscv, "the demo firmware for riscv32",
			     "apt install gcc-riscv64-unknown-elf, and build again");
	add_lane(doctor, "demo-riscv32", "run the demo, the coprocessor in QEMU",
		 "amphora demo --coprocessor riscv32", coprocessor, here,
		 "its firmware is not beside this program");
	here = look_at_files(doctor, "virtual SoC", soc,
			     "arm64 Linux and a coprocessor on one DRAM", "make vsoc");
	add_lane(doctor, "vsoc", "run the virtual SoC", "amphora vsoc -- COMMAND",
		 arm && coprocessor, here, "not built: make vsoc");
}
