/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * protected-share: a buffer that Linux cannot map is opened, attached, offered and given to the demo
 * firmware, which changes every byte of it; comes back, is released; and out of the firmware's death too.
 * Runs inside the virtual SoC. Only this test looks at the bytes, by /dev/mem.
 * usage: protected-share [ROUNDS [enforced]]     enforced: the policy wants limits that hardware enforces
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <amphora/dmabuf.h>
#include <amphora/policy.h>
#include <amphora/time.h>
#include <edge/edge.h>

#include "../probe/memory.h"
#include "../remote/life.h"

#define START	    0x5e400000 /* vsoc.dtsi */
#define SIZE	    (UINT64_C(4) << 20)
#define DA	    0x9e400000u /* where the coprocessor sees it */
#define PIECE	    EDGE_FLIP_MAX
#define CRASH_EVERY 5u

/* The coprocessor may have this, and nothing else; half of it at a time. */
static struct amph_policy_rule rules[] = {
	{.target = "*",
	 .provider = "protected",
	 .direction = AMPH_DEVICE_READS_WRITES,
	 .size_max = SIZE / 2},
};

static struct life life;
static struct amph_policy policy;
static struct amph_policy_use uses[1];
static struct amph_provider_heap heaps[2];
static struct amph_shm shm;
static struct amph_range ranges[4];
static struct amph_attachment attachment;
static struct amph_segment segments[64];
static const volatile uint8_t *physical;

static int prepare(void)
{
	char name[AMPH_HEAP_NAME_MAX];
	struct amph_why why = {0};

	if (amph_heap_find_protected(name, sizeof(name), &why) ||
	    amph_provider_heap_init(&heaps[0], "protected", name, &why) ||
	    amph_provider_heap_init(&heaps[1], "heap", "system", &why))
		return remote_fail("heaps: %s", why.what);
	if (amph_memory_add_provider(&life.memory, &heaps[0].provider) ||
	    amph_memory_add_provider(&life.memory, &heaps[1].provider))
		return remote_fail("a heap's provider is known already");
	if (amph_policy_init(&policy, rules, uses, 1, &why) ||
	    amph_memory_set_policy(&life.memory, &policy))
		return remote_fail("policy: %s", why.what ? why.what : life.memory.why.what);
	physical = memory_physical(START, SIZE);
	return physical ? 0 : -1;
}

static int expect_bytes(uint8_t value, const char *when)
{
	/* the only buffer of the heap is where that starts, whatever the coprocessor's address is */
	for (uint64_t i = 0; i < shm.size; i++)
		if (physical[i] != value)
			return remote_fail("%s: byte %llu is %#x, not %#x", when,
					   (unsigned long long)i, physical[i], value);
	return 0;
}

static int attach(void)
{
	int error = amph_shm_attach(&shm, &life.remote.target, AMPH_DEVICE_READS_WRITES,
				    AMPH_SYNC_MESSAGES, &attachment, segments, 64);

	if (error)
		return remote_fail("attach: %s: %s", strerror(-error), shm.why.what);
	if (attachment.segment_count != 1 || (!attachment.enforced && segments[0].address != DA))
		return remote_fail("%u segments, the first at %#llx", attachment.segment_count,
				   (unsigned long long)segments[0].address);
	return 0;
}

static int offer(struct amph_share **share)
{
	uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
	int error = amph_session_offer(&life.session, &attachment, 0, deadline, share);

	if (!error)
		error = amph_session_wait_share(&life.session, *share, AMPH_SHARE_ACCEPTED,
						deadline);
	return error ? remote_fail("offer: %s", strerror(-error)) : 0;
}

static int give(struct amph_share *share, uint64_t offset, uint32_t operation)
{
	int error = amph_session_give(&life.session, share, offset, PIECE, false,
				      edge_cookie(operation, 1, 1), amph_deadline(LIFE_WAIT_MS));

	return error ? remote_fail("give: %s", strerror(-error)) : 0;
}

/* Every piece is given, flipped by the firmware, and returned. */
static int flip(struct amph_share *share)
{
	for (uint64_t offset = 0; offset < shm.size; offset += PIECE) {
		uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
		int error;

		if (give(share, offset, EDGE_FLIP))
			return -1;
		if (amph_shm_check_access(&shm, offset, 1, false) != -EACCES)
			return remote_fail("what was given is still the CPU's");
		error = amph_session_wait_range(&life.session, share, offset, PIECE, true,
						deadline);
		if (error || (uint32_t)life.cookie != EDGE_OK)
			return remote_fail("return: %s, status %u", strerror(-error),
					   (uint32_t)life.cookie);
		if (amph_shm_check_access(&shm, offset, 1, true) != -ENOTSUP)
			return remote_fail("the CPU may touch protected memory");
	}
	return 0;
}

