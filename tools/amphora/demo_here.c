/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo's machine on this machine: a coprocessor in QEMU or as a process, see soc.h.
 */
#include "demo.h"

#include <stdio.h>
#include <unistd.h>

static struct here {
	struct demo_machine machine;
	struct soc soc;
	struct coprocessor coprocessor;
} here;

static int finish(int status)
{
	if (status)
		snprintf(here.machine.error, sizeof(here.machine.error), "%s", here.soc.error);
	return status;
}

static int here_open(struct demo_machine *machine)
{
	int status = finish(soc_open(&here.soc));

	machine->memory = &here.soc.memory;
	return status;
}

static void here_close(struct demo_machine *machine)
{
	(void)machine;
	soc_close(&here.soc);
}

static void show_trace(struct coprocessor *coprocessor, const char *line)
{
	fprintf(stderr, "%s: %s\n", coprocessor->name, line);
}

static int here_start(struct demo_machine *machine, uint64_t deadline)
{
	here.coprocessor.on_trace = machine->options->verbose ? show_trace : NULL;
	return finish(coprocessor_start(&here.coprocessor, &here.soc, machine->options->kind, 0,
					NULL, deadline));
}

static int here_share(struct demo_machine *machine, const struct amph_session_events *events,
		      void *user, uint64_t deadline)
{
	int status = finish(coprocessor_share(&here.coprocessor, events, 0, user, deadline));

	machine->session = &here.coprocessor.session;
	machine->target = &here.coprocessor.target.target;
	machine->tap = &here.coprocessor.tap;
	return status;
}

static int here_stop(struct demo_machine *machine, uint64_t deadline)
{
	(void)machine;
	return finish(coprocessor_stop(&here.coprocessor, deadline));
}

static void here_explain(struct demo_machine *machine, const char *doing, int error)
{
	(void)machine;
	coprocessor_explain(&here.coprocessor, doing, error);
	finish(error);
}

static void here_describe(const struct demo_machine *machine, struct report *report)
{
	const struct coprocessor *coprocessor = &here.coprocessor;

	report->coprocessor = coprocessor_kind_name(machine->options->kind);
	report->chosen = machine->options->chosen;
	report->firmware = coprocessor->firmware;
	snprintf(report->dram_path, sizeof(report->dram_path), "/proc/%d/fd/%d", (int)getpid(),
		 here.soc.dram.fd);
	report->dram_size = here.soc.dram.io.size;
	report->dram_pa = coprocessor->window.pa;
	report->dram_da = coprocessor->window.da;
}

static const struct demo_machine_ops here_ops = {
	.open = here_open,
	.start = here_start,
	.share = here_share,
	.stop = here_stop,
	.close = here_close,
	.explain = here_explain,
	.describe = here_describe,
};

struct demo_machine *demo_machine_here(const struct demo_options *options)
{
	here.machine =
		(struct demo_machine){.ops = &here_ops, .options = options, .provider = "dram"};
	return &here.machine;
}
