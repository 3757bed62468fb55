/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pointer to the sanitizers, the same on every port.
 * Memory layer; freestanding. NULL, and never looked at on a quick way, unless the port wakes them.
 */
#include "memory/sanitize.h"

#if AMPH_SANITIZE
const struct amph_sanitize_ops *amph_sanitize_hook;
#else
/* C has no empty source file */
AMPH_STATIC_ASSERT(!AMPH_SANITIZE, "left out");
#endif
