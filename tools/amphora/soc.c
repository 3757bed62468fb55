/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A system on chip made of processes: one shared DRAM, a pool of buffers in it, and coprocessors.
 * Tool code; see soc.h for the address map.
 */
#include "soc.h"
#include "tool.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/elf.h>
#include <amphora/order.h>
#include <amphora/time.h>

#define POOL_GRANULE	 4096
#define CARVEOUT_GRANULE 64
#define IMAGE_MAX	 (16 * SOC_MIB)
#define HEARTBEAT_MS	 500
#define EM_RISCV	 243

static int fail(struct soc *soc, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct soc *soc, int error, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(soc->error, sizeof(soc->error), format, values);
	va_end(values);
	return error;
}

const char *coprocessor_kind_name(enum coprocessor_kind kind)
{
	return kind == COPROCESSOR_RISCV32 ? "riscv32" : "process";
}

int coprocessor_kind_parse(const char *name, enum coprocessor_kind *kind)
{
	for (int i = COPROCESSOR_RISCV32; i <= COPROCESSOR_PROCESS; i++) {
		if (strcmp(name, coprocessor_kind_name((enum coprocessor_kind)i)) != 0)
			continue;
		*kind = (enum coprocessor_kind)i;
		return 0;
	}
	return -EINVAL;
}

static const char *demo_firmware(enum coprocessor_kind kind, uint32_t index)
{
	if (kind == COPROCESSOR_PROCESS)
		return "firmware/edge-process";
	return index ? "firmware/edge-riscv32-1.elf" : "firmware/edge-riscv32-0.elf";
}

enum coprocessor_kind coprocessor_kind_default(const char **why)
{
	char path[4096];

	if (amph_rproc_qemu_find(NULL)) {
		*why = "no qemu-system-riscv32 here";
		return COPROCESSOR_PROCESS;
	}
	if (tool_find(demo_firmware(COPROCESSOR_RISCV32, 0), path, sizeof(path))) {
		*why = "no riscv32 firmware here";
		return COPROCESSOR_PROCESS;
	}
	*why = "QEMU";
	return COPROCESSOR_RISCV32;
}

/* Reads a whole image into private memory: nobody can change it between check and use. */
static int read_image(struct soc *soc, const char *path, uint8_t **image, uint64_t *size)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *bytes = malloc(IMAGE_MAX + 1);
	int status = 0;

	*size = 0;
	if (!file)
		status = fail(soc, -errno, "%s: %s", path, strerror(errno));
	else if (!bytes)
		status = fail(soc, -ENOMEM, "%s: no memory to read it", path);
	else
		*size = fread(bytes, 1, IMAGE_MAX + 1, file);
	if (!status) {
		if (ferror(file))
			status = fail(soc, -EIO, "%s: %s", path, strerror(errno));
		else if (*size > IMAGE_MAX)
			status = fail(soc, -ENOEXEC,
				      "%s: too large for a firmware: the limit is %llu "
				      "bytes",
				      path, IMAGE_MAX);
	}
	if (file)
		fclose(file);
	if (status)
		free(bytes);
	else
		*image = bytes;
	return status;
}

int coprocessor_kind_of(struct soc *soc, const char *path, enum coprocessor_kind *kind)
{
	struct amph_why why = {0};
	struct amph_elf elf;
	uint8_t *image;
	uint64_t size;
	char text[256];
	int status = read_image(soc, path, &image, &size);

	if (status)
		return status;
	status = amph_elf_open(&elf, image, size, &why);
	if (status)
		status = fail(soc, status, "%s: no firmware: %s", path,
			      tool_why(&why, status, text, sizeof(text)));
	else
		*kind = elf.machine == EM_RISCV && elf.class_bits == 32 ? COPROCESSOR_RISCV32
									: COPROCESSOR_PROCESS;
	free(image);
	return status;
}

int soc_open(struct soc *soc)
{
	uint8_t *dram;
	int status = amph_dram_create(&soc->dram, "amphora-dram", SOC_DRAM_SIZE, SOC_DRAM_PA);

	if (status)
		return fail(soc, status, "the shared DRAM of %llu MiB can't be made: %s",
			    SOC_DRAM_SIZE / SOC_MIB, strerror(-status));
	dram = soc->dram.io.va;
	status = amph_pool_init(&soc->carveout, SOC_CARVEOUT_SIZE, CARVEOUT_GRANULE,
				soc->carveout_blocks, 64);
	if (!status)
		status = amph_pool_init(&soc->pool, SOC_POOL_SIZE, POOL_GRANULE, soc->pool_blocks,
					64);
	if (!status)
		status = amph_provider_pool_init(&soc->provider, "dram", &soc->pool,
						 dram + SOC_POOL, SOC_DRAM_PA + SOC_POOL);
	if (!status)
		status = amph_memory_init(&soc->memory);
	if (!status)
		status = amph_memory_add_provider(&soc->memory, &soc->provider.provider);
	if (status) {
		amph_dram_close(&soc->dram);
		return fail(soc, status, "the pools of the DRAM: %s", strerror(-status));
	}
	return 0;
}

