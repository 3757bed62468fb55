/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's compile-time limits, all in one place.
 * Knows nothing else. Override any of them on the compiler's command line, for the library and for
 * its users alike: amph_abi_check() finds a mismatch at initialisation.
 */
#ifndef AMPHORA_CONFIG_H
#define AMPHORA_CONFIG_H

/* Bytes of a buffer's name "provider:name", the closing NUL included. */
#ifndef AMPH_NAME_MAX
#define AMPH_NAME_MAX 48
#endif

/* Attachments of one buffer at a time; a bit each in a range's holders, bit 0 is the CPU. */
#ifndef AMPH_ATTACHMENTS_MAX
#define AMPH_ATTACHMENTS_MAX 31
#endif

/* The largest RPMsg payload, in bytes, that a share session builds or takes on the stack. */
#ifndef AMPH_MESSAGE_MAX
#define AMPH_MESSAGE_MAX 496
#endif

/*
 * Bytes in quarantine past which nothing new is attached, where the application sets nothing else
 * (quarantine_max): for one target, and for everything that was opened in one memory context. They
 * shape no structure: the library's count.
 */
#ifndef AMPH_QUARANTINE_TARGET
#define AMPH_QUARANTINE_TARGET (UINT64_C(256) << 20)
#endif
#ifndef AMPH_QUARANTINE_MEMORY
#define AMPH_QUARANTINE_MEMORY (UINT64_C(1) << 30)
#endif

/*
 * 1: the queue has a second, quicker way for whole buffers between coherent sides, for some hundred
 * bytes of code. Shapes no structure.
 */
#ifndef AMPH_QUEUE_QUICK
#ifdef __OPTIMIZE_SIZE__
#define AMPH_QUEUE_QUICK 0
#else
#define AMPH_QUEUE_QUICK 1
#endif
#endif

/*
 * 0: refusals are only their error numbers, without the reason (struct amph_why stays as it was), and
 * nothing is logged: for the smallest firmware, whose constants are then free of texts. Every check is
 * the same. Shapes no structure.
 */
#ifndef AMPH_REASONS
#define AMPH_REASONS 1
#endif

/*
 * 1: the sanitizers of docs/sanitizers.md are built in, and asleep until the environment's
 * AMPHORA_SANITIZE wakes them: at a hand-off, one pointer that is looked at on the slow way. Linux
 * only: elsewhere 1 needs a port's amph_sanitize_start(). Shapes no structure.
 */
#ifndef AMPH_SANITIZE
#if defined(__linux__) && __STDC_HOSTED__
#define AMPH_SANITIZE 1
#else
#define AMPH_SANITIZE 0
#endif
#endif

#ifdef __cplusplus
#define AMPH_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define AMPH_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

AMPH_STATIC_ASSERT(AMPH_ATTACHMENTS_MAX <= 31,
		   "a range's holders are 32 bits, one of them the CPU");
AMPH_STATIC_ASSERT(AMPH_NAME_MAX >= 16 && AMPH_NAME_MAX <= 256, "names are 16 to 256 bytes");

#endif
