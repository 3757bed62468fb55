/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edu-pass: one buffer for a device behind an IOMMU and for the coprocessor, each under addresses of
 * its own. It is passed from one to the other and back; the CPU neither copies nor syncs its bytes.
 * Needs the probe firmware.
 * usage: edu-pass
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <amphora/dmabuf.h>
#include <amphora/remote.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "place.h"

#define HALF	    (SIZE / 2)
#define CPUS_SEED   5u
#define REMOTE_SEED 6u

enum lists { WHOLE, SECOND_HALF };

struct pass {
	struct place place;
	struct probe probe;
	struct amph_remote remote;
	struct amph_attachment to_remote;
	struct amph_segment remote_segments[SIZE / 4096];
};

static void probed(const char *what, int error)
{
	if (error)
		fail(what, -EIO, NULL);
}

static void open_remote(struct pass *pass)
{
	struct amph_why why = {0};
	int proof;

	probed("the coprocessor does not start", remote_switch("start"));
	probed("no probe", probe_open(&pass->probe));
	proof = open("/dev/remoteproc0", O_RDWR | O_CLOEXEC);
	if (proof < 0)
		fail("/dev/remoteproc0", -errno, NULL);
	check("remote", amph_remote_open(&pass->remote, proof, &why), &why);
	close(proof);
}

static void attach_both(struct pass *pass)
{
	struct buffer *a = &pass->place.a;
	struct amph_attachment *remote = &pass->to_remote;
	struct probe_segment segments[SIZE / 4096];
	uint64_t da = 0;

	place_buffer_open(&pass->place, a, "udmabuf:a", SIZE);
	attach(&pass->place, a, AMPH_DEVICE_READS_WRITES);
	check("attach to the coprocessor",
	      amph_shm_attach(&a->shm, &pass->remote.target, AMPH_DEVICE_READS_WRITES,
			      AMPH_SYNC_MESSAGES, remote, pass->remote_segments, SIZE / 4096),
	      &a->shm.why);
	for (uint32_t i = 0; i < remote->segment_count; i++)
		segments[i] = (struct probe_segment){remote->segments[i].address,
						     remote->segments[i].length};
	probed("list", probe_list(&pass->probe, WHOLE, segments, remote->segment_count));
	check("address", amph_attachment_da(remote, HALF, &da), NULL);
	segments[0] = (struct probe_segment){da, HALF};
	probed("list", probe_list(&pass->probe, SECOND_HALF, segments, 1));
	printf("one buffer: the device's at 0x%llx, the coprocessor's at 0x%llx\n",
	       (unsigned long long)a->segments[0].address,
	       (unsigned long long)remote->segments[0].address);
}

/* The device owns the buffer, and copies the start of the first half to the second. */
static void device_copies(struct pass *pass)
{
	uint64_t iova = pass->place.a.segments[0].address;
	struct edu *edu = &pass->place.edu;

	check("transfer", edu_transfer(edu, EDU_FETCHES, iova, EDU_TRANSFER_MAX), NULL);
	check("transfer", edu_transfer(edu, EDU_STORES, iova + HALF, EDU_TRANSFER_MAX), NULL);
}

static void pass_around(struct pass *pass)
{
	struct amph_shm *shm = &pass->place.a.shm;
	struct amph_attachment *device = &pass->place.a.attachment, *remote = &pass->to_remote;
	uint8_t *bytes = shm->va;

	memory_fill(bytes, SIZE, CPUS_SEED, 0);
	check("give", amph_shm_sync_for_device(device, 0, SIZE, false), &shm->why);
	device_copies(pass);
	check("pass to the coprocessor", amph_shm_pass(device, remote, 0, SIZE), &shm->why);
	probed("the coprocessor does not find what the device wrote",
	       probe_work(&pass->probe, PROBE_VERIFY, SECOND_HALF, CPUS_SEED, 0, EDU_TRANSFER_MAX));
	probed("fill", probe_work(&pass->probe, PROBE_FILL, WHOLE, REMOTE_SEED, 0, SIZE));
	check("pass to the device", amph_shm_pass(remote, device, 0, SIZE), &shm->why);
	device_copies(pass);
	check("take back", amph_shm_sync_for_cpu(device, 0, SIZE), &shm->why);
	probed("not what the coprocessor wrote", memory_verify(bytes, HALF, REMOTE_SEED, 0));
	probed("not what the device wrote",
	       memory_verify(bytes + HALF, EDU_TRANSFER_MAX, REMOTE_SEED, 0));
	puts("passed: CPU, device, coprocessor, device, CPU");
}

int main(int count, char **arguments)
{
	static struct pass pass;
	struct amph_provider udmabuf;
	struct amph_why why = {0};

	(void)arguments;
	if (count > 1) {
		fputs("usage: edu-pass\n", stderr);
		return 2;
	}
	place_init(&pass.place);
	check("udmabuf", amph_provider_udmabuf_init(&udmabuf, &why), &why);
	check("udmabuf", amph_memory_add_provider(&pass.place.memory, &udmabuf), &why);
	check("vfio-pci does not bind", edu_bind(pass.place.config.device), NULL);
	check("open", edu_open(&pass.place.edu, &pass.place.config), &pass.place.edu.target.why);
	open_remote(&pass);
	attach_both(&pass);
	pass_around(&pass);
	check("detach", amph_shm_detach(&pass.to_remote), &pass.place.a.shm.why);
	detach(&pass.place.a);
	place_buffer_close(&pass.place.a);
	check("close", amph_remote_close(&pass.remote), &pass.remote.why);
	check("close", edu_close(&pass.place.edu), &pass.place.edu.target.why);
	probed("close", probe_close(&pass.probe));
	probed("the coprocessor does not stop", remote_switch("stop"));
	return 0;
}
