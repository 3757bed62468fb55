/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share session: offer, accept, give, return, pass, request and release of buffers over a channel.
 * Share layer; freestanding; joins the memory layer and a channel. docs/protocol.md is the wire.
 *
 * One thread at a time for one session, its memory context and its channel. Callbacks run inside
 * amph_session_poll() and the waiting calls; they may call anything here but those.
 */
#ifndef AMPHORA_SESSION_H
#define AMPHORA_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/attachment.h>
#include <amphora/channel.h>
#include <amphora/error.h>
#include <amphora/io.h>
#include <amphora/shm.h>
#include <amphora/target.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_SESSION_SERVICE "amphora-share" /* the RPMsg service name */

/* Requests of one side that may be unanswered at a time. */
#define AMPH_SESSION_REQUESTS 4

/*
 * Milliseconds that all answers within one amph_session_poll() may wait for room together, before the
 * session is lost: a call ends this much after its deadline at the latest, whatever the other side
 * sends and however slowly it reads. (What arrives while another session of the same device is
 * polled is charged too; the own poll starts anew.)
 */
#define AMPH_SESSION_ANSWER_MS 1000

/* Silent heartbeats of the other side after which it is lost. */
#define AMPH_SESSION_HEARTBEATS 4

/* The main side brings the entropy; a peer without any echoes it. */
enum amph_session_role { AMPH_SESSION_MAIN, AMPH_SESSION_PEER };

enum amph_session_state {
	AMPH_SESSION_IDLE, /* not started */
	AMPH_SESSION_GREETING, /* hello sent, nothing else counts yet */
	AMPH_SESSION_OPEN,
	AMPH_SESSION_CLOSING, /* goodbye sent, waiting for the other's */
	AMPH_SESSION_CLOSED, /* orderly end: everything was released */
	AMPH_SESSION_LOST /* broken: session->why says how */
};

enum amph_share_state {
	AMPH_SHARE_FREE,
	AMPH_SHARE_OFFERED, /* home: sent. importer: segments still arriving */
	AMPH_SHARE_ACCEPTED, /* ranges may be given and returned */
	AMPH_SHARE_RELEASING, /* release sent, no acknowledgement yet */
	AMPH_SHARE_RELEASED, /* acknowledged: the slot is free again after the callback */
	AMPH_SHARE_REFUSED /* error says why: the slot is free again after the callback */
};

struct amph_session;
struct amph_share;
struct amph_session_path;

/*
 * Plug-in: another way for gives and returns than messages, for shares that were attached for it
 * (amph_shm_attach(): method). queue.h is one. All of it runs in the session's thread.
 */
struct amph_session_path_ops {
	/* Tells of a range that has changed hands: as amph_channel_send(). -ENOTCONN: the path is not open. */
	int (*send)(struct amph_session_path *path, const struct amph_share *share, uint64_t offset,
		    uint64_t length, uint64_t cookie, bool reading, uint64_t deadline);
	/* Takes what came and tells `taken`. Returns how many, 0 for none; never waits. */
	int (*poll)(struct amph_session_path *path);
	/*
	 * going: this side will sleep on the channel, so the other side wakes it by a heartbeat. False: do
	 * not, there is something to take. Not going: it is awake again.
	 */
	bool (*sleep)(struct amph_session_path *path, bool going);
	/* Waits until the other side has taken everything that was sent: 0, -ETIMEDOUT, ... */
	int (*flush)(struct amph_session_path *path, uint64_t deadline);
	/* Its share is being released; or, not closing, goes on after all. 0, -EBUSY: something is out. */
	int (*close)(struct amph_session_path *path, bool closing);
	/* Its share, or the session, is gone: the memory is not touched any more. */
	void (*closed)(struct amph_session_path *path);
	/* A message went out: the other side may wait at the path and not look at the channel. */
	void (*said)(struct amph_session_path *path);
	/* Has the other side done anything since this was asked last? It counts as a sign of life. */
	bool (*moved)(struct amph_session_path *path);
};

