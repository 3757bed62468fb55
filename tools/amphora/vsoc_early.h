/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The coprocessor's early start: before Linux, as a board's boot loader does it. Tool code; knows the
 * bridge, and an ELF image's segments and resource table, which it leaves for Linux to fill in.
 */
#ifndef TOOLS_VSOC_EARLY_H
#define TOOLS_VSOC_EARLY_H

#include "vsoc_bridge.h"

/*
 * Loads the image at `path` into the DRAM, and powers the coprocessor on. Linux's driver finds it
 * running. Returns 0, or -errno after a message.
 */
int vsoc_early_start(struct vsoc_bridge *bridge, const char *path);

#endif
