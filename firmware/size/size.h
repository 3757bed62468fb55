/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the measured images share: where their rings and buffers lie, and how big they are.
 * The addresses are somebody's shared RAM: the images are linked, and never run.
 */
#ifndef FIRMWARE_SIZE_H
#define FIRMWARE_SIZE_H

#include <amphora/rpmsg.h>
#include <amphora/session.h>

#define SIZE_DESCRIPTORS 8u
#define SIZE_BUFFER	 512u
#define SIZE_RINGS	 0x20400000u
#define SIZE_RING	 0x400u
#define SIZE_BUFFERS	 0x20401000u
#define SIZE_WINDOW	 0x20800000u
#define SIZE_WINDOW_SIZE 0x100000u
#define SIZE_TIMEOUT_MS	 1000

/* What the image does; start.c calls it. */
void image_main(void);

/* An RPMsg device in the peer's role over the memory above. Returns 0, or what init said. */
int size_rpmsg(struct amph_rpmsg *rpmsg);

/* A session's configuration, in the peer's role; the image may add events. */
extern struct amph_session_config size_config;

/* Readies the machine, the RPMsg device, and what the configuration needs. Returns 0, or what init said. */
int size_start(void);

/* Waits for a doorbell. */
void size_sleep(void);

#endif
