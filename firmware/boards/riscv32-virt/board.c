/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Board: QEMU's riscv32 `virt` machine. Its DRAM is shared with the main processor; its one UART,
 * a socket on the outside, is the doorbell both ways: a byte is a notify id.
 */
#include <amphora/error.h>
#include <amphora/event.h>
#include <amphora/irq.h>
#include <amphora/machine.h>

#include "../../common/board.h"
#include "../../common/trace.h"

#define UART_IRQ     10u
#define UART_DATA    0
#define UART_IER     1 /* interrupt enable: 1 received data */
#define UART_IIR_FCR 2 /* read: identifies and clears. write: FIFO control */
#define UART_LSR     5 /* line status: 1 data ready, 0x20 room to send */

const struct amph_machine amph_machine = {
	.timer_hz = 10000000,
	.irq_count = 96,
	.mtime = 0x0200bff8,
	.mtimecmp = 0x02004000,
	.plic = 0x0c000000,
	.plic_context = 0, /* hart 0, machine mode */
	.cache_block = 64, /* used only where compiled for Zicbom */
};

/* from the linker script */
extern char __dram_start[], __dram_end[], __image_start[], __image_end[];

static char trace_text[TABLE_TRACE_SIZE];

__attribute__((section(".resource_table"), used)) struct table resource_table =
	TABLE_INITIALIZER((uint32_t)trace_text);

static volatile uint8_t *const uart = (volatile uint8_t *)0x10000000;
static struct amph_io dram, image;
static struct amph_event doorbell;
static uint32_t doorbell_seen;

/* The interrupt is cleared before the FIFO is read: a byte that comes in between raises it again. */
static void take_doorbell(void *argument)
{
	(void)argument;
	(void)uart[UART_IIR_FCR];
	while (uart[UART_LSR] & 1)
		(void)uart[UART_DATA];
	amph_event_signal(&doorbell);
}

void board_start(void)
{
	trace_start(trace_text, sizeof(trace_text));
	amph_machine_start();
	if (amph_io_init(&dram, __dram_start, (uintptr_t)__dram_start, (uintptr_t)__dram_start,
			 (uintptr_t)__dram_end - (uintptr_t)__dram_start) ||
	    amph_io_init(&image, __image_start, (uintptr_t)__image_start, (uintptr_t)__image_start,
			 (uintptr_t)__image_end - (uintptr_t)__image_start))
		board_exit(1);
	amph_event_init(&doorbell);
	uart[UART_IIR_FCR] = 7; /* FIFOs on and empty */
	if (amph_irq_connect(UART_IRQ, take_doorbell, NULL))
		board_exit(1);
	uart[UART_IER] = 1;
}

const struct amph_io *board_dram(void)
{
	return &dram;
}

/* Trace and table are in the image. */
uint32_t board_own(const struct amph_io **first)
{
	*first = &image;
	return 1;
}

/* QEMU has no caches. Compiled for Zicbom this firmware maintains them all the same. */
const struct amph_cache_ops *board_cache(void)
{
#if defined(__riscv_zicbom)
	return &amph_cache_port;
#else
	return NULL;
#endif
}

const struct table *board_table(void)
{
	return &resource_table;
}

/*
 * A ring is dropped when the socket behind the UART stays full: whoever does not read it has
 * a whole queue of rings to wake up to.
 */
void board_ring(uint32_t notify_id)
{
	for (int tries = 0; tries < 10000 && !(uart[UART_LSR] & 0x20); tries++)
		;
	__asm__ volatile("fence iorw, ow" ::: "memory"); /* what it is about is visible first */
	uart[UART_DATA] = (uint8_t)notify_id;
}

int board_wait(uint64_t deadline)
{
	int result = amph_event_wait(&doorbell, doorbell_seen, deadline);

	doorbell_seen = amph_event_count(&doorbell);
	return result;
}