static int release(struct amph_share *share)
{
	uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
	int error = amph_session_release(&life.session, share, deadline);

	if (!error)
		error = amph_session_wait_share(&life.session, share, AMPH_SHARE_RELEASED,
						deadline);
	if (!error)
		error = amph_shm_detach(&attachment);
	return error ? remote_fail("release: %s", strerror(-error)) : 0;
}

static int expect_ours(void)
{
	if (amph_shm_check_access(&shm, 0, shm.size, true) != -ENOTSUP || shm.quarantined ||
	    shm.attachments || uses[0].size)
		return remote_fail("the buffer is not back: %s", shm.why.what);
	return 0;
}

static int work(uint8_t before)
{
	struct amph_share *share;

	return attach() || expect_bytes(before, "before") || offer(&share) || flip(share) ||
			       expect_bytes((uint8_t)~before, "after") || release(share)
		       ? -1
		       : 0;
}

static int die_with_it(void)
{
	struct amph_share *share;

	if (attach() || offer(&share) || give(share, 0, EDGE_CRASH))
		return -1;
	if (amph_shm_put(&shm) != -EBUSY)
		return remote_fail("what was given can be closed");
	return life_renew(&life, expect_ours);
}

static int open_buffer(const char *name, uint64_t size, uint32_t flags)
{
	struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};

	return amph_shm_open(&life.memory, &shm, &storage, name, size, flags)
		       ? remote_fail("%s: %s", name, shm.why.what)
		       : 0;
}

/* What the policy does not give is refused, and nothing of it is left in the kernel. */
static int expect_policy(void)
{
	static const struct {
		const char *name;
		uint64_t size;
		int error;
	} cases[] = {{"heap:a", PIECE, -EACCES}, {"protected:a", SIZE / 2 + 4096, -EDQUOT}};

	for (size_t i = 0; i < 2; i++) {
		char text[AMPH_POLICY_TEXT];

		if (open_buffer(cases[i].name, cases[i].size, 0))
			return -1;
		if (amph_shm_attach(&shm, &life.remote.target, AMPH_DEVICE_READS,
				    AMPH_SYNC_MESSAGES, &attachment, segments,
				    64) != cases[i].error)
			return remote_fail("%s is not refused", cases[i].name);
		amph_policy_explain(&policy.refusal, text, sizeof(text));
		printf("%s\n", text);
		if (amph_shm_put(&shm))
			return remote_fail("put: %s", shm.why.what);
	}
	return life_expect_nothing_attached();
}

static int round_of(uint32_t number)
{
	uint64_t size = (number % 4 + 1) * 2 * (uint64_t)PIECE;

	if (open_buffer("protected:a", size, AMPH_SHM_PROTECTED) || work(0) || work(0xff))
		return -1;
	if (number % CRASH_EVERY == CRASH_EVERY - 1 && (die_with_it() || work(0)))
		return -1;
	return amph_shm_put(&shm) ? remote_fail("put: %s", shm.why.what) : 0;
}

int main(int count, char **arguments)
{
	unsigned long rounds = count > 1 ? strtoul(arguments[1], NULL, 10) : 10;
	int descriptors = life_count_descriptors();

	if (count > 2 && !strcmp(arguments[2], "enforced"))
		rules[0].flags = AMPH_POLICY_ENFORCED;
	if (life_begin(&life) || prepare() || expect_policy())
		return 1;
	for (uint32_t i = 0; i < rounds; i++)
		if (round_of(i)) {
			remote_fail("in round %u", i);
			return 1;
		}
	if (life_end(&life) || life_expect_nothing_attached())
		return 1;
	if (life_count_descriptors() != descriptors) {
		remote_fail("%d descriptors are left", life_count_descriptors() - descriptors);
		return 1;
	}
	munmap((void *)(uintptr_t)physical, SIZE);
	printf("%lu protected buffers crossed, %lu deaths, nothing left\n", rounds,
	       rounds / CRASH_EVERY);
	return 0;
}