struct amph_session_path {
	const struct amph_session_path_ops *ops;
	struct amph_share *share; /* the memory that it lives in; NULL: not set up yet */
	bool open; /* both sides have it */
	/* Importer: the home gave this memory for the path (or binds it). 0, or -errno: it is refused. */
	int (*set_up)(struct amph_session_path *path, struct amph_share *share, uint64_t offset,
		      uint64_t length, uint64_t cookie);
};

/* A pass that waits for its range; in the share of the side that has it first. */
struct amph_share_pass {
	/* set by amph_session_pass(), so that who never passes does not link it */
	int (*returned)(struct amph_session *session, struct amph_share *share, uint64_t offset,
			uint64_t length);
	struct amph_session *to;
	struct amph_share *to_share;
	uint32_t to_generation;
	uint64_t offset, length;
	uint64_t left; /* bytes of it not yet returned */
	uint64_t cookie;
};

/*
 * One buffer in a session. home: this side opened it; else it was offered to this side.
 * What is used most comes first, where small processors reach it by short instructions.
 */
struct amph_share {
	enum amph_share_state state;
	bool home;
	bool accepted; /* while releasing: it was before */
	bool displaced; /* an import that is not in the slot of its handle */
	enum amph_sync_method method; /* how gives and returns are told */
	uint32_t handle; /* on the wire; chosen by the home side, not 0 */
	uint32_t generation; /* of the handle */
	struct amph_attachment *attachment; /* home: to the peer. importer: to the home */
	struct amph_shm *shm;
	uint64_t size; /* bytes */
	uint32_t flags; /* AMPH_SHM_* */
	uint32_t direction; /* AMPH_DEVICE_*: what this side may do */
	uint32_t granule;
	uint32_t request; /* the request that it answers, or 0 */
	int error; /* why it was refused: -errno */
	void *va; /* NULL: not mapped, or not in one piece */
	void *user; /* the application's */
	/* importer only: what was offered, and storage for it */
	intptr_t fd; /* what came with the offer, until the window hook has it; else -1 */
	struct amph_segment *segments; /* this side's device addresses; lent at init */
	struct amph_range *ranges;
	uint32_t segments_expected, segments_received;
	uint64_t size_received; /* bytes of the segments so far */
	char name[AMPH_NAME_MAX];
	struct amph_shm import_shm;
	struct amph_attachment import_attachment;
	/* home only */
	struct amph_share_pass pass;
	uint64_t granted_size; /* bytes of the quota */
};

/* What a peer asks for, or is granted. */
struct amph_session_request {
	uint32_t id; /* answered with it */
	uint64_t size; /* bytes */
	uint32_t flags; /* AMPH_SHM_* */
	uint32_t direction; /* AMPH_DEVICE_* of the one who asks */
	char name[AMPH_NAME_MAX]; /* "provider:name" wanted; may be empty */
};

/* All optional unless noted. Return values as said; -errno becomes the refusal's reason. */
struct amph_session_events {
	/* Offered to us, complete and mapped: 0 accepts (default), -errno refuses. */
	int (*offered)(struct amph_session *session, struct amph_share *share);
	/* What we offered was accepted, or refused (share->error; the slot is free afterwards). */
	void (*answered)(struct amph_session *session, struct amph_share *share);
	/* A range is this side's now: given (importer) or returned (home). */
	void (*taken)(struct amph_session *session, struct amph_share *share, uint64_t offset,
		      uint64_t length, bool reading, uint64_t cookie);
	/* The release is acknowledged, or the home withdrew it: the attachment and va are gone after. */
	void (*released)(struct amph_session *session, struct amph_share *share);
	/* The peer asks for memory: 0 when an offer with this request id follows, -errno refuses. */
	int (*requested)(struct amph_session *session, const struct amph_session_request *request);
	/* Our request: error 0 and the accepted share, or -errno and NULL. */
	void (*granted)(struct amph_session *session, uint32_t request, struct amph_share *share,
			int error);
	/*
	 * The other side refused a hand-off of ours: error says why. Home: the range is the CPU's
	 * again. Importer: it is still this side's after -ENOSPC or -EBUSY, else it was never.
	 */
	void (*undone)(struct amph_session *session, struct amph_share *share, uint64_t offset,
		       uint64_t length, int error);
	/* Importer: when this range is returned, it goes on to another processor. */
	void (*passing)(struct amph_session *session, struct amph_share *share, uint64_t offset,
			uint64_t length, uint64_t cookie);
	/*
	 * Home: a range (or a piece of it) that was passed from this share was returned and given
	 * to the other (error 0), or is the CPU's, because of error. When the other side refused to
	 * have it, or returned it in another piece (-ERANGE: the range is then that of the pass), the
	 * pass is over: what else that side has of it comes by `taken`.
	 */
	void (*passed)(struct amph_session *session, struct amph_share *share, uint64_t offset,
		       uint64_t length, uint64_t cookie, int error);
	/*
	 * The session is closed or lost (session->state). Shares can be looked at until the return;
	 * then imports are unmapped and closed, and every slot is free.
	 */
	void (*ended)(struct amph_session *session);
};

