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

/* Has the life of this attachment ended, so that the processor reaches it no more? */
bool amph_remote_revoked(const struct amph_attachment *attachment);

#endif
