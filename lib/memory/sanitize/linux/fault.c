/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The touch of a protected page: who, where, whose it is; then the process ends as by any such fault.
 * Memory layer, Linux. A fault that is not of a protected page goes to whoever handled it before.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "memory/sanitize/linux/internal.h"

static struct sigaction before;

/* "write to", "read of", or "touch of" on a processor that does not say. */
static const char *kind_of(const void *context)
{
	const ucontext_t *state = context;

#if defined(__x86_64__)
	return state->uc_mcontext.gregs[REG_ERR] & 2 ? "write to" : "read of";
#elif defined(__arm__)
	return state->uc_mcontext.error_code & 0x800 ? "write to" : "read of";
#else
	(void)state;
	return "touch of";
#endif
}

static void report(const struct sanitize_buffer *buffer, const char *address, const void *context)
{
	uint64_t offset = (uint64_t)(address - buffer->va);
	const struct sanitize_give *give =
		amph_sanitize_give_of(buffer, offset < buffer->size ? offset : buffer->size - 1);
	struct sanitize_place touch;

	amph_sanitize_fault_place(&touch, context);
	amph_sanitize_report("ownership: %s %s, byte %llu of %llu, which %s %s", kind_of(context),
			     buffer->name, (unsigned long long)offset,
			     (unsigned long long)buffer->size,
			     give		? give->to
			     : buffer->imported ? "the side that opened it"
						: "another side",
			     give && give->reading ? "reads" : "owns");
	amph_sanitize_print_place("touched:", &touch);
	if (give) {
		amph_sanitize_say("  range:      bytes %llu to %llu, %s",
				  (unsigned long long)give->offset,
				  (unsigned long long)give->end - 1,
				  give->reading	 ? "shared for reading"
				  : give->passed ? "passed on"
						 : "given away");
		amph_sanitize_print_place(give->passed ? "passed:" : "given:", give->place);
	} else if (buffer->imported) {
		amph_sanitize_say("  range:      not given to this side yet");
	}
	amph_sanitize_print_place(buffer->imported ? "offered:" : "opened:", buffer->opened);
}

/* Was it a touch of a page that is protected? Another thread may have taken it back meanwhile. */
static bool is_ours(const siginfo_t *info, const void *context, bool *again)
{
	static __thread const void *last;
	struct sanitize_buffer *buffer;
	uint8_t protection = PROT_NONE;
	bool ours = false;

	*again = false;
	if (info->si_code != SEGV_ACCERR || !amph_sanitize_try_lock())
		return false;
	buffer = amph_ownership_of(info->si_addr, &protection);
	if (buffer && protection != buffer->least) {
		report(buffer, info->si_addr, context);
		ours = true;
	} else if (buffer && last != info->si_addr) {
		last = info->si_addr;
		*again = true;
	}
	amph_sanitize_unlock();
	return ours;
}

/* As if this handler was not there. */
static void go_on(int number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction)
		before.sa_sigaction(number, info, context);
	else if (!(before.sa_flags & SA_SIGINFO) && before.sa_handler != SIG_DFL &&
		 before.sa_handler != SIG_IGN)
		before.sa_handler(number);
	else
		sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int error = errno;
	bool again;

	if (is_ours(info, context, &again))
		/* the instruction faults once more, and nobody catches it */
		sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	else if (!again)
		go_on(number, info, context);
	errno = error;
}

int amph_fault_start(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	return sigaction(SIGSEGV, &action, &before) ? -errno : 0;
}