/*
 * The window hook: makes offered segments (this side's device addresses) reachable, or refuses.
 * handle: an fd that came with the offer (the hook owns it), or -1. Returns 0 and *va, or -errno
 * (-ERANGE outside the windows, -ENOSPC no window left, ...). *va NULL: reachable, but not in one
 * piece.
 */
struct amph_session_windows {
	int (*map)(void *argument, const struct amph_segment *segments, uint32_t count,
		   uint64_t size, uint32_t direction, intptr_t handle, void **va);
	void (*unmap)(void *argument, void *va, uint64_t size);
	void *argument;
};

struct amph_session_config {
	enum amph_session_role role;
	bool handles; /* offers carry the buffer's fd: the target is a process, the channel a socket */
	struct amph_channel *channel;
	const struct amph_session_events *events;
	struct amph_share *shares; /* slots for all buffers of the session, both directions */
	uint32_t share_max;
	struct amph_memory *memory;
	struct amph_target *target; /* who the other side is: what home buffers are attached to */
	uint32_t heartbeat_ms; /* sends this often; the peer is lost after four of its own silent */
	struct amph_segment *segments; /* import storage: segments_per_share for each slot */
	uint32_t segments_per_share;
	struct amph_range *ranges; /* import storage: ranges_per_share for each slot */
	uint32_t ranges_per_share;
	struct amph_session_windows windows;
	/* imports: what the home's side is like for the CPU's caches */
	const struct amph_cache_ops *cache;
	/* this side's largest line, told to the peer; 0 or 1: coherent, and -EINVAL with `cache` */
	uint32_t cache_line;
	uint64_t nonce; /* main: random, never 0. peer: its boot count or clock */
	uint64_t quota; /* bytes that the peer's requests may hold at once; 0: none */
	void *user;
};

/* A request that waits for its answer. */
struct amph_session_pending {
	uint32_t id; /* 0: none */
	uint64_t size; /* the peer's: bytes reserved of the quota */
};

struct wire_message;
struct wire_reject;
struct amph_session_main;
struct amph_session_home;

/* Takes a received message, and may answer in its place. Returns the reason to refuse it, 0 for none. */
typedef uint32_t (*amph_session_receiver)(struct amph_session *session,
					  struct wire_message *message);

