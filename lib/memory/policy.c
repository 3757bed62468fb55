/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policy: who may have which memory, by a table of rules.
 * Memory layer; freestanding; linked only where a policy is made. Asked before a buffer becomes
 * reachable; keeps count of what is, until it no longer is.
 */
#include <amphora/log.h>
#include <amphora/policy.h>
#include <amphora/provider.h>

#include "memory/internal.h"

#define EVERY_FLAG (AMPH_POLICY_ENFORCED | AMPH_POLICY_NO_PASS)

/* What the policy says of one wish. */
struct judgement {
	enum amph_policy_reason reason;
	uint32_t rule; /* number, from 1 */
	uint64_t value, limit;
};

/* Does the pattern stand for this name, or for everything that this other pattern stands for? */
static bool covers(const char *pattern, const char *name)
{
	while (*pattern && *pattern != '*') {
		if (*pattern++ != *name++)
			return false;
	}
	return *pattern || !*name;
}

static struct judgement judge(const struct amph_policy *policy, const char *target,
			      const char *provider, uint64_t size, uint32_t direction)
{
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct amph_policy_rule *rule = &policy->rules[i];
		const struct amph_policy_use *use = &policy->uses[i];
		struct judgement said = {.rule = i + 1};

		if (!covers(rule->target, target) || !covers(rule->provider, provider))
			continue;
		if (direction & ~rule->direction) {
			said.reason = rule->direction ? AMPH_POLICY_DIRECTION : AMPH_POLICY_DENIES;
			said.value = direction;
			said.limit = rule->direction;
		} else if (rule->count_max && use->count >= rule->count_max) {
			said.reason = AMPH_POLICY_COUNT;
			said.value = (uint64_t)use->count + 1;
			said.limit = rule->count_max;
		} else if (rule->size_max && size > rule->size_max - use->size) {
			said.reason = AMPH_POLICY_SIZE;
			said.value = size > UINT64_MAX - use->size ? UINT64_MAX : use->size + size;
			said.limit = rule->size_max;
		}
		return said;
	}
	return (struct judgement){.reason = AMPH_POLICY_HAS_NO_RULE, .value = direction};
}

static void copy_name(char to[AMPH_NAME_MAX], const char *from)
{
	uint32_t i = 0;

	for (; i < AMPH_NAME_MAX - 1 && from[i]; i++)
		to[i] = from[i];
	to[i] = 0;
}

/* Logs the first, second, fourth, eighth ... of them. */
static void count_refusal(struct amph_policy *policy)
{
	const struct amph_policy_refusal *refusal = &policy->refusal;
	uint32_t *count = refusal->rule ? &policy->uses[refusal->rule - 1].refusals
					: &policy->refusals;

	if (*count == UINT32_MAX)
		return;
	++*count;
#if AMPH_REASONS
	if (!(*count & (*count - 1))) {
		char text[AMPH_POLICY_TEXT];

		amph_policy_explain(refusal, text, sizeof(text));
		amph_log(AMPH_LOG_WARNING, text, refusal->value, refusal->limit);
	}
#endif
}

/* Keeps, counts and logs a refusal; *why gets a text without names. */
static int refuse(struct amph_policy *policy, const struct judgement *said, const char *target,
		  const char *provider, struct amph_why *why)
{
#if AMPH_REASONS
	static const char *const texts[] = {
		[AMPH_POLICY_HAS_NO_RULE] = "no rule of the policy names this target with this "
					    "provider",
		[AMPH_POLICY_DENIES] = "the policy denies this target this provider's memory",
		[AMPH_POLICY_DIRECTION] = "the policy does not allow this direction",
		[AMPH_POLICY_SIZE] = "more bytes attached at once than the policy allows",
		[AMPH_POLICY_COUNT] = "more buffers attached at once than the policy allows",
		[AMPH_POLICY_NOT_ENFORCED] = "the policy wants limits that hardware enforces",
		[AMPH_POLICY_PASSED_ON] = "the policy wants bytes for this target to come from the "
					  "CPU",
	};
	const char *text = texts[said->reason];
#else
	const char *text = NULL;
#endif
	bool quota = said->reason == AMPH_POLICY_SIZE || said->reason == AMPH_POLICY_COUNT;

	policy->refusal = (struct amph_policy_refusal){
		.reason = said->reason,
		.rule = said->rule,
		.line = said->rule ? policy->rules[said->rule - 1].line : 0,
		.value = said->value,
		.limit = said->limit,
	};
	copy_name(policy->refusal.target, target);
	copy_name(policy->refusal.provider, provider);
	count_refusal(policy);
	return amph_refuse(why, quota ? -EDQUOT : -EACCES, text, said->value, said->limit);
}

