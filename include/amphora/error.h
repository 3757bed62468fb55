/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors: 0 or a negative errno, and the reason behind one.
 * Knows the limits, and the C library's errno numbers, and brings Linux's where there is no C library.
 * Error numbers never travel on the wire: protocols have codes of their own.
 */
#ifndef AMPHORA_ERROR_H
#define AMPHORA_ERROR_H

#include <stdint.h>

#include <amphora/config.h>

#if defined(__has_include)
#if __has_include(<errno.h>)
#include <errno.h>
#endif
#endif

#ifndef EPERM
#define EPERM 1
#endif
#ifndef ENOENT
#define ENOENT 2
#endif
#ifndef EIO
#define EIO 5
#endif
#ifndef EBADF
#define EBADF 9
#endif
#ifndef EAGAIN
#define EAGAIN 11
#endif
#ifndef ENOMEM
#define ENOMEM 12
#endif
#ifndef EACCES
#define EACCES 13
#endif
#ifndef EFAULT
#define EFAULT 14
#endif
#ifndef EBUSY
#define EBUSY 16
#endif
#ifndef EEXIST
#define EEXIST 17
#endif
#ifndef ENODEV
#define ENODEV 19
#endif
#ifndef EINVAL
#define EINVAL 22
#endif
#ifndef EFBIG
#define EFBIG 27
#endif
#ifndef ENOSPC
#define ENOSPC 28
#endif
#ifndef EROFS
#define EROFS 30
#endif
#ifndef EPIPE
#define EPIPE 32
#endif
#ifndef ERANGE
#define ERANGE 34
#endif
#ifndef EDEADLK
#define EDEADLK 35
#endif
#ifndef ENAMETOOLONG
#define ENAMETOOLONG 36
#endif
#ifndef ENOEXEC
#define ENOEXEC 8
#endif
#ifndef EPROTO
#define EPROTO 71
#endif
#ifndef EBADMSG
#define EBADMSG 74
#endif
#ifndef EOVERFLOW
#define EOVERFLOW 75
#endif
#ifndef EMSGSIZE
#define EMSGSIZE 90
#endif
#ifndef ENOTSUP
#define ENOTSUP 95
#endif
#ifndef EADDRINUSE
#define EADDRINUSE 98
#endif
#ifndef ECONNRESET
#define ECONNRESET 104
#endif
#ifndef ENOTCONN
#define ENOTCONN 107
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT 110
#endif
#ifndef ECONNREFUSED
#define ECONNREFUSED 111
#endif
#ifndef EALREADY
#define EALREADY 114
#endif
#ifndef EINPROGRESS
#define EINPROGRESS 115
#endif
#ifndef ESTALE
#define ESTALE 116
#endif
#ifndef EDQUOT
#define EDQUOT 122
#endif
#ifndef EOWNERDEAD
#define EOWNERDEAD 130
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Why a call was refused: what was wrong, the value that was wrong, and the limit it missed.
 * `what` is a static English text, or NULL where nothing was refused yet, or reasons are not kept
 * (AMPH_REASONS).
 */
struct amph_why {
	const char *what;
	uint64_t value;
	uint64_t limit;
};

/*
 * Writes a reason and gives back the error, so that a check is one line:
 * `return amph_refuse(&shm->why, -EINVAL, "the offset is not a multiple of the granule", o, g);`
 * why: may be NULL. Any context.
 */
static inline int amph_refuse(struct amph_why *why, int error, const char *what, uint64_t value,
			      uint64_t limit)
{
#if AMPH_REASONS
	if (why) {
		why->what = what;
		why->value = value;
		why->limit = limit;
	}
#else
	(void)why;
	(void)what;
	(void)value;
	(void)limit;
#endif
	return error;
}

/* The same for a reason that somebody else has written: *cause is also why the caller is refused. */
static inline int amph_refuse_as(struct amph_why *why, int error, const struct amph_why *cause)
{
#if AMPH_REASONS
	*why = *cause;
#else
	(void)why;
	(void)cause;
#endif
	return error;
}

#ifdef __cplusplus
}
#endif

#endif
