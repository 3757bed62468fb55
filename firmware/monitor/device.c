/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of QEMU's riscv32 `virt` machine, all of them the monitor's: and those that the guest sees
 * where they would be. Its UART receives what the real one has received, each notify id once however
 * often it came; its interrupt controller knows that one source. Accesses of any width are to the whole
 * register, as this project's firmware makes them.
 */
#include "monitor.h"

#define CLINT	    0x02000000u
#define CLINT_SIZE  0x10000u
#define MTIMECMP    0x02004000u
#define MTIME	    0x0200bff8u
#define PLIC	    0x0c000000u
#define PLIC_SIZE   0x4000000u
#define PRIORITY    (PLIC + 4 * UART_IRQ)
#define PENDING	    (PLIC + 0x1000u)
#define ENABLE	    (PLIC + 0x2000u)
#define THRESHOLD   (PLIC + 0x200000u)
#define CLAIM	    (PLIC + 0x200004u)
#define UART	    0x10000000u
#define UART_SIZE   0x100u
#define UART_IRQ    10u
#define UART_DATA   (UART + 0)
#define UART_IER    (UART + 1)
#define UART_FIFO   (UART + 2) /* read: which interrupt. write: FIFO control */
#define UART_STATUS (UART + 5)
#define DATA_READY  0x01u
#define CAN_SEND    0x60u
#define RING_TRIES  10000

static uint32_t received; /* notify ids, a bit each */
static struct {
	uint32_t enabled, priority, threshold; /* interrupt controller */
	bool claimed;
	uint32_t uart_enable;
	uint32_t alarm[2]; /* mtimecmp */
} virtual;

static uint32_t load(uint32_t address)
{
	return *(volatile uint32_t *)address;
}

static void store(uint32_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static uint32_t load_byte(uint32_t address)
{
	return *(volatile uint8_t *)address;
}

static void store_byte(uint32_t address, uint32_t value)
{
	*(volatile uint8_t *)address = (uint8_t)value;
}

/* --- the real ones --- */

void device_start(void)
{
	virtual.alarm[0] = virtual.alarm[1] = UINT32_MAX;
	store_byte(UART_FIFO, 7); /* FIFOs on and empty */
	store_byte(UART_IER, 1);
	store(THRESHOLD, 0);
	store(ENABLE, 1u << UART_IRQ);
	store(PRIORITY, 1); /* the last: QEMU's controller looks again at what is pending */
}

/* The interrupt is cleared before the FIFO is read: a byte that comes in between raises it again. */
void device_take(void)
{
	uint32_t source = load(CLAIM);

	(void)load_byte(UART_FIFO);
	while (load_byte(UART_STATUS) & DATA_READY)
		received |= 1u << (load_byte(UART_DATA) & 31);
	received &=
		~(1u << VSOC_IOMMU_NOTIFY_ID); /* the monitor's own: it looks at its words anyway */
	if (source)
		store(CLAIM, source);
}

void device_ring(uint32_t notify_id)
{
	for (int tries = 0; tries < RING_TRIES && !(load_byte(UART_STATUS) & CAN_SEND); tries++)
		;
	__asm__ volatile("fence iorw, ow" ::: "memory"); /* what it is about is visible first */
	store_byte(UART_DATA, notify_id);
}

/* --- the guest's --- */

static bool timer_is_due(void)
{
	uint32_t high, low;

	do {
		high = load(MTIME + 4);
		low = load(MTIME);
	} while (load(MTIME + 4) != high);
	return high != virtual.alarm[1] ? high > virtual.alarm[1] : low >= virtual.alarm[0];
}

static bool uart_interrupts(void)
{
	return received && (virtual.uart_enable & 1);
}

static bool plic_interrupts(void)
{
	return uart_interrupts() && !virtual.claimed && (virtual.enabled & 1u << UART_IRQ) &&
	       virtual.priority > virtual.threshold;
}

uint32_t device_pending(void)
{
	return (plic_interrupts() ? IRQ_EXTERNAL : 0) | (timer_is_due() ? IRQ_TIMER : 0);
}

/* One that is due already would only come again and again while the guest masks it. */
uint32_t device_arm(uint32_t guest_mie)
{
	if (!(guest_mie & IRQ_TIMER) || timer_is_due())
		return IRQ_EXTERNAL;
	store(MTIMECMP + 4, UINT32_MAX);
	store(MTIMECMP, virtual.alarm[0]);
	store(MTIMECMP + 4, virtual.alarm[1]);
	return IRQ_EXTERNAL | IRQ_TIMER;
}

bool device_has(uint32_t address)
{
	return address - CLINT < CLINT_SIZE || address - PLIC < PLIC_SIZE ||
	       address - UART < UART_SIZE;
}

static uint32_t claim(void)
{
	if (!plic_interrupts())
		return 0;
	virtual.claimed = true;
	return UART_IRQ;
}

static uint32_t take_received(void)
{
	uint32_t id = 0;

	if (!received)
		return 0;
	while (!(received & 1u << id))
		id++;
	received &= ~(1u << id);
	return id;
}

uint32_t device_read(uint32_t address)
{
	switch (address) {
	case MTIME:
	case MTIME + 4:
		return load(address);
	case MTIMECMP:
	case MTIMECMP + 4:
		return virtual.alarm[(address - MTIMECMP) / 4];
	case PRIORITY:
		return virtual.priority;
	case PENDING:
		return uart_interrupts() && !virtual.claimed ? 1u << UART_IRQ : 0;
	case ENABLE:
		return virtual.enabled;
	case THRESHOLD:
		return virtual.threshold;
	case CLAIM:
		return claim();
	case UART_DATA:
		return take_received();
	case UART_IER:
		return virtual.uart_enable;
	case UART_FIFO:
		return uart_interrupts() ? 0xc4 : 0xc1;
	case UART_STATUS:
		return (load_byte(UART_STATUS) & CAN_SEND) | (received ? DATA_READY : 0);
	default:
		return 0;
	}
}

void device_write(uint32_t address, uint32_t value)
{
	switch (address) {
	case MTIMECMP:
	case MTIMECMP + 4:
		virtual.alarm[(address - MTIMECMP) / 4] = value;
		break;
	case PRIORITY:
		virtual.priority = value & 7;
		break;
	case ENABLE:
		virtual.enabled = value & 1u << UART_IRQ;
		break;
	case THRESHOLD:
		virtual.threshold = value & 7;
		break;
	case CLAIM: /* completes; of a source that is not enabled that has no effect */
		if (value == UART_IRQ && virtual.enabled)
			virtual.claimed = false;
		break;
	case UART_DATA:
		store_byte(UART_DATA, value);
		break;
	case UART_IER:
		virtual.uart_enable = value & 0xf;
		break;
	case UART_FIFO:
		if (value & 2)
			received = 0;
		break;
	default:
		break;
	}
}
