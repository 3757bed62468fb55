/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The firmware's resource table: one RPMsg device, its message buffers, and a trace buffer.
 * The layout is remoteproc's (version 1). The loader reads it from the image, places what has no
 * address, and writes the answers into the copy in the processor's memory.
 */
#ifndef FIRMWARE_TABLE_H
#define FIRMWARE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <amphora/config.h>
#include <amphora/resource_table.h>

#define TABLE_DESCRIPTORS 64 /* of each ring */
#define TABLE_BUFFER_SIZE 512 /* Linux's */
#define TABLE_ALIGN	  64 /* avail and used have different writers: different lines */
#define TABLE_TRACE_SIZE  16384
#define TABLE_FEATURES	  (AMPH_VIRTIO_RPMSG_F_NS | AMPH_VIRTIO_RING_F_EVENT_IDX)

struct table {
	uint32_t version;
	uint32_t count;
	uint32_t reserved[2];
	uint32_t offset[3];
	struct {
		uint32_t type, da, pa, length, flags, reserved;
		char name[AMPH_RESOURCE_NAME];
	} buffers; /* da and pa: loader. Descriptors carry pa, this processor sees da */
	struct {
		uint32_t type, da, length, reserved;
		char name[AMPH_RESOURCE_NAME];
	} trace; /* da: loader, where it is AMPH_RESOURCE_ANY in the image */
	struct {
		uint32_t type, id;
		uint32_t notify_id; /* loader */
		uint32_t device_features;
		uint32_t driver_features; /* main processor, before DRIVER_OK */
		uint32_t config_length;
		uint32_t status; /* low byte: main processor. Next byte: how many rings */
	} vdev;
	struct {
		uint32_t da; /* loader */
		uint32_t align, count;
		uint32_t notify_id; /* loader */
		uint32_t pa;
	} vrings[2];
};

AMPH_STATIC_ASSERT(offsetof(struct table, vrings) == 28 + 56 + 48 + 28, "entries have no gaps");
AMPH_STATIC_ASSERT(sizeof(struct table) == 28 + 56 + 48 + 28 + 2 * 20, "nothing follows the rings");

/* The table of an image whose trace buffer is at `trace_da`, or AMPH_RESOURCE_ANY. */
#define TABLE_INITIALIZER(trace_da)                                                        \
	{                                                                                  \
		.version = 1, .count = 3,                                                  \
		.offset = {offsetof(struct table, buffers), offsetof(struct table, trace), \
			   offsetof(struct table, vdev)},                                  \
		.buffers = {.type = AMPH_RESOURCE_CARVEOUT,                                \
			    .da = AMPH_RESOURCE_ANY,                                       \
			    .pa = AMPH_RESOURCE_ANY,                                       \
			    .length = 2 * TABLE_DESCRIPTORS * TABLE_BUFFER_SIZE,           \
			    .name = "vdev0buffer"},                                        \
		.trace = {.type = AMPH_RESOURCE_TRACE,                                     \
			  .da = (trace_da),                                                \
			  .length = TABLE_TRACE_SIZE,                                      \
			  .name = "trace"},                                                \
		.vdev = {.type = AMPH_RESOURCE_VDEV,                                       \
			 .id = AMPH_VIRTIO_ID_RPMSG,                                       \
			 .device_features = TABLE_FEATURES,                                \
			 .status = 2u << 8},                                               \
		.vrings = {{.da = AMPH_RESOURCE_ANY,                                       \
			    .align = TABLE_ALIGN,                                          \
			    .count = TABLE_DESCRIPTORS,                                    \
			    .notify_id = 0,                                                \
			    .pa = AMPH_RESOURCE_ANY},                                      \
			   {.da = AMPH_RESOURCE_ANY,                                       \
			    .align = TABLE_ALIGN,                                          \
			    .count = TABLE_DESCRIPTORS,                                    \
			    .notify_id = 1,                                                \
			    .pa = AMPH_RESOURCE_ANY}},                                     \
	}

#endif
