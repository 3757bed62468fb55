/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * /dev/amphora: buffers that a remote processor reaches, attached by user space.
 *
 * Kinds of file descriptors, each made from the one before:
 *
 *   /dev/amphora   open it once; AMPHORA_IOC_REMOTE makes a
 *   remote         one remote processor, proved by an open fd of it; AMPHORA_IOC_ATTACH and
 *                  AMPHORA_IOC_COHERENT make an
 *   attachment     one buffer that it reaches, under its own (device) addresses; and from a remote
 *                  AMPHORA_IOC_LOCK_OPEN makes a
 *   lock           one hardware spinlock that both can take
 *
 * An attachment belongs to one life (boot) of the remote processor. When that life begins to end it
 * is revoked: poll() says EPOLLHUP, and every call but AMPHORA_IOC_INFO is -ESTALE. The memory is
 * unmapped when the end is proved (AMPHORA_ATTACHMENT_PROVED). The buffer itself is a dma-buf and lives
 * on.
 *
 * The kernel does not see when the remote processor is done with a buffer. AMPHORA_IOC_RELEASE says
 * so: call it when the other side has acknowledged. A close() without it, of the last copy of the
 * fd, leaves the buffer mapped, in quarantine, until the remote processor's stop operation has
 * succeeded; a remoteproc detach leaves it running, and frees nothing.
 *
 * All structures are the same for 32-bit and 64-bit programs. Reserved members and unknown flags
 * must be 0. Results are written only when a call returns 0. Each call reads its argument once.
 */
#ifndef _UAPI_LINUX_AMPHORA_H
#define _UAPI_LINUX_AMPHORA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define AMPHORA_DEVICE	    "/dev/amphora"
#define AMPHORA_ABI_VERSION 1
#define AMPHORA_NAME_MAX    64 /* bytes, with the closing NUL */

/* What the remote processor does with the bytes. */
#define AMPHORA_DEVICE_READS  (1u << 0)
#define AMPHORA_DEVICE_WRITES (1u << 1)

/* --- /dev/amphora --- */

struct amphora_version {
	__u32 version; /* out: AMPHORA_ABI_VERSION of the module */
	__u32 reserved;
};

/*
 * proof: an open /dev/remoteprocN, or an open /dev/rpmsgN (or /dev/rpmsg_ctrlN) that lives on it.
 * Only looked at: it may be closed afterwards. Waits while it is being started or stopped. Returns
 * 0; -EBADF (no such fd), -EINVAL (flags), -ENODEV (not one of these, or it or its remote processor
 * is going away), -EBUSY (that start or stop has not ended within 20 seconds), -EINTR, -EMFILE,
 * -ENOMEM, -EFAULT.
 */
struct amphora_remote {
	__s32 proof;
	__u32 flags; /* 0 */
	__s32 fd; /* out: the remote, close-on-exec */
	__u32 reserved;
};

#define AMPHORA_IOC_VERSION _IOR(0xA8, 0x00, struct amphora_version)
#define AMPHORA_IOC_REMOTE  _IOWR(0xA8, 0x01, struct amphora_remote)

/* --- a remote ---
 * poll(): EPOLLPRI when it has started or stopped since the last AMPHORA_IOC_REMOTE_INFO of this
 * fd; EPOLLHUP when its driver is gone for good.
 */

enum amphora_state {
	AMPHORA_OFF, /* its stop operation has succeeded, or it never ran */
	AMPHORA_RUNNING,
	AMPHORA_CRASHED, /* reported, and not yet stopped */
	AMPHORA_DETACHED, /* it runs on without this kernel: nothing is proved */
	AMPHORA_GONE, /* its driver is unbound */
	AMPHORA_ENDING, /* it is being stopped or detached, or that has failed: nothing is proved */
};

#define AMPHORA_REMOTE_COHERENT (1u << 0) /* hardware keeps its view and the CPU's caches in step */
#define AMPHORA_REMOTE_IOMMU	(1u << 1) /* an IOMMU holds it to what is attached: enforced */