struct amph_session {
	enum amph_session_state state;
	bool polling, closing;
	int error; /* what ended it: -errno, 0 after an orderly close */
	uint32_t sent, received; /* sequence numbers */
	uint32_t version;
	uint32_t peer_cache_line, peer_heartbeat_ms;
	struct amph_session_path *path; /* NULL: hand-offs are messages */
	struct amph_session_path *locks; /* NULL: none are by locks; session_lock.h */
	/* each set by the call that makes it possible, so that who never calls it does not link it */
	const struct amph_session_main *main; /* amph_session_init(), in the main's role */
	amph_session_receiver requested; /* amph_session_init() */
	const struct amph_session_home *offers; /* amph_session_offer() */
	/* amph_session_return(), amph_session_release(): takes the other side's refusal */
	void (*import_rejected)(struct amph_session *session, const struct wire_reject *reject);
	/* amph_session_request(): was it asked, and not answered yet? */
	bool (*answered)(struct amph_session *session, uint32_t request, struct amph_share *share,
			 int error);
	struct amph_session_config config;
	uint64_t epoch, peer_epoch;
	uint64_t heard, beat; /* times of the last message in and out */
	uint64_t answer_left; /* nanoseconds that answers may still wait for room */
	struct amph_target home; /* the other side as the home of imports */
	struct amph_why why;
	struct {
		uint64_t received; /* messages, refused ones included */
		uint64_t rejected; /* of them, refused */
		uint64_t stale; /* of those, stamped for or by another life */
	} count;
	uint32_t message_max; /* bytes that both sides and the channel can take */
	uint32_t next_generation, next_request;
	uint32_t freed; /* counts the shares that ended */
	uint32_t displaced; /* imports that are not in the slot of their handle */
	uint32_t next_slot; /* all before it are taken */
	uint32_t fork_generation; /* of the process that initialised it */
	uint64_t granted_size; /* bytes of the quota in use, reserved ones included */
	struct amph_session_pending asked[AMPH_SESSION_REQUESTS]; /* by this side */
	struct amph_session_pending wanted[AMPH_SESSION_REQUESTS]; /* by the peer */
};

/*
 * In a child of the process that initialised it, every call on a session returns -EPERM and leaves
 * the session, its channel and its memory alone; amph_session_lose() does nothing.
 */

/* Prepares a session; sends nothing. Returns 0, -EINVAL and session->why, -EPROTO (ABI). */
int amph_session_init_checked(struct amph_session *session,
			      const struct amph_session_config *config, uint32_t abi,
			      uint32_t size);
static inline int amph_session_init(struct amph_session *session,
				    const struct amph_session_config *config)
{
	return amph_session_init_checked(session, config, AMPH_ABI, (uint32_t)sizeof(*session));
}

/*
 * The same for firmware that is the peer, whatever config->role says, and has nothing to grant: every
 * request of the other side is refused, and `requested` is never called. Links less.
 */
int amph_session_init_peer_checked(struct amph_session *session,
				   const struct amph_session_config *config, uint32_t abi,
				   uint32_t size);
static inline int amph_session_init_peer(struct amph_session *session,
					 const struct amph_session_config *config)
{
	return amph_session_init_peer_checked(session, config, AMPH_ABI,
					      (uint32_t)sizeof(*session));
}

/* Main: greets and waits until the session is open. Peer: waits for the greeting. 0, -ETIMEDOUT, ... */
int amph_session_open(struct amph_session *session, uint64_t deadline);

/*
 * Handles input until the deadline or until at least one message came, sends heartbeats when due,
 * and declares the peer lost when it was silent for too long, or left no room for answers (see
 * AMPH_SESSION_ANSWER_MS). Returns the number of messages, -ETIMEDOUT, or the error that ended the
 * session (-EPIPE for silence and for no room, never -ETIMEDOUT).
 */
int amph_session_poll(struct amph_session *session, uint64_t deadline);

/*
 * Offers an attached buffer. request: the id of a request it answers, else 0.
 * Returns 0 and *share (state OFFERED; the answer comes by `answered`), -ENOSPC (slots), -ENOTCONN,
 * -EBUSY (that attachment is offered already), -EINVAL (attached to another target), -ENOENT (no such
 * request), -EDQUOT (larger than what was requested, and past the quota), -ENOTSUP (a way to sync that
 * the other side does not know; or no fd to send), -ENAMETOOLONG (63 characters), -EPERM (the session is
 * closing), -ETIMEDOUT. The caller keeps shm and attachment alive until released or refused.
 * When only a part of a long segment list could be sent by the deadline, the session is lost.
 */
int amph_session_offer(struct amph_session *session, struct amph_attachment *attachment,
		       uint32_t request, uint64_t deadline, struct amph_share **share);

