/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policy in a file: the table of policy.h as text, one rule a line. docs/policy.md has the grammar.
 * Memory layer; reading text is freestanding, reading a file is Linux's.
 */
#ifndef AMPHORA_POLICY_FILE_H
#define AMPHORA_POLICY_FILE_H

#include <stdint.h>

#include <amphora/policy.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the policy of a system is. */
#define AMPH_POLICY_PATH "/etc/amphora/policy"

/* What the caller lends a policy that is read, for as long as the policy lives. */
struct amph_policy_storage {
	struct amph_policy_rule *rules;
	struct amph_policy_use *uses; /* of each rule */
	uint32_t rule_max;
	char *text; /* the file, and a byte more; the rules' names stay in it */
	uint32_t text_size;
};

/* Why a text is no policy, as one line: 'PATH:7: "bufers=2": no such word; there are ...'. */
struct amph_policy_error {
	uint32_t line; /* 0: not about one */
	char text[256]; /* cut where it is longer; ended by a 0 */
};

/*
 * Makes a policy of storage->text[length], which it changes. name: the text's, for messages. Returns 0;
 * -EINVAL (some line is no rule), -ENOSPC (more rules than rule_max), with *error; -EPROTO (built with other
 * limits). Any thread.
 */
int amph_policy_parse_checked(struct amph_policy *policy, const struct amph_policy_storage *storage,
			      uint32_t length, const char *name, struct amph_policy_error *error,
			      uint32_t abi, uint32_t size);
static inline int amph_policy_parse(struct amph_policy *policy,
				    const struct amph_policy_storage *storage, uint32_t length,
				    const char *name, struct amph_policy_error *error)
{
	return amph_policy_parse_checked(policy, storage, length, name, error, AMPH_ABI,
					 (uint32_t)sizeof(*policy));
}

/*
 * Linux: the same of a file; path NULL: AMPH_POLICY_PATH. The file must be a regular one, of root's or of
 * the user that this process runs as, and nobody else may write it. Whoever can write the folders above
 * it can put another there: that is the system's to see to. Read once; a file that changes later is read
 * by who reads it anew.
 * Returns as amph_policy_parse(); -ENOENT (no such file: without a policy or not at all, the application
 * decides), -EACCES (not this user's to read, or others can write it), -EFBIG (larger than
 * text_size - 1), -EINVAL (no regular file), and the errors of open() and read(); *error says which.
 */
int amph_policy_read_checked(struct amph_policy *policy, const struct amph_policy_storage *storage,
			     const char *path, struct amph_policy_error *error, uint32_t abi,
			     uint32_t size);
static inline int amph_policy_read(struct amph_policy *policy,
				   const struct amph_policy_storage *storage, const char *path,
				   struct amph_policy_error *error)
{
	return amph_policy_read_checked(policy, storage, path, error, AMPH_ABI,
					(uint32_t)sizeof(*policy));
}

#ifdef __cplusplus
}
#endif

#endif