/* --- the buffers of a context --- */

static const char *target_name(const struct amph_target *target)
{
	return target && target->name ? target->name : "";
}

/* An import's own name is another side's word. */
static const char *provider_name(const struct amph_shm *shm)
{
	return shm->provider ? shm->provider->name : AMPH_POLICY_OFFERED;
}

static int refuse_attachment(const struct amph_attachment *attachment, const struct judgement *said)
{
	struct amph_shm *shm = attachment->shm;

	return refuse(shm->memory->policy, said, target_name(attachment->target),
		      provider_name(shm), &shm->why);
}

static int attach(struct amph_attachment *attachment)
{
	const struct amph_shm *shm = attachment->shm;
	struct judgement said = judge(shm->memory->policy, target_name(attachment->target),
				      provider_name(shm), shm->size, attachment->direction);

	if (said.reason)
		return refuse_attachment(attachment, &said);
	attachment->rule = said.rule;
	return 0;
}

static int attached(struct amph_attachment *attachment)
{
	const struct amph_policy *policy = attachment->shm->memory->policy;
	struct amph_policy_use *use = &policy->uses[attachment->rule - 1];

	if (policy->rules[attachment->rule - 1].flags & AMPH_POLICY_ENFORCED &&
	    !attachment->enforced) {
		const struct judgement said = {
			.reason = AMPH_POLICY_NOT_ENFORCED, .rule = attachment->rule, .limit = 1};

		return refuse_attachment(attachment, &said);
	}
	use->size += attachment->shm->size;
	use->count++;
	return 0;
}

static int import(struct amph_attachment *attachment)
{
	int error = attach(attachment);

	return error ? error : attached(attachment);
}

static void ended(struct amph_attachment *attachment)
{
	struct amph_policy_use *use = &attachment->shm->memory->policy->uses[attachment->rule - 1];

	use->size -= attachment->shm->size;
	use->count--;
	attachment->rule = 0;
}

static int pass(const struct amph_attachment *to)
{
	const struct amph_policy *policy = to->shm->memory->policy;
	const struct judgement said = {.reason = AMPH_POLICY_PASSED_ON, .rule = to->rule};

	if (policy->rules[to->rule - 1].flags & AMPH_POLICY_NO_PASS)
		return refuse_attachment(to, &said);
	return 0;
}

/* Which of two refusals says more: a limit that may pass is more than what is never allowed. */
static bool says_more(const struct judgement *a, const struct judgement *b)
{
	bool a_passes = a->reason == AMPH_POLICY_SIZE || a->reason == AMPH_POLICY_COUNT;
	bool b_passes = b->reason == AMPH_POLICY_SIZE || b->reason == AMPH_POLICY_COUNT;

	return a_passes && !b_passes;
}

/* The best that the target would be told of any provider that is known here. */
static struct judgement judge_any(const struct amph_memory *memory, const char *target,
				  uint64_t size, uint32_t direction)
{
	/* what the application opens by an fd is of no provider in the list */
	struct judgement best = judge(memory->policy, target, "import", size, direction);

	for (const struct amph_provider *p = memory->providers; p && best.reason; p = p->next) {
		struct judgement said = judge(memory->policy, target, p->name, size, direction);

		if (!said.reason || says_more(&said, &best))
			best = said;
	}
	return best;
}

