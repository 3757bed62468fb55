/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Probe: what the probe firmware and those who use it agree on. For kernel code, programs and
 * firmware; needs no other header of the firmware.
 *
 * The probe firmware is a test instrument: it reads and writes the shared DRAM where it is told to,
 * and does not ask whether it may. It announces two services that do the same, PROBE_SERVICE and
 * PROBE_SAMPLE_SERVICE; each message is a struct probe_message, and each answer, to who sent it,
 * a struct probe_answer. Messages of another length are not answered. All is little-endian.
 *
 * A buffer is a list of segments in device addresses. Lists have numbers, which everybody who uses
 * the firmware at once agrees on; a list is there until it is replaced or the firmware ends.
 */
#ifndef FIRMWARE_PROBE_H
#define FIRMWARE_PROBE_H

#ifdef __KERNEL__
#include <linux/types.h>
typedef __le32 probe32;
typedef __le64 probe64;
#else
#include <stdint.h>
typedef uint32_t probe32;
typedef uint64_t probe64;
#endif

#define PROBE_SERVICE	     "amphora-probe"
#define PROBE_SAMPLE_SERVICE "amphora-sample"
#define PROBE_LISTS	     16u
#define PROBE_SEGMENTS_MAX   32768u /* of one list */
#define PROBE_SEGMENTS	     27u /* in one message */
#define PROBE_PAGE	     4096u
#define PROBE_SWEEP_STEP     65536u

enum probe_command {
	PROBE_STATUS = 0, /* nothing but an answer */
	/*
	 * Adds `count` segments to a list; `first`: how many it has already. 0 empties it before.
	 * Refused with PROBE_BUSY while the list is worked on or scribbled over.
	 */
	PROBE_LIST = 1,
	/* On `length` bytes from `offset` of a list's buffer, both multiples of 4: */
	PROBE_CHECKSUM = 2, /* answers probe_sum() over its words */
	PROBE_VERIFY = 3, /* compares with probe_pattern(seed, offset): PROBE_OK or PROBE_WRONG */
	PROBE_FILL = 4, /* writes that pattern */
	/*
	 * Writes a struct probe_mark at the start of each page of a list, over and over, whatever
	 * happens to the RPMsg device, until PROBE_STOP_SCRIBBLE or the power is off.
	 */
	PROBE_SCRIBBLE = 5,
	PROBE_STOP_SCRIBBLE = 6,
	PROBE_CRASH = 7, /* traps; no answer; with an argument, after so many milliseconds */
	PROBE_HANG = 8, /* serves no message any more; argument: PROBE_HANG_ bits; no answer */
	PROBE_EXIT = 9, /* ends in good order with exit code `argument`; no answer */
	PROBE_RING = 10, /* with argument 1, rings both doorbells over and over, whatever happens */
	/*
	 * Adds 1 to the word that is segments[0], `length` times, each under the hardware lock `argument`;
	 * one at a time. PROBE_BUSY: it was not to be had.
	 */
	PROBE_COUNT = 11,
	PROBE_HOLD = 12, /* takes the hardware lock `argument` and keeps it until its end */
	PROBE_ESCAPE = 13, /* does what an IOMMU must not let it do: enum probe_escape */
};

#define PROBE_HANG_SCRIBBLE 1u /* it goes on scribbling */
#define PROBE_HANG_MASKED   2u /* it takes no interrupt */

/* Each answers only where nothing has held it. */
enum probe_escape {
	PROBE_ESCAPE_SATP = 0, /* leaves its page tables */
	PROBE_ESCAPE_SFENCE = 1,
	PROBE_ESCAPE_DELEGATE = 2, /* takes its faults itself */
	PROBE_ESCAPE_HOST = 3, /* semihosting */
	PROBE_ESCAPE_FAULTS =
		4, /* holds nothing: touches address 0 over and over, whatever traps */
	PROBE_ESCAPE_RUN = 5, /* writes a return to `offset`, a device address, and calls it */
	/*
	 * Reads a word in every PROBE_SWEEP_STEP bytes of `length` from the device address `offset` on, and
	 * writes into its trace how many of them did not trap: "probe: swept: COUNT TRIED"
	 */
	PROBE_ESCAPE_SWEEP = 6,
};

enum probe_status {
	PROBE_OK = 0,
	PROBE_WRONG = 1, /* `wrong` words differ; the first: `address`, `expected`, `found` */
	PROBE_BAD = 2, /* list, range or segment: not there, not whole words, not in the DRAM */
	PROBE_BUSY = 3,
	PROBE_UNKNOWN = 4, /* command */
};

struct probe_segment {
	probe64 address; /* da */
	probe64 length; /* bytes; both multiples of 4 */
};

struct probe_message {
	probe32 command;
	probe32 tag; /* comes back in the answer */
	probe32 list;
	probe32 seed; /* of the pattern, or of the marks */
	probe64 offset;
	probe64 length;
	probe32 first;
	probe32 count;
	probe32 argument;
	probe32 reserved;
	struct probe_segment segments[PROBE_SEGMENTS];
};

#define PROBE_ANSWER 0x80000000u

struct probe_answer {
	probe32 command; /* with PROBE_ANSWER */
	probe32 tag;
	probe32 status; /* enum probe_status */
	probe32 checksum;
	probe64 marks; /* written since the firmware started */
	probe64 wrong;
	probe64 address; /* da */
	probe32 expected;
	probe32 found;
};

#define PROBE_MARK 0x5c71bb1eu

struct probe_mark {
	probe32 magic; /* PROBE_MARK */
	probe32 seed;
	probe32 address; /* da of this mark: one that was copied elsewhere is told apart */
	probe32 count; /* grows */
};

/* The pattern's word at an offset of a buffer. */
static inline uint32_t probe_pattern(uint32_t seed, uint64_t offset)
{
	uint32_t word = seed * 0x9e3779b1u + (uint32_t)(offset >> 2);

	word = (word ^ word >> 16) * 0x7feb352du;
	return word ^ word >> 15;
}

/* A checksum, word by word from 0, in which the order counts. */
static inline uint32_t probe_sum(uint32_t sum, uint32_t word)
{
	return (sum << 5 | sum >> 27) + word;
}

#endif