/*
 * Hands a range to the other side: the home gives, the importer returns. Syncs caches and the
 * ownership record, then tells. cookie comes out at the other side's `taken`. reading: shared.
 * A share that was attached with AMPH_SYNC_QUEUE goes through the session's queue (queue.h), others by
 * message. Errors as amph_shm_sync_for_device(), -EBUSY (a pass from this share waits for some of the
 * bytes), and those of the channel or the queue (-ENOTCONN: it is not open): nothing changed hands then.
 */
int amph_session_give(struct amph_session *session, struct amph_share *share, uint64_t offset,
		      uint64_t length, bool reading, uint64_t cookie, uint64_t deadline);
int amph_session_return(struct amph_session *session, struct amph_share *share, uint64_t offset,
			uint64_t length, uint64_t cookie, uint64_t deadline);

/*
 * Home only: moves a range from the first session's peer to the second's. What the first holds goes
 * without the CPU's caches: it is asked to return it onward, and the second is given it when it does;
 * `taken` is not called on the way. What the first has returned is the CPU's already, invalidated
 * then, and is given to the second like anything else.
 * Errors as give; -EBUSY: a pass from the first waits already, or one from the second for some of
 * these bytes.
 */
int amph_session_pass(struct amph_session *from, struct amph_share *share, struct amph_session *to,
		      struct amph_share *to_share, uint64_t offset, uint64_t length,
		      uint64_t cookie, uint64_t deadline);

/*
 * Either side: ends the sharing of one buffer, when every range is back; `released` follows. The home
 * may also withdraw an offer that was not answered yet. Returns 0, -EBUSY (ranges are out, or a pass
 * from it waits), -EPERM (not offered, or releasing already), and the channel's errors.
 * A release that the other side refuses (it holds a range that crossed it) leaves it accepted.
 */
int amph_session_release(struct amph_session *session, struct amph_share *share, uint64_t deadline);

/*
 * Asks the other side for memory; `granted` follows. Returns 0 and *request, -EINVAL (size, name,
 * direction), -ENOSPC (AMPH_SESSION_REQUESTS wait already), and the channel's errors.
 */
int amph_session_request(struct amph_session *session, const struct amph_session_request *wanted,
			 uint64_t deadline, uint32_t *request);

/*
 * Answers a request, to which `requested` said 0, with a refusal after all. Returns 0, -ENOENT (no
 * such request waits), and the channel's errors.
 */
int amph_session_deny(struct amph_session *session, uint32_t request, int error, uint64_t deadline);

/* Releases all, says goodbye and waits for the other's. Returns 0, -EBUSY (ranges are out), -ETIMEDOUT. */
int amph_session_close(struct amph_session *session, uint64_t deadline);

/* Declares the peer lost: its target too (memory goes into quarantine); imports are unmapped. */
void amph_session_lose(struct amph_session *session, int error, const char *what);

/* Waits, polling, until the share is in that state or past it. 0, share->error, -ETIMEDOUT, ... */
int amph_session_wait_share(struct amph_session *session, struct amph_share *share,
			    enum amph_share_state state, uint64_t deadline);

/* Waits, polling, until the CPU owns the range, protected or not. 0, -ETIMEDOUT, or the error that ended the session. */
int amph_session_wait_range(struct amph_session *session, struct amph_share *share, uint64_t offset,
			    uint64_t length, bool write, uint64_t deadline);

/* --- ready window hooks --- */

/*
 * Address maps: segments must lie in regions that the integrator allows (da, size, va). A buffer of
 * several segments has a va only when they follow each other at one stretch of va.
 */
struct amph_windows_map {
	const struct amph_io *regions; /* the caller's */
	uint32_t count;
};

/* Fills in the hook; map and regions stay the caller's and must outlive the session. */
void amph_windows_map_init(struct amph_session_windows *windows, struct amph_windows_map *map,
			   const struct amph_io *regions, uint32_t count);

/*
 * Processes (Linux): maps the fd that came with the offer, read-only where this side only reads;
 * refuses memory that can still shrink (-EPERM) and segments that are not one stretch of it.
 */
void amph_windows_process_init(struct amph_session_windows *windows);

#ifdef __cplusplus
}
#endif

#endif
