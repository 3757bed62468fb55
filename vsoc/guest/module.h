/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading a kernel module. Runs inside the virtual SoC; the kernel does the rest. */
#ifndef VSOC_GUEST_MODULE_H
#define VSOC_GUEST_MODULE_H

/* Loads the module in a file. Returns 0 or -errno. */
int module_load(const char *path, const char *parameters);

#endif
