/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzer: RPMsg's main side (virtio's driver) against a peer side that lies. See support/rpmsg_fuzz.h.
 */
#include "support/rpmsg_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_rpmsg(data, size, AMPH_RPMSG_MAIN);
}
