/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the flags of the model whose run a program follows, without -D: its arguments.
 */
#ifndef TESTS_MODELS_FLAGS_H
#define TESTS_MODELS_FLAGS_H

/* To be called first. */
void model_flags(int argc, char **argv);

/* The number behind NAME= among them, 1 for NAME alone, else `otherwise`. */
int model_flag(const char *name, int otherwise);

#endif
