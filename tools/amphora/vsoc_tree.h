/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the launcher must know of the virtual SoC's device tree. Tool code; knows the flattened device
 * tree's format (Devicetree Specification 0.4, chapter 5).
 */
#ifndef TOOLS_VSOC_TREE_H
#define TOOLS_VSOC_TREE_H

#include <stdint.h>

/*
 * The part of the DRAM that the coprocessor sees: the only entry of dma-ranges of /coprocessor-bus
 * in the tree at `path`, in cells of 2, 2 and 2. Returns 0; -ENOENT: there is none; -EINVAL: no
 * device tree, or another form of it; or what reading the file met.
 */
int vsoc_tree_window(const char *path, uint64_t *pa, uint64_t *da, uint64_t *length);

#endif
