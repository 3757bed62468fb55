/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles on Linux: the fd of a message that was refused is closed.
 * Share layer, Linux only.
 */
#include <unistd.h>

#include "share/internal.h"

void amph_session_drop_handle(intptr_t handle)
{
	if (handle >= 0)
		close((int)handle);
}
