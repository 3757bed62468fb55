/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that may have been built with other limits than the library.
 * Test code; CMakeLists.txt builds it once with the library's limits and once with each of them
 * changed. Prints what every initialisation says: "ours" or "refused".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <amphora/channel.h>
#include <amphora/error.h>
#include <amphora/pool.h>
#include <amphora/remote.h>
#include <amphora/remote_ti.h>
#include <amphora/remoteproc.h>
#include <amphora/rpmsg_service.h>
#include <amphora/rproc_linux.h>
#include <amphora/session.h>
#include <amphora/shm.h>
#include <amphora/target.h>

/* Large enough for each structure, whoever's limits it has. */
static _Alignas(16) unsigned char storage[65536];

/* Configurations with nothing in them: what is not refused for its stamp is refused for that. */
static const struct amph_session_config session;
static const struct amph_rpmsg_config rpmsg;
static const struct amph_rproc_config rproc;
static const struct amph_rproc_qemu_config qemu;
static const struct amph_rproc_process_config process;
static const struct amph_map map;
static struct amph_rpmsg closed = {.device = {.fault = -ENOTCONN}};

static bool ours = true, refused = true;

/* result: of this program's own initialisation; other_size: with a size that is not the library's. */
static void judge(const char *name, int result, bool written, int other_size, bool written_then)
{
	ours = ours && result != -EPROTO;
	refused = refused && result == -EPROTO && !written;
	if (other_size != -EPROTO || written_then) {
		printf("%s: a structure of another size: %d%s\n", name, other_size,
		       written_then ? ", and it was written to" : "");
		ours = refused = false;
	}
	if (!ours && !refused)
		printf("%s: %d%s\n", name, result, written ? ", and it was written to" : "");
}

/* The structures may differ in size: where the program is refused, not a byte may be written. */
static bool touched(void)
{
	for (size_t i = 0; i < sizeof(storage); i++)
		if (storage[i])
			return true;
	return false;
}

/* The structure's type without "struct amph_", the call without it, and what it takes. */
#define INITIALISE(type, call, ...)                                            \
	do {                                                                   \
		struct amph_##type *it = (struct amph_##type *)storage;        \
		int result, other_size;                                        \
		bool written;                                                  \
                                                                               \
		_Static_assert(sizeof(*it) + 8 <= sizeof(storage), "storage"); \
		memset(storage, 0, sizeof(storage));                           \
		result = amph_##call(it __VA_ARGS__);                          \
		written = touched();                                           \
		memset(storage, 0, sizeof(storage));                           \
		other_size = amph_##call##_checked(it __VA_ARGS__, AMPH_ABI,   \
						   (uint32_t)sizeof(*it) + 8); \
		judge(#call, result, written, other_size, touched());          \
	} while (0)

#define WITH ,

int main(void)
{
	INITIALISE(memory, memory_init);
	INITIALISE(session, session_init, WITH & session);
	INITIALISE(rpmsg, rpmsg_init_main, WITH & rpmsg);
	INITIALISE(rpmsg, rpmsg_init_peer, WITH & rpmsg);
	INITIALISE(rproc, rproc_init, WITH & rproc);
	INITIALISE(rproc_qemu, rproc_qemu_init, WITH & rproc WITH & qemu);
	INITIALISE(rproc_process, rproc_process_init, WITH & rproc WITH & process);
	INITIALISE(pool, pool_init, WITH 0 WITH 0 WITH NULL WITH 0);
	INITIALISE(provider_pool, provider_pool_init, WITH NULL WITH NULL WITH NULL WITH 0);
	INITIALISE(target_map, target_map_init, WITH "map" WITH & map WITH NULL);
	INITIALISE(remote, remote_open, WITH - 1 WITH NULL);
	INITIALISE(remote_ti, remote_ti_init, WITH "limits" WITH UINT32_MAX WITH NULL);
	INITIALISE(remoteproc, remoteproc_open, WITH UINT32_MAX WITH NULL);
	INITIALISE(rpmsg_service, rpmsg_service_open,
		   WITH UINT32_MAX WITH "limits" WITH 0 WITH NULL);
	INITIALISE(channel_socket, channel_socket_init, WITH - 1);
	INITIALISE(channel_rpmsg_device, channel_rpmsg_device_init, WITH - 1);
	INITIALISE(channel_rpmsg, channel_rpmsg_init,
		   WITH & closed WITH "limits" WITH 1 WITH 2 WITH false WITH 0);

	if (!ours && !refused)
		return 1;
	puts(ours ? "ours" : "refused");
	return 0;
}