void soc_close(struct soc *soc)
{
	amph_dram_close(&soc->dram);
}

void coprocessor_explain(struct coprocessor *coprocessor, const char *doing, int error)
{
	const struct amph_session *session = &coprocessor->session;
	char why[256];

	if (coprocessor->rproc.state == AMPH_RPROC_CRASHED && coprocessor->rproc.message[0])
		fail(coprocessor->soc, error, "%s: coprocessor %s: %s", doing, coprocessor->name,
		     coprocessor->rproc.message);
	else
		fail(coprocessor->soc, error, "%s: coprocessor %s: %s", doing, coprocessor->name,
		     tool_why(coprocessor->shared ? &session->why : NULL, error, why, sizeof(why)));
}

static void service(void *argument, const char *name, uint32_t address, bool created)
{
	struct amph_rproc *rproc = argument;
	struct coprocessor *coprocessor = rproc->user;
	uint32_t now = created ? address : AMPH_RPMSG_ANY;

	if (!strcmp(name, AMPH_SESSION_SERVICE))
		coprocessor->share_address = now;
	else if (!strcmp(name, EDGE_CONTROL_SERVICE))
		coprocessor->control_address = now;
	if (coprocessor->on_service)
		coprocessor->on_service(coprocessor, name, address, created);
}

static void part_of_dram(const struct soc *soc, struct amph_io *part, uint64_t offset,
			 uint64_t size)
{
	uint8_t *dram = soc->dram.io.va;

	*part = (struct amph_io){dram + offset, SOC_DRAM_PA + offset, SOC_DRAM_PA + offset, size};
}

static void trace_line(struct amph_rproc *rproc, const char *line)
{
	struct coprocessor *coprocessor = rproc->user;

	if (coprocessor && coprocessor->on_trace)
		coprocessor->on_trace(coprocessor, line);
}

static int init_rproc(struct coprocessor *coprocessor, uint32_t index)
{
	struct soc *soc = coprocessor->soc;
	bool qemu = coprocessor->kind == COPROCESSOR_RISCV32;
	struct amph_rproc_config config = {
		.name = coprocessor->name,
		.map = {.windows = &coprocessor->window, .count = 1},
		.regions = coprocessor->regions,
		.region_count = 2,
		.carveout = &soc->carveout,
		.trace_line = trace_line,
		.carveout_pa = SOC_DRAM_PA + SOC_CARVEOUT,
		.features = AMPH_VIRTIO_RPMSG_F_NS | AMPH_VIRTIO_RING_F_EVENT_IDX,
	};

	/* not the other coprocessor's firmware, nor anybody's buffers */
	if (index == SOC_ALONE)
		part_of_dram(soc, &coprocessor->regions[0], 0,
			     SOC_COPROCESSORS * SOC_FIRMWARE_SIZE);
	else
		part_of_dram(soc, &coprocessor->regions[0], index * SOC_FIRMWARE_SIZE,
			     SOC_FIRMWARE_SIZE);
	part_of_dram(soc, &coprocessor->regions[1], SOC_CARVEOUT, SOC_CARVEOUT_SIZE);
	coprocessor->window =
		(struct amph_window){.pa = SOC_DRAM_PA,
				     .da = qemu ? SOC_DRAM_DA_RISCV32 : SOC_DRAM_DA_PROCESS,
				     .length = SOC_DRAM_SIZE};
	if (qemu) {
		struct amph_rproc_qemu_config machine = {.dram_fd = soc->dram.fd,
							 .dram_size = SOC_DRAM_SIZE};
		return amph_rproc_qemu_init(&coprocessor->qemu, &config, &machine);
	}
	struct amph_rproc_process_config process = {.dram_fd = soc->dram.fd,
						    .dram_size = SOC_DRAM_SIZE,
						    .dram_da = SOC_DRAM_DA_PROCESS};
	return amph_rproc_process_init(&coprocessor->process, &config, &process);
}

