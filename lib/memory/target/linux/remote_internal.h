/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the target "remote" share. Memory layer, Linux, private.
 */
#ifndef AMPH_MEMORY_LINUX_REMOTE_INTERNAL_H
#define AMPH_MEMORY_LINUX_REMOTE_INTERNAL_H

#include <amphora/remote.h>

#include "memory/target/linux/module.h"

/* Takes over what the kernel says of a life: its number, and what the processor is like. */
void amph_remote_learn(struct amph_remote *remote, const struct amphora_remote_info *info);

/* The file of a buffer's own memory, if that is coherent memory of this remote's; else -1. */
int amph_remote_memory_of(const struct amph_remote *remote, const struct amph_shm *shm);

/* Has the processor been stopped since the life of this attachment? What is revoked may still be on. */
bool amph_remote_reaches_no_more(const struct amph_attachment *attachment);

#endif
