/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading a kernel module; see module.h. */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int module_load(const char *path, const char *parameters)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return -errno;
	int error = syscall(SYS_finit_module, file, parameters, 0) ? -errno : 0;
	close(file);
	return error;
}