static int load(struct coprocessor *coprocessor)
{
	uint8_t *image;
	uint64_t size;
	char why[256];
	int status = read_image(coprocessor->soc, coprocessor->firmware, &image, &size);

	if (status)
		return status;
	status = amph_rproc_load(&coprocessor->rproc, image, size);
	free(image);
	if (status)
		return fail(coprocessor->soc, status, "%s: can't be loaded: %s",
			    coprocessor->firmware,
			    tool_why(&coprocessor->rproc.why, status, why, sizeof(why)));
	if (coprocessor->kind == COPROCESSOR_PROCESS && !coprocessor->rproc.table.size) {
		amph_rproc_stop(&coprocessor->rproc, amph_deadline(1000));
		return fail(coprocessor->soc, -ENOEXEC,
			    "%s: a program without a section .resource_table is no firmware",
			    coprocessor->firmware);
	}
	return 0;
}

/* A firmware without an RPMsg vdev is fine: it only has no messages. */
static int init_rpmsg(struct coprocessor *coprocessor)
{
	struct amph_virtqueue_slot *slots[2] = {coprocessor->slots[0], coprocessor->slots[1]};
	const struct amph_resource_vdev *vdev = coprocessor->rproc.rpmsg;
	struct amph_rpmsg_config config;

	if (!vdev)
		return 0;
	for (uint32_t i = 0; i < 2; i++)
		if (vdev->vrings[i].count > SOC_SLOTS)
			return fail(coprocessor->soc, -ENOSPC,
				    "%s: a ring of %" PRIu32 " descriptors, the limit is %d",
				    coprocessor->firmware, vdev->vrings[i].count, SOC_SLOTS);
	int status = amph_rproc_rpmsg(&coprocessor->rproc, slots, &config);
	if (!status) {
		config.service = service;
		status = amph_rpmsg_init(&coprocessor->rpmsg, &config);
	}
	if (!status)
		status = amph_rproc_rpmsg_ready(&coprocessor->rproc);
	if (status)
		return fail(coprocessor->soc, status, "%s: RPMsg can't be set up: %s",
			    coprocessor->firmware, strerror(-status));
	coprocessor->vdev = true;
	return 0;
}

int coprocessor_start(struct coprocessor *coprocessor, struct soc *soc, enum coprocessor_kind kind,
		      uint32_t index, const char *firmware, uint64_t deadline)
{
	char why[256];

	coprocessor->soc = soc;
	coprocessor->kind = kind;
	coprocessor->share_address = coprocessor->control_address = AMPH_RPMSG_ANY;
	coprocessor->vdev = coprocessor->shared = false;
	if (index == SOC_ALONE)
		snprintf(coprocessor->name, sizeof(coprocessor->name), "%s",
			 coprocessor_kind_name(kind));
	else
		snprintf(coprocessor->name, sizeof(coprocessor->name), "%s-%" PRIu32,
			 coprocessor_kind_name(kind), index);
	if (firmware)
		snprintf(coprocessor->firmware, sizeof(coprocessor->firmware), "%s", firmware);
	else if (tool_find(demo_firmware(kind, index), coprocessor->firmware,
			   sizeof(coprocessor->firmware)))
		return fail(soc, -ENOENT, "the demo's firmware %s is not installed",
			    demo_firmware(kind, index));
	int status = init_rproc(coprocessor, index);
	if (status)
		return fail(soc, status, "coprocessor %s: %s", coprocessor->name,
			    tool_why(&coprocessor->rproc.why, status, why, sizeof(why)));
	coprocessor->rproc.user = coprocessor;
	status = load(coprocessor);
	if (!status)
		status = init_rpmsg(coprocessor);
	if (!status) {
		status = amph_rproc_start(&coprocessor->rproc, deadline);
		if (status)
			coprocessor_explain(coprocessor, "power on", status);
	}
	if (status)
		amph_rproc_stop(&coprocessor->rproc, deadline);
	return status;
}

static int wait_for_service(struct coprocessor *coprocessor, uint64_t deadline)
{
	if (!coprocessor->vdev)
		return fail(coprocessor->soc, -ENOTSUP, "%s: a firmware without RPMsg",
			    coprocessor->firmware);
	while (coprocessor->share_address == AMPH_RPMSG_ANY ||
	       coprocessor->control_address == AMPH_RPMSG_ANY) {
		int status = amph_rpmsg_poll_wait(&coprocessor->rpmsg, deadline);

		if (status < 0) {
			coprocessor_explain(coprocessor,
					    "waiting for the services amphora-share and "
					    "amphora-control",
					    status);
			return status;
		}
	}
	return 0;
}