struct amphora_remote_info {
	__u32 index; /* remoteproc's number: /dev/remoteprocN, /sys/class/remoteproc/remoteprocN */
	__u32 state; /* enum amphora_state */
	__u32 flags; /* AMPHORA_REMOTE_* */
	__u32 address_bits; /* of a device address */
	__u32 cache_line; /* bytes; the granule of a sync where it is not coherent, else 1 */
	__u32 attachments; /* alive, of everybody */
	__u64 boots; /* which life; grows with every start or attach that the module has seen */
	__u64 quarantine_bytes; /* of this user, on all remote processors */
	__u64 quarantine_max; /* of what this user has attached and in quarantine, together */
	char name[AMPHORA_NAME_MAX];
};

/* One RPMsg device that lives on the remote processor. */
struct amphora_rpmsg {
	char name[AMPHORA_NAME_MAX]; /* the service's */
	__u32 source;
	__u32 destination;
	char device[AMPHORA_NAME_MAX]; /* in /sys/bus/rpmsg/devices */
};

/* Lists them. Returns 0 and *count even if there are more than `capacity`. -EFAULT. */
struct amphora_rpmsg_list {
	__u32 capacity; /* structures at `list` */
	__u32 count; /* out: how many there are */
	__u64 list; /* user pointer to struct amphora_rpmsg[capacity] */
};

/*
 * Attaches a dma-buf, whole, in this life of the remote processor, which must be running.
 * It waits for the buffer's fences. Returns 0; -EBADF, -EINVAL (no dma-buf; direction; flags),
 * -ENOTCONN (not running), -ENODEV (gone), -EACCES (the dma-buf fd is read-only and the direction
 * writes, or the other way round), -ERANGE (a part of the buffer has no device address that fits),
 * -EREMOTEIO (it could only be reached through a bounce buffer: a copy), -EDQUOT (with it the user
 * would have more than quarantine_max attached: all of that is in quarantine when its program
 * dies), -EOPNOTSUPP (the remote processor has an IOMMU that the module can't map into), -ETIMEDOUT
 * (a fence, for ten seconds), -EINTR, -EMFILE, -ENOMEM, -EFAULT, and the exporter's errors.
 */
struct amphora_attach {
	__s32 dmabuf;
	__u32 direction; /* AMPHORA_DEVICE_* */
	__u32 flags; /* 0 */
	__s32 fd; /* out: the attachment, close-on-exec */
};

/*
 * Allocates zeroed memory that both sides see without cache maintenance (dma_alloc_coherent of the
 * remote processor), for queues. The attachment's mmap() maps it. Released or closed as any other.
 * Returns as AMPHORA_IOC_ATTACH; -EINVAL also: size 0 or over AMPHORA_COHERENT_MAX.
 */
#define AMPHORA_COHERENT_MAX (16u << 20) /* bytes */
struct amphora_coherent {
	__u64 size; /* bytes in; out: rounded up to pages */
	__u32 flags; /* 0 */
	__s32 fd; /* out: the attachment, close-on-exec */
};

#define AMPHORA_IOC_REMOTE_INFO _IOR(0xA8, 0x10, struct amphora_remote_info)
#define AMPHORA_IOC_RPMSG_LIST	_IOWR(0xA8, 0x11, struct amphora_rpmsg_list)
#define AMPHORA_IOC_ATTACH	_IOWR(0xA8, 0x12, struct amphora_attach)
#define AMPHORA_IOC_COHERENT	_IOWR(0xA8, 0x13, struct amphora_coherent)

/*
 * One of the hardware spinlocks that the remote processor's device tree node lists (hwlocks). Any
 * number of fds may be of one lock; each is a holder of its own. Returns 0; -ENOENT (no such entry, or
 * no device tree), -ENODEV (the processor or the locks' driver is gone), -EBUSY (a driver uses it),
 * -EINVAL (flags), -EMFILE, -ENOMEM, -EFAULT.
 */
struct amphora_lock_open {
	__u32 index; /* of the entry in hwlocks */
	__u32 flags; /* 0 */
	__s32 fd; /* out: the lock, close-on-exec */
	__u32 reserved;
};