static int request(struct amph_memory *memory, const struct amph_target *target, const char *name,
		   uint64_t size, uint32_t direction)
{
	char provider[AMPH_NAME_MAX];
	struct judgement said;
	uint32_t length = 0;

	while (name[length] && name[length] != ':' && length < AMPH_NAME_MAX - 1)
		length++;
	if (name[length] == ':')
		copy_name(provider, name);
	else
		length = 0; /* a name without a provider's */
	provider[length] = 0;
	if (length)
		said = judge(memory->policy, target_name(target), provider, size, direction);
	else
		said = judge_any(memory, target_name(target), size, direction);
	if (!said.reason)
		return 0;
	return refuse(memory->policy, &said, target_name(target), provider, &memory->why);
}

static const struct amph_policy_ops ops = {
	.attach = attach,
	.attached = attached,
	.import = import,
	.ended = ended,
	.pass = pass,
	.request = request,
};

/* --- the table --- */

static int check_name(const char *name, uint32_t rule, struct amph_why *why)
{
	if (!name || !*name)
		return amph_refuse(why, -EINVAL, "a rule names a target and a provider", rule, 0);
	for (; *name; name++)
		if (*name == '*' && name[1])
			return amph_refuse(why, -EINVAL,
					   "\"*\" stands for the rest of a name, at its end", rule,
					   0);
	return 0;
}

static int check_rule(const struct amph_policy_rule *rules, uint32_t i, struct amph_why *why)
{
	const struct amph_policy_rule *rule = &rules[i];
	int error = check_name(rule->target, i + 1, why);

	if (!error)
		error = check_name(rule->provider, i + 1, why);
	if (error)
		return error;
	if (rule->direction & ~AMPH_DEVICE_READS_WRITES)
		return amph_refuse(why, -EINVAL, "a rule's direction is neither read nor write",
				   i + 1, AMPH_DEVICE_READS_WRITES);
	if (rule->flags & ~EVERY_FLAG)
		return amph_refuse(why, -EINVAL, "a rule has an unknown flag", i + 1, EVERY_FLAG);
	if (!rule->direction && (rule->flags || rule->size_max || rule->count_max))
		return amph_refuse(why, -EINVAL, "a rule limits what it does not allow", i + 1, 0);
	for (uint32_t j = 0; j < i; j++)
		if (covers(rules[j].target, rule->target) &&
		    covers(rules[j].provider, rule->provider))
			return amph_refuse(why, -EINVAL,
					   "a rule is never reached: one before it names as much",
					   i + 1, j + 1);
	return 0;
}

int amph_policy_init_checked(struct amph_policy *policy, const struct amph_policy_rule *rules,
			     struct amph_policy_use *uses, uint32_t rule_count,
			     struct amph_why *why, uint32_t abi, uint32_t size)
{
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*policy));

	if (error)
		return error;
	if (rule_count && (!rules || !uses))
		return amph_refuse(why, -EINVAL, "no rules, or no storage for their use",
				   rule_count, 0);
	for (uint32_t i = 0; i < rule_count; i++) {
		error = check_rule(rules, i, why);
		if (error)
			return error;
	}
	for (uint32_t i = 0; i < rule_count; i++)
		uses[i] = (struct amph_policy_use){0};
	*policy = (struct amph_policy){
		.ops = &ops, .rules = rules, .uses = uses, .rule_count = rule_count};
	return 0;
}

int amph_memory_set_policy(struct amph_memory *memory, struct amph_policy *policy)
{
	if (amph_memory_forked(memory))
		return amph_memory_refuse_child(memory, &memory->why);
	if (memory->buffers || memory->quarantine_size)
		return amph_refuse(&memory->why, -EBUSY,
				   "a policy is set before the first buffer is open",
				   memory->quarantine_size, 0);
	if (policy && policy->memory && policy->memory != memory)
		return amph_refuse(&memory->why, -EBUSY, "the policy is another context's", 0, 0);
	if (memory->policy)
		memory->policy->memory = NULL;
	if (policy)
		policy->memory = memory;
	memory->policy = policy;
	return 0;
}