static void take_answer(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
			uint32_t source, void *argument)
{
	struct coprocessor *coprocessor = argument;

	(void)endpoint;
	(void)source;
	if (length != sizeof(coprocessor->answer))
		return; /* not an answer */
	amph_copy_from_shared(&coprocessor->answer, data, sizeof(coprocessor->answer));
	coprocessor->answers++;
}

int coprocessor_command(struct coprocessor *coprocessor, uint32_t command, uint32_t width,
			uint32_t height, uint32_t argument, uint64_t deadline)
{
	struct edge_control control = {command, width, height, argument};
	int status = amph_rpmsg_send(&coprocessor->control, &control, sizeof(control), deadline);

	if (status)
		coprocessor_explain(coprocessor, "sending a command", status);
	return status;
}

static int open_channels(struct coprocessor *coprocessor, uint64_t deadline)
{
	int status = amph_channel_rpmsg_init(&coprocessor->channel, &coprocessor->rpmsg,
					     AMPH_SESSION_SERVICE, AMPH_RPMSG_ANY,
					     coprocessor->share_address, false, deadline);
	if (!status)
		status = amph_rpmsg_endpoint_create(&coprocessor->rpmsg, &coprocessor->control,
						    EDGE_CONTROL_SERVICE, AMPH_RPMSG_ANY,
						    coprocessor->control_address, take_answer,
						    coprocessor, false, deadline);
	if (status)
		coprocessor_explain(coprocessor, "making endpoints", status);
	return status;
}

int coprocessor_share(struct coprocessor *coprocessor, const struct amph_session_events *events,
		      uint64_t quota, void *user, uint64_t deadline)
{
	struct amph_map map = {.windows = &coprocessor->window, .count = 1};
	struct amph_why why = {0};
	int status = wait_for_service(coprocessor, deadline);

	if (!status)
		status = open_channels(coprocessor, deadline);
	if (status)
		return status;
	tap_init(&coprocessor->tap, &coprocessor->channel.channel);
	status = amph_target_map_init(&coprocessor->target, coprocessor->name, &map, &why);
	if (status)
		return fail(coprocessor->soc, status, "the address map of %s: %s",
			    coprocessor->name, why.what);
	coprocessor->target.target.address_bits = 32;
	struct amph_session_config config = {
		.role = AMPH_SESSION_MAIN,
		.channel = &coprocessor->tap.channel,
		.memory = &coprocessor->soc->memory,
		.target = &coprocessor->target.target,
		.nonce = tool_nonce(),
		.shares = coprocessor->shares,
		.share_max = SOC_SHARES,
		.segments = coprocessor->segments,
		.segments_per_share = 1,
		.ranges = coprocessor->ranges,
		.ranges_per_share = SOC_RANGES,
		.events = events,
		.heartbeat_ms = HEARTBEAT_MS,
		.quota = quota,
		.user = user,
	};
	status = amph_session_init(&coprocessor->session, &config);
	coprocessor->shared = true;
	if (!status)
		status = amph_session_open(&coprocessor->session, deadline);
	if (status)
		coprocessor_explain(coprocessor, "opening a share session", status);
	return status;
}

int coprocessor_stop(struct coprocessor *coprocessor, uint64_t deadline)
{
	char why[256];
	int closed = 0;

	if (coprocessor->shared && coprocessor->session.state == AMPH_SESSION_OPEN &&
	    coprocessor->rproc.state == AMPH_RPROC_RUNNING) {
		closed = amph_session_close(&coprocessor->session, deadline);
		if (closed)
			coprocessor_explain(coprocessor, "closing the session", closed);
	}
	if (coprocessor->vdev)
		amph_rpmsg_close(&coprocessor->rpmsg);
	int status = amph_rproc_stop(&coprocessor->rproc, deadline);
	if (status)
		return fail(coprocessor->soc, status, "coprocessor %s can't be stopped: %s",
			    coprocessor->name,
			    tool_why(&coprocessor->rproc.why, status, why, sizeof(why)));
	if (coprocessor->shared)
		amph_target_off(&coprocessor->target.target);
	coprocessor->vdev = coprocessor->shared = false;
	return closed;
}

bool coprocessor_ended_well(const struct coprocessor *coprocessor)
{
	const struct amph_child *child = coprocessor->kind == COPROCESSOR_RISCV32
						 ? &coprocessor->qemu.child
						 : &coprocessor->process.child;

	return child->status_code == CLD_EXITED && !child->status_value;
}
