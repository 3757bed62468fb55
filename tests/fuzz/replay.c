/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs every file of a corpus folder through a fuzzer's entry point, without libFuzzer.
 * Test code. Fails when the folder is missing or empty: a replay that replays nothing is no test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return -1;
	}
	fseek(file, 0, SEEK_END);
	long size = ftell(file);
	rewind(file);
	/* exactly as large as the input, so that a sanitizer sees the first byte too far */
	uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
	if (!data || size < 0 || fread(data, 1, (size_t)size, file) != (size_t)size) {
		fprintf(stderr, "%s: can't be read\n", path);
		free(data);
		fclose(file);
		return -1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

int main(int count, char **arguments)
{
	int inputs = 0;

	for (int i = 1; i < count; i++) {
		DIR *folder = opendir(arguments[i]);
		if (!folder) {
			perror(arguments[i]);
			return 1;
		}
		for (struct dirent *entry; (entry = readdir(folder));) {
			if (entry->d_name[0] == '.')
				continue;
			if (replay(arguments[i], entry->d_name)) {
				closedir(folder);
				return 1;
			}
			inputs++;
		}
		closedir(folder);
	}
	printf("%d inputs replayed\n", inputs);
	return inputs ? 0 : 1;
}
