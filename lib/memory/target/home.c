/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "home": how an importer sees the side that opened the buffer.
 * Memory layer; freestanding. amph_shm_import() attaches to it; nothing else can.
 */
#include <amphora/target.h>

static int home_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	return amph_refuse(&attachment->shm->why, -ENOTSUP,
			   "buffers come from a home, they are not attached to one", 0, 0);
}

static void home_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	(void)attachment;
}

static const struct amph_target_ops home_ops = {.attach = home_attach, .detach = home_detach};

void amph_target_home_init(struct amph_target *target, const char *name)
{
	*target = (struct amph_target){
		.name = name, .ops = &home_ops, .address_bits = 64, .coherent = true};
}