#define AMPHORA_IOC_LOCK_OPEN _IOWR(0xA8, 0x18, struct amphora_lock_open)

/* --- a lock ---
 * Held by the fd, by all its copies together. When the last copy is closed while it holds the lock (its
 * process died), the lock is released, and whoever takes it next by this interface learns once that what
 * it protects is in doubt. The other side is not told.
 */

#define AMPHORA_LOCK_IN_DOUBT (1u << 0)

/*
 * Takes it, sleeping between tries; 0 tries once. Returns 0 and *state; -ETIMEDOUT, -EDEADLK (this fd
 * holds it), -EINTR, -EINVAL (flags), -EFAULT: not taken.
 */
struct amphora_lock_take {
	__u64 timeout_ns;
	__u32 flags; /* 0 */
	__u32 state; /* out: AMPHORA_LOCK_* */
};

#define AMPHORA_IOC_LOCK_TAKE	 _IOWR(0xA8, 0x30, struct amphora_lock_take)
#define AMPHORA_IOC_LOCK_RELEASE _IO(0xA8, 0x31) /* -EPERM: this fd does not hold it */

/* --- an attachment ---
 * poll(): EPOLLHUP | EPOLLERR once it is revoked or released.
 */

#define AMPHORA_ATTACHMENT_COHERENT (1u << 0) /* no sync needed; still allowed */
#define AMPHORA_ATTACHMENT_ENFORCED (1u << 1) /* an IOMMU limits the remote to it */
#define AMPHORA_ATTACHMENT_REVOKED  (1u << 2) /* that life has ended */
#define AMPHORA_ATTACHMENT_RELEASED (1u << 3)
#define AMPHORA_ATTACHMENT_BOUNCED  (1u << 4) /* through swiotlb: the module's test switch is on */
/* Revoked, and the remote processor has been stopped since: it reaches this no more. */
#define AMPHORA_ATTACHMENT_PROVED (1u << 5)

struct amphora_attachment_info {
	__u64 size; /* bytes */
	__u32 segments;
	__u32 direction; /* AMPHORA_DEVICE_* */
	__u32 flags; /* AMPHORA_ATTACHMENT_* */
	__u32 cache_line; /* bytes; 1 where it is coherent */
	__u64 boots; /* the life it belongs to */
};

/* Device address and length, bytes; together the whole buffer, in order. Neighbours are merged. */
struct amphora_segment {
	__u64 address;
	__u64 length;
};

/* Reads segments `first` to `first + count - 1`. -EINVAL: beyond the last; -EFAULT, -ESTALE. */
struct amphora_segments {
	__u32 first;
	__u32 count;
	__u64 list; /* user pointer to struct amphora_segment[count] */
};

/*
 * Cache maintenance for a range: for the device before it is given away, for the CPU when it is
 * back. It works on the kernel's view of the memory, whole cache lines of it. DMA_BUF_IOCTL_SYNC is
 * about the CPU's access and does the same for the whole buffer: who uses this one needs not that
 * one. Returns 0; -EINVAL (empty, outside the buffer, not whole cache lines, flags), -ESTALE,
 * -EINTR (being killed).
 */
#define AMPHORA_SYNC_FOR_DEVICE (1u << 0)
#define AMPHORA_SYNC_FOR_CPU	(1u << 1)
struct amphora_sync {
	__u64 offset; /* bytes */
	__u64 length;
	__u32 flags; /* one of AMPHORA_SYNC_* */
	__u32 reserved;
};

#define AMPHORA_IOC_INFO     _IOR(0xA8, 0x20, struct amphora_attachment_info)
#define AMPHORA_IOC_SEGMENTS _IOW(0xA8, 0x21, struct amphora_segments)
#define AMPHORA_IOC_SYNC     _IOW(0xA8, 0x22, struct amphora_sync)
/*
 * The other side has acknowledged that it is done: unmaps now. -ESTALE when it was revoked or
 * released before. Memory of AMPHORA_IOC_COHERENT is freed when the last fd and mapping of it are
 * gone as well.
 */
#define AMPHORA_IOC_RELEASE _IO(0xA8, 0x23)

#endif
