/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policy: which target may have which provider's memory, how, and how much of it at once.
 * Memory layer; freestanding: a table of the integrator's; policy_file.h reads one from a file (Linux).
 * Asked wherever a buffer is made reachable: attach, import, pass, and a peer's request for memory.
 *
 * A memory context without a policy lets everybody have everything. One with a policy lets nobody have
 * what no rule gives. The first rule that names both the target and the provider decides; those after
 * it are not looked at.
 *
 * One thread at a time for a policy and the context that it is set in. Nothing allocates.
 */
#ifndef AMPHORA_POLICY_H
#define AMPHORA_POLICY_H

#include <stdint.h>

#include <amphora/attachment.h>
#include <amphora/config.h>
#include <amphora/error.h>
#include <amphora/shm.h>
#include <amphora/target.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The provider's name in rules about buffers that the other side has opened and offers to this one. */
#define AMPH_POLICY_OFFERED "offered"

/* Flags of a rule. */
#define AMPH_POLICY_ENFORCED 0x1u /* only where hardware holds the target to what it is given */
#define AMPH_POLICY_NO_PASS  0x2u /* bytes come from the CPU, never straight from another target */

/*
 * One rule. Names are those of struct amph_target and struct amph_provider; "*" as their last character
 * stands for any rest. The target of a buffer that was offered to this side is the one of the session.
 *
 * direction: what the side that did not open the buffer may do with it, AMPH_DEVICE_*; 0: nothing. Of
 * buffers that this side opens the target reads or writes; of those that it is offered this side does.
 * The limits are the rule's: everything that is attached by it counts, whoever the target is; a buffer
 * that is attached to two targets counts twice. What is in quarantine counts until its end.
 */
struct amph_policy_rule {
	const char *target;
	const char *provider;
	uint32_t direction;
	uint32_t flags; /* AMPH_POLICY_* */
	uint64_t size_max; /* bytes attached at once; 0: no limit */
	uint32_t count_max; /* buffers attached at once; 0: no limit */
	uint32_t line; /* where the rule is written, for messages; 0: in a table */
};

/* What is attached by one rule, and how often it has refused. */
struct amph_policy_use {
	uint64_t size; /* bytes */
	uint32_t count;
	uint32_t refusals; /* the highest value stays */
};

enum amph_policy_reason {
	AMPH_POLICY_ALLOWS,
	AMPH_POLICY_HAS_NO_RULE, /* that names both */
	AMPH_POLICY_DENIES, /* direction 0 */
	AMPH_POLICY_DIRECTION,
	AMPH_POLICY_SIZE,
	AMPH_POLICY_COUNT,
	AMPH_POLICY_NOT_ENFORCED,
	AMPH_POLICY_PASSED_ON
};

/* Why something was refused. Names longer than there is room are cut. */
struct amph_policy_refusal {
	enum amph_policy_reason reason;
	uint32_t rule; /* its number, from 1; 0: none */
	uint32_t line; /* the rule's */
	uint64_t value; /* what would be: bytes, buffers, or a direction */
	uint64_t limit; /* what may be */
	char target[AMPH_NAME_MAX];
	char provider[AMPH_NAME_MAX]; /* empty: any, for a request that names none */
};

struct amph_policy_ops;

/* Made by amph_policy_init(); the caller reads uses and refusal. */
struct amph_policy {
	const struct amph_policy_ops *ops;
	const struct amph_policy_rule *rules;
	struct amph_policy_use *uses; /* of each rule */
	uint32_t rule_count;
	uint32_t refusals; /* of what no rule names; the highest value stays */
	struct amph_memory *memory; /* where it is set; NULL: nowhere */
	struct amph_policy_refusal refusal; /* the last one */
};

/*
 * Makes a policy of a table. rules, and uses (one for each rule), are lent for as long as the policy
 * lives. No rule at all lets nobody have anything. Returns 0; -EINVAL and *why (may be NULL): a rule
 * without a name, with "*" elsewhere than at a name's end, with an unknown direction or flag, with
 * limits or flags but no direction, or one that is never reached because one before it names the same
 * or more: value is the rule's number from 1, and limit the other's; -EPROTO (built with other limits).
 */
int amph_policy_init_checked(struct amph_policy *policy, const struct amph_policy_rule *rules,
			     struct amph_policy_use *uses, uint32_t rule_count,
			     struct amph_why *why, uint32_t abi, uint32_t size);
static inline int amph_policy_init(struct amph_policy *policy, const struct amph_policy_rule *rules,
				   struct amph_policy_use *uses, uint32_t rule_count,
				   struct amph_why *why)
{
	return amph_policy_init_checked(policy, rules, uses, rule_count, why, AMPH_ABI,
					(uint32_t)sizeof(*policy));
}

/*
 * Sets the policy of everything that is opened and imported in `memory` from now on; NULL: none. It
 * must outlive its use. From then on:
 *  - amph_shm_attach(), amph_shm_import(): -EACCES (no rule, not this direction, limits that are not
 *    enforced), -EDQUOT (a rule's bytes or buffers); nothing is attached then;
 *  - amph_shm_pass(), amph_shm_may_pass(), amph_session_pass(): -EACCES to a target with NO_PASS;
 *  - a peer's request for memory is refused the same before the application is asked. One that names
 *    no provider is refused when no provider that is known here could be given.
 * Each refusal is in policy->refusal. It is logged as a warning at a rule's first, second, fourth,
 * eighth ... refusal, so that a peer that asks without end does not fill the log.
 * Returns 0; -EBUSY while a buffer is open in the context, or in quarantine, or the policy is set in
 * another context; -EPERM in a child of the process that made the context; the reason in memory->why.
 */
int amph_memory_set_policy(struct amph_memory *memory, struct amph_policy *policy);

/*
 * Writes the refusal as one line without an end of line, cut to size - 1 bytes and ended by a 0: 'target
 * "dsp", provider "heap": rule 2 lets 1048576 bytes be attached at once, this would make 2097152'.
 * size: at least 1; AMPH_POLICY_TEXT is enough for all.
 */
void amph_policy_explain(const struct amph_policy_refusal *refusal, char *text, uint32_t size);
#define AMPH_POLICY_TEXT (2 * AMPH_NAME_MAX + 176)

/* How the memory and share layers ask a policy; a context without one does not link it. */
struct amph_policy_ops {
	/* Before the target is asked. 0 and attachment->rule, or the refusal in shm->why. */
	int (*attach)(struct amph_attachment *attachment);
	/* It is about to be entered in the lists: charges it, or refuses. */
	int (*attached)(struct amph_attachment *attachment);
	/* Both at once, where there is no target to ask. */
	int (*import)(struct amph_attachment *attachment);
	/* It leaves the lists: gives back. */
	void (*ended)(struct amph_attachment *attachment);
	int (*pass)(const struct amph_attachment *to);
	/* name: "provider:name", or empty; it ends. */
	int (*request)(struct amph_memory *memory, const struct amph_target *target,
		       const char *name, uint64_t size, uint32_t direction);
};

#ifdef __cplusplus
}
#endif

#endif
