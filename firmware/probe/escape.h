/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a hostile firmware would try, or a broken one do: for tests of what holds it.
 */
#ifndef FIRMWARE_PROBE_ESCAPE_H
#define FIRMWARE_PROBE_ESCAPE_H

#include "probe.h"

/* No interrupt is taken from now on. */
void escape_mask_interrupts(void);

/* PROBE_ESCAPE: tries it. Returns where nothing has held it. */
void escape_try(const struct probe_message *message);

#endif
