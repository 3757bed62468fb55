/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora: the command line. Finds the command and hands over.
 */
#include "tool.h"

#include <stdio.h>
#include <string.h>

#include <amphora/version.h>

static const struct {
	const char *name;
	int (*run)(int count, char **arguments);
	const char *full_name; /* what argp shows as the program */
	const char *what;
} commands[] = {
	{"demo", command_demo, "amphora demo",
	 "a picture crosses to a coprocessor and back, zero copy"},
	{"run", command_run, "amphora run", "start a firmware, show its trace and its services"},
	{"serve", command_serve, "amphora serve",
	 "find edges for any program that speaks the share protocol on a socket"},
	{"doctor", command_doctor, "amphora doctor",
	 "what this machine has for sharing buffers, and what to enable"},
	{"policy", command_policy, "amphora policy",
	 "what a policy means: which target may have which memory"},
	{"vsoc", command_vsoc, "amphora vsoc",
	 "run a program in the virtual SoC's Linux, beside a coprocessor"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fputs("Usage: amphora COMMAND [OPTION...]\n"
	      "Large buffers shared between processors, zero copy.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].what);
	fputs("\n  --help     this text; amphora COMMAND --help for one command\n"
	      "  --version  the version\n\n"
	      "Exit status: 0 done and verified, 1 failed, 2 bad usage or bad input.\n",
	      out);
}

int main(int count, char **arguments)
{
	if (count < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	const char *name = arguments[1];
	if (!strcmp(name, "--help") || !strcmp(name, "-?") || !strcmp(name, "help")) {
		help(stdout);
		return EXIT_FINE;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("amphora %s\n", amph_version());
		return EXIT_FINE;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		arguments[1] = (char *)(uintptr_t)commands[i].full_name;
		return commands[i].run(count - 1, arguments + 1);
	}
	tool_error("'%s' is no command; amphora --help lists them", name);
	return EXIT_USAGE;
}
