/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles where there are none: no channel of this port carries any.
 * Share layer, bare metal only.
 */
#include "share/internal.h"

void amph_session_drop_handle(intptr_t handle)
{
	(void)handle;
}
