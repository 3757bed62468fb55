/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target "remote" on a kernel that the test plays: addresses, refusals, syncs, and every way in
 * which a processor's life can end. Test code; tests/vsoc has the real kernel.
 */
#include "unit/memory_fixture.h"

#include <sys/wait.h>

#include <amphora/policy.h>
#include <amphora/remote.h>
#include <amphora/time.h>

#include "fake_kernel.h"

/* A buffer over the fake's dma-buf, and the remote. */
static struct {
	struct amph_memory memory;
	struct fake_provider provider;
	struct amph_remote remote;
	struct amph_shm shm;
	struct amph_range ranges[8];
	struct amph_attachment attachment;
	struct amph_segment segments[100];
} self;

static int dmabuf_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	(void)provider;
	(void)name;
	shm->handle = fake.dmabuf;
	return 0;
}

static void dmabuf_close(struct amph_provider *provider, struct amph_shm *shm)
{
	(void)provider;
	(void)shm;
}

static const struct amph_provider_ops dmabuf_ops = {.open = dmabuf_open, .close = dmabuf_close};

static void open_buffer(uint64_t size)
{
	struct amph_shm_storage storage = {.ranges = self.ranges, .range_max = 8};

	assert_int_equal(amph_memory_init(&self.memory), 0);
	self.provider.provider = (struct amph_provider){.name = "test", .ops = &dmabuf_ops};
	assert_int_equal(amph_memory_add_provider(&self.memory, &self.provider.provider), 0);
	assert_int_equal(amph_shm_open(&self.memory, &self.shm, &storage, "test:buffer", size, 0),
			 0);
}

/* After the fake was told what it shall be like. */
static void open_all(uint64_t size)
{
	struct amph_why why = {0};

	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), 0);
	open_buffer(size);
}

static int attach(void)
{
	return amph_shm_attach(&self.shm, &self.remote.target, AMPH_DEVICE_READS_WRITES,
			       AMPH_SYNC_MESSAGES, &self.attachment, self.segments, 100);
}

static void close_all(void)
{
	assert_int_equal(amph_shm_put(&self.shm), 0);
	assert_int_equal(amph_remote_close(&self.remote), 0);
	assert_int_equal(amph_remote_close(&self.remote), 0); /* once more is nothing */
	close(fake.dmabuf);
	assert_false(fake.tampered);
	assert_int_equal(fake_open_fds(), 0);
}

/* Looks once. */
static int look(void)
{
	return amph_remote_poll(&self.remote, 0);
}

static void remote_is_what_the_kernel_says(void **state)
{
	struct amph_why why = {0};

	(void)state;
	fake_start();
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), 0);
	assert_int_equal(self.remote.index, 3);
	assert_int_equal(self.remote.boots, 7);
	assert_string_equal(self.remote.target.name, "vsoc");
	assert_int_equal(self.remote.target.address_bits, 32);
	assert_true(self.remote.target.coherent);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_ALIVE);
	assert_int_equal(amph_remote_close(&self.remote), 0);
	memset(fake.remote.name, 'x', sizeof(fake.remote.name));
	fake.remote.state = AMPHORA_DETACHED;
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), 0);
	assert_int_equal(strlen(self.remote.target.name), AMPH_REMOTE_NAME_MAX - 1);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_OFF);
	assert_int_equal(amph_remote_close(&self.remote), 0);
	close(fake.dmabuf);
	assert_int_equal(fake_open_fds(), 0);
}

static void missing_module_says_what_to_load(void **state)
{
	static const struct {
		int open_error, error;
		const char *text;
	} cases[] = {{ENOENT, -ENOTSUP, "modprobe amphora"},
		     {ENXIO, -ENOTSUP, "modprobe amphora"},
		     {EACCES, -EACCES, "no right"},
		     {EMFILE, -EMFILE, "can't be opened"}};

	(void)state;
	fake_start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct amph_why why = {0};

		fake.open_error = cases[i].open_error;
		self.remote.fd = 0;
		assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), cases[i].error);
		assert_int_equal(self.remote.fd, -1); /* closing it closes nobody's fd */
		assert_non_null(strstr(why.what, cases[i].text));
		assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, NULL), cases[i].error);
	}
	close(fake.dmabuf);
	assert_int_equal(fake_open_fds(), 0);
}

static void what_is_no_module_or_no_proof_is_refused_and_nothing_stays_open(void **state)
{
	struct amph_why why = {0};

	(void)state;
	fake_start();
	assert_int_equal(amph_remote_open(&self.remote, 0, &why), -ENODEV);
	assert_non_null(why.what);
	fake_fail(AMPHORA_IOC_REMOTE, EMFILE, 1);
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), -EMFILE);
	fake_fail(AMPHORA_IOC_REMOTE_INFO, ENODEV, 1);
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), -ENODEV);
	fake_fail(AMPHORA_IOC_VERSION, ENOTTY, 1);
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), -EPROTO);
	fake.version++;
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), -EPROTO);
	assert_int_equal(why.limit, AMPHORA_ABI_VERSION);
	assert_int_equal(amph_remote_open_checked(&self.remote, FAKE_PROOF, &why, AMPH_ABI ^ 1u,
						  sizeof(self.remote)),
			 -EPROTO);
	close(fake.dmabuf);
	assert_int_equal(fake_open_fds(), 0);
}

static void addresses_are_the_kernels_and_a_signal_changes_nothing(void **state)
{
	uint64_t da = 0;

	(void)state;
	fake_start();
	fake.segment_count = 150; /* more than are read at once; neighbours in pairs */
	for (uint32_t i = 0; i < 150; i++)
		fake.segments[i] = (struct amphora_segment){
			.address = 0x80000000 + 0x100000ull * (i / 2) + 0x1000ull * (i % 2),
			.length = 0x1000};
	fake_fail(AMPHORA_IOC_ATTACH, EINTR, 2);
	open_all(150 * 0x1000 - 100); /* the dma-buf is whole pages */
	assert_int_equal(attach(), 0);
	assert_int_equal(self.attachment.segment_count, 75);
	assert_int_equal(self.attachment.segments[74].length, 0x2000 - 100);
	assert_int_equal(amph_attachment_da(&self.attachment, 0x3001, &da), 0);
	assert_int_equal(da, 0x80101001);
	assert_false(self.attachment.enforced);
	assert_int_equal(self.attachment.granule, 1);
	assert_int_equal(amph_shm_detach(&self.attachment), 0);
	assert_true(fake.attachments[0].released);
	close_all();
}

static void signals_without_end_end_the_call(void **state)
{
	struct amph_why why = {0};

	(void)state;
	fake_start();
	fake_fail(AMPHORA_IOC_REMOTE, EINTR, 1000);
	assert_int_equal(amph_remote_open(&self.remote, FAKE_PROOF, &why), -ETIMEDOUT);
	assert_non_null(why.what);
	fake_fail(AMPHORA_IOC_ATTACH, EINTR, 1000);
	open_all(0x8000);
	assert_refused(attach(), -ETIMEDOUT, &self.shm);
	close_all();
}

static void buffer_inside_a_dma_buf_has_its_own_part_of_the_addresses(void **state)
{
	(void)state;
	fake_start();
	fake.segment_count = 3;
	for (uint32_t i = 0; i < 3; i++)
		fake.segments[i] = (struct amphora_segment){.address = 0x80000000 + 0x10000ull * i,
							    .length = 0x2000};
	open_all(0x2000);
	self.shm.handle_offset = 0x1000;
	assert_int_equal(attach(), 0);
	assert_int_equal(self.attachment.segment_count, 2);
	assert_int_equal(self.attachment.segments[0].address, 0x80001000);
	assert_int_equal(self.attachment.segments[0].length, 0x1000);
	assert_int_equal(self.attachment.segments[1].address, 0x80010000);
	assert_int_equal(self.attachment.segments[1].length, 0x1000);
	assert_int_equal(amph_shm_detach(&self.attachment), 0);
	self.shm.handle_offset = 0x5000;
	assert_refused(attach(), -EFAULT, &self.shm);
	self.shm.handle_offset = UINT64_MAX;
	assert_refused(attach(), -EFAULT, &self.shm);
	assert_true(fake.attachments[1].released && fake.attachments[2].released);
	close_all();
}

static void memory_that_is_no_dma_buf_is_refused(void **state)
{
	(void)state;
	fake_start();
	open_all(0x10000);
	self.shm.handle = -1;
	assert_refused(attach(), -ENOTSUP, &self.shm);
	self.shm.handle = fake_fd();
	assert_refused(attach(), -ENOTSUP, &self.shm);
	assert_non_null(strstr(self.shm.why.what, "dma-heap"));
	close((int)self.shm.handle);
	assert_refused(attach(), -EBADF, &self.shm);
	assert_int_equal(fake.attachments[0].fd, 0);
	close_all();
}

static void what_the_kernel_refuses_is_told_with_its_reason(void **state)
{
	static const struct {
		int error, result;
		const char *text;
	} cases[] = {{ENOTCONN, -ENODEV, "does not run"}, {ENODEV, -ENODEV, "gone"},
		     {EACCES, -EACCES, "reading only"},	  {ERANGE, -ERANGE, "no device address"},
		     {EREMOTEIO, -EREMOTEIO, "bounce"},	  {EDQUOT, -EDQUOT, "quarantine"},
		     {ETIMEDOUT, -ETIMEDOUT, "fence"},	  {ENOMEM, -ENOMEM, "kernel refuses"},
		     {EIO, -EIO, "kernel refuses"}};

	(void)state;
	fake_start();
	open_all(0x10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_fail(AMPHORA_IOC_ATTACH, cases[i].error, 1);
		assert_refused(attach(), cases[i].result, &self.shm);
		assert_non_null(strstr(self.shm.why.what, cases[i].text));
	}
	assert_int_equal(fake.attachments[0].fd, 0);
	/* what was made and can't be used is released: nobody was told of it */
	fake_fail(AMPHORA_IOC_SEGMENTS, ESTALE, 1);
	assert_refused(attach(), -ESTALE, &self.shm);
	fake_fail(AMPHORA_IOC_INFO, ENOMEM, 1);
	assert_refused(attach(), -ENOMEM, &self.shm);
	fake.segments[0].address = 0xfffff000; /* wider than its 32 bits */
	assert_refused(attach(), -ERANGE, &self.shm);
	fake.segment_count = 105;
	for (uint32_t i = 0; i < 105; i++)
		fake.segments[i] = (struct amphora_segment){.address = 0x2000ull * i, 0x280};
	assert_refused(attach(), -ENOSPC, &self.shm);
	fake.remote.boots++; /* started anew, and nobody has looked */
	assert_refused(attach(), -ENODEV, &self.shm);
	for (int i = 0; i < 5; i++)
		assert_true(fake.attachments[i].released);
	assert_null(self.shm.attachments);
	for (int i = 0; i < 5; i++)
		assert_int_equal(close(fake.attachments[i].fd), -1);
	close_all();
}

static void caches_are_the_kernels_where_it_is_not_coherent(void **state)
{
	struct fake_attachment *attachment = &fake.attachments[0];

	(void)state;
	fake_start();
	fake.remote.flags = AMPHORA_REMOTE_IOMMU;
	fake.remote.cache_line = fake.attachment_line = 64;
	fake.attachment_flags = AMPHORA_ATTACHMENT_ENFORCED;
	open_all(0x8000);
	self.shm.handle_offset = 0x1000;
	assert_int_equal(attach(), 0);
	assert_true(self.attachment.enforced);
	assert_int_equal(self.attachment.granule, 64);
	assert_int_equal(amph_shm_sync_for_device(&self.attachment, 128, 256, false), 0);
	assert_int_equal(attachment->for_device, 1);
	assert_int_equal(attachment->offset, 0x1000 + 128);
	assert_int_equal(attachment->length, 256);
	assert_int_equal(amph_shm_sync_for_cpu(&self.attachment, 128, 128), 0);
	assert_int_equal(attachment->for_cpu, 1);
	assert_int_equal(attachment->length, 128);
	fake_fail(AMPHORA_IOC_SYNC, EINVAL, 2);
	assert_refused(amph_shm_sync_for_cpu(&self.attachment, 256, 128), -EINVAL, &self.shm);
	assert_refused(amph_shm_sync_for_device(&self.attachment, 0, 128, false), -EINVAL,
		       &self.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&self.attachment, 256, 128), 0);
	assert_int_equal(amph_shm_detach(&self.attachment), 0);
	close_all();
}

static void bounced_attachment_is_synced_though_its_remote_is_coherent(void **state)
{
	(void)state;
	fake_start();
	fake.attachment_flags = AMPHORA_ATTACHMENT_COHERENT | AMPHORA_ATTACHMENT_BOUNCED;
	open_all(0x8000);
	assert_int_equal(attach(), 0);
	assert_int_equal(amph_shm_sync_for_device(&self.attachment, 1, 7, false), 0);
	assert_int_equal(fake.attachments[0].for_device, 1);
	assert_int_equal(amph_shm_sync_for_cpu(&self.attachment, 1, 7), 0);
	assert_int_equal(fake.attachments[0].for_cpu, 1);
	assert_int_equal(amph_shm_detach(&self.attachment), 0);
	close_all();
}

static void bounced_attachment_that_shares_a_line_is_refused(void **state)
{
	(void)state;
	fake_start();
	fake.attachment_line = 64;
	fake.attachment_flags = AMPHORA_ATTACHMENT_COHERENT | AMPHORA_ATTACHMENT_BOUNCED;
	open_all(0x8000 - 8);
	assert_refused(attach(), -EINVAL, &self.shm);
	assert_int_equal(self.shm.why.limit, 64);
	assert_true(fake.attachments[0].released);
	close_all();
}

/* Given, and then that life ends as `end` does; the target takes every step. */
static void crash_with(void (*end)(void))
{
	struct fake_attachment *attachment = &fake.attachments[0];

	fake_start();
	fake.remote.flags = fake.attachment_flags = 0;
	open_all(0x8000);
	assert_int_equal(attach(), 0);
	assert_int_equal(look(), -ETIMEDOUT);
	assert_int_equal(amph_shm_sync_for_device(&self.attachment, 0, 0x1000, false), 0);
	end();
	assert_int_equal(look(), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_LOST);
	assert_int_equal(self.shm.quarantined, 1);
	assert_int_equal(amph_remote_close(&self.remote), -EBUSY);
	assert_refused(attach(), -ENODEV, &self.shm);
	assert_false(attachment->released);
}

static void crash(void)
{
	fake.remote.state = AMPHORA_CRASHED;
}

static void stop(void)
{
	fake.remote.state = AMPHORA_OFF;
	fake_revoke(true);
}

static void recover(void)
{
	stop();
	fake.remote.state = AMPHORA_RUNNING;
	fake.remote.boots++;
}

static void end_slowly(void)
{
	fake.remote.state = AMPHORA_ENDING;
	fake_revoke(false);
}

static void stop_not_unmapped(void)
{
	fake.remote.state = AMPHORA_OFF;
	fake_revoke(false);
}

static void detach(void)
{
	fake_revoke(false);
	fake.remote.state = AMPHORA_DETACHED;
}

static void detach_and_attach(void)
{
	fake_revoke(false);
	fake.remote.boots++;
}

static void go(void)
{
	stop();
	fake.remote.state = AMPHORA_GONE;
}

static void gone_unproved(void)
{
	fake.remote.state = AMPHORA_GONE;
}

static void expect_off(void)
{
	assert_int_equal(look(), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_OFF);
	assert_int_equal(self.shm.quarantined, 0);
	assert_null(self.shm.attachments);
	assert_false(fake.attachments[0].released); /* its life has ended: not by anybody's word */
	assert_int_equal(close(fake.attachments[0].fd), -1);
	assert_int_equal(amph_shm_check_access(&self.shm, 0, 0x8000, true), 0);
}

static void expect_new_life(uint64_t boots)
{
	assert_int_equal(look(), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_ALIVE);
	assert_int_equal(self.remote.boots, boots);
	assert_int_equal(look(), -ETIMEDOUT);
	assert_int_equal(attach(), 0);
	assert_int_equal(amph_shm_detach(&self.attachment), 0);
}

static void crash_is_a_loss_until_the_stop_has_succeeded(void **state)
{
	(void)state;
	crash_with(crash);
	assert_int_equal(look(), -ETIMEDOUT);
	assert_int_equal(amph_shm_detach(&self.attachment), -EBUSY);
	stop();
	expect_off();
	assert_int_equal(look(), -ETIMEDOUT);
	fake.remote.state = AMPHORA_RUNNING;
	fake.remote.boots++;
	expect_new_life(8);
	close_all();
}

static void recovery_that_nobody_saw_leaves_no_step_out(void **state)
{
	(void)state;
	crash_with(recover);
	expect_off();
	expect_new_life(8);
	close_all();
}

static void what_is_revoked_is_not_proved(void **state)
{
	(void)state;
	crash_with(end_slowly);
	assert_int_equal(look(), -ETIMEDOUT);
	/* off, and the kernel has not unmapped it yet */
	stop_not_unmapped();
	assert_int_equal(look(), -ETIMEDOUT);
	stop();
	expect_off();
	close_all();
}

static void detached_processor_is_lost_and_not_off_even_in_a_new_life(void **state)
{
	(void)state;
	crash_with(detach);
	assert_int_equal(look(), -ETIMEDOUT);
	detach_and_attach();
	fake.remote.state = AMPHORA_RUNNING;
	assert_int_equal(look(), -ETIMEDOUT);
	/* what the kernel does not say is not proved */
	fake_revoke(true);
	fake_fail(AMPHORA_IOC_INFO, EIO, 1);
	assert_int_equal(look(), -ETIMEDOUT);
	expect_off();
	expect_new_life(8);
	close_all();

	crash_with(detach_and_attach);
	assert_int_equal(look(), -ETIMEDOUT);
	stop();
	expect_off();
	close_all();
}

static void driver_that_goes_is_told(void **state)
{
	(void)state;
	crash_with(go);
	expect_off();
	assert_int_equal(look(), -ENODEV);
	close_all();

	crash_with(gone_unproved);
	assert_int_equal(look(), -ENODEV);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_LOST);
	fake_revoke(true);
	expect_off();
	assert_int_equal(look(), -ENODEV);
	fake_fail(AMPHORA_IOC_REMOTE_INFO, EIO, 1);
	assert_int_equal(look(), -EIO);
	close_all();
}

static void target_lost_with_its_session_stays_lost_while_the_processor_runs(void **state)
{
	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(attach(), 0);
	amph_target_lost(&self.remote.target);
	assert_int_equal(look(), -ETIMEDOUT);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_LOST);
	recover();
	expect_off();
	expect_new_life(8);
	/* also with nothing attached */
	amph_target_lost(&self.remote.target);
	assert_int_equal(look(), -ETIMEDOUT);
	recover();
	assert_int_equal(look(), 0);
	expect_new_life(9);
	close_all();
}

static void crash_later(void)
{
	if (fake.asked == 3)
		crash();
}

static void wait_ends_by_its_deadline_or_with_what_happens(void **state)
{
	uint64_t start;

	(void)state;
	fake_start();
	open_all(0x8000);
	start = amph_time_now();
	assert_int_equal(amph_remote_poll(&self.remote, amph_deadline(250)), -ETIMEDOUT);
	assert_true(amph_time_now() - start >= UINT64_C(250000000));
	assert_in_range(fake.waits, 2, 10); /* it does not spin */
	/* a crash that is not recovered wakes nobody: it is asked for */
	fake.asked = 0;
	fake.asked_now = crash_later;
	assert_int_equal(amph_remote_poll(&self.remote, amph_deadline(60000)), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_LOST);
	stop();
	assert_int_equal(look(), 0);
	close_all();
}

static void closing_the_abandoned_waits_for_the_stop(void **state)
{
	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(attach(), 0);
	assert_int_equal(amph_shm_abandon(&self.shm, NULL), -EINPROGRESS);
	assert_int_equal(amph_remote_close(&self.remote), -EBUSY);
	stop();
	assert_int_equal(look(), 0);
	assert_int_equal(look(), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_OFF);
	assert_false(fake.attachments[0].released);
	assert_null(self.shm.memory); /* closed */
	assert_int_equal(amph_remote_close(&self.remote), 0);
	close(fake.dmabuf);
	assert_int_equal(fake_open_fds(), 0);
}

static void coherent_memory_is_mapped_and_has_one_address(void **state)
{
	struct amph_remote_memory memory;

	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(amph_remote_allocate(&self.remote, 5000, &memory), 0);
	assert_int_equal(memory.size, 8192);
	assert_int_equal(memory.da, 0x90000000);
	assert_int_equal(memory.boots, 7);
	memset(memory.va, 0x5a, 8192);
	amph_remote_free(&memory);
	assert_true(fake.attachments[0].released);
	assert_int_equal(memory.fd, -1);
	amph_remote_free(&memory);
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), 0);
	amph_remote_leave(&memory);
	assert_false(fake.attachments[1].released);
	amph_remote_leave(&memory);
	close_all();
}

/* A buffer of such memory, in one piece, of which nobody syncs anything. */
static void coherent_memory_is_a_buffer_for_a_queue_whatever_the_remotes_caches(void **state)
{
	struct amph_provider_remote provider;
	struct amph_range ranges[4];
	struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	struct amph_attachment attachment;
	struct amph_segment segment;
	struct amph_shm shm;

	(void)state;
	fake_start();
	fake.remote.flags = 0;
	fake.remote.cache_line = 64;
	open_all(0x8000);
	assert_false(self.remote.target.coherent);
	assert_int_equal(amph_provider_remote_init(&provider, "", &self.remote), -EINVAL);
	assert_int_equal(amph_provider_remote_init(&provider, "coherent", &self.remote), 0);
	assert_int_equal(amph_memory_add_provider(&self.memory, &provider.provider), 0);
	assert_int_equal(amph_shm_open(&self.memory, &shm, &storage, "coherent:queue", 4096,
				       AMPH_SHM_READ_ONLY),
			 -ENOTSUP);
	fake_fail(AMPHORA_IOC_COHERENT, EDQUOT, 1);
	assert_int_equal(amph_shm_open(&self.memory, &shm, &storage, "coherent:queue", 4096, 0),
			 -EDQUOT);
	assert_int_equal(amph_shm_open(&self.memory, &shm, &storage, "coherent:queue", 4096, 0), 0);
	assert_true(shm.flags & AMPH_SHM_NOT_CACHED);
	assert_int_equal(amph_shm_attach(&shm, &self.remote.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_QUEUE, &attachment, &segment, 1),
			 0);
	assert_true(attachment.coherent);
	assert_int_equal(attachment.segment_count, 1);
	assert_int_equal(segment.address, 0x90000000);
	assert_int_equal(segment.length, 4096);
	assert_int_equal(amph_shm_sync_for_device(&attachment, 0, 4096, false), 0);
	assert_int_equal(fake.attachments[0].for_device, 0);
	assert_int_equal(amph_shm_put(&shm), -EBUSY);
	assert_int_equal(amph_shm_sync_for_cpu(&attachment, 0, 4096), 0);
	/* it is the processor's until it is closed, not only while it is attached */
	assert_int_equal(amph_shm_detach(&attachment), 0);
	assert_false(fake.attachments[0].released);
	assert_int_equal(amph_shm_put(&shm), 0);
	assert_true(fake.attachments[0].released);
	close_all();
}

/* The processor reaches it from the moment it is allocated. */
static void coherent_memory_that_a_policy_does_not_give_is_not_allocated(void **state)
{
	struct amph_policy_rule rule = {.target = "*",
					.provider = "coherent",
					.direction = AMPH_DEVICE_READS_WRITES,
					.size_max = 4096};
	struct amph_policy policy;
	struct amph_policy_use use;
	struct amph_provider_remote provider;
	struct amph_range range;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	struct amph_memory memory;
	struct amph_shm shm;

	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(amph_memory_init(&memory), 0);
	assert_int_equal(amph_provider_remote_init(&provider, "coherent", &self.remote), 0);
	assert_int_equal(amph_memory_add_provider(&memory, &provider.provider), 0);
	assert_int_equal(amph_policy_init(&policy, &rule, &use, 1, NULL), 0);
	assert_int_equal(amph_memory_set_policy(&memory, &policy), 0);
	/* would be the error, were the kernel asked */
	fake_fail(AMPHORA_IOC_COHERENT, ENOMEM, 1);
	assert_int_equal(amph_shm_open(&memory, &shm, &storage, "coherent:a", 4097, 0), -EDQUOT);
	assert_non_null(memory.why.what);
	rule.provider = "other";
	assert_int_equal(amph_shm_open(&memory, &shm, &storage, "coherent:a", 4096, 0), -EACCES);
	rule.provider = "coherent";
	assert_int_equal(amph_shm_open(&memory, &shm, &storage, "coherent:a", 4096, 0), -ENOMEM);
	assert_int_equal(amph_shm_open(&memory, &shm, &storage, "coherent:a", 4096, 0), 0);
	assert_int_equal(amph_shm_put(&shm), 0);
	close_all();
}

static void coherent_memory_of_a_lost_life_is_kept_until_it_is_off(void **state)
{
	struct amph_provider_remote provider;
	struct amph_range ranges[4];
	struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	struct amph_attachment attachment;
	struct amph_segment segment;
	struct amph_shm shm;

	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(amph_provider_remote_init(&provider, "coherent", &self.remote), 0);
	assert_int_equal(amph_memory_add_provider(&self.memory, &provider.provider), 0);
	assert_int_equal(amph_shm_open(&self.memory, &shm, &storage, "coherent:queue", 4096, 0), 0);
	assert_int_equal(amph_shm_attach(&shm, &self.remote.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_QUEUE, &attachment, &segment, 1),
			 0);
	assert_int_equal(amph_shm_sync_for_device(&attachment, 0, 4096, false), 0);
	stop();
	assert_int_equal(look(), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_LOST);
	assert_int_equal(amph_shm_put(&shm), -EBUSY);
	assert_int_equal(look(), 0);
	assert_int_equal(self.remote.target.state, AMPH_TARGET_OFF);
	assert_null(shm.attachments);
	assert_int_equal(amph_shm_put(&shm), 0);
	close_all();
}

static void coherent_memory_that_can_not_be_is_refused_with_nothing_held(void **state)
{
	struct amph_remote_memory memory;

	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(amph_remote_allocate(&self.remote, 0, &memory), -EINVAL);
	assert_int_equal(amph_remote_allocate(&self.remote, AMPHORA_COHERENT_MAX + 1, &memory),
			 -EINVAL);
	fake_fail(AMPHORA_IOC_COHERENT, EDQUOT, 1);
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), -EDQUOT);
	fake_fail(AMPHORA_IOC_COHERENT, ENOTCONN, 1);
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), -ENODEV);
	fake_fail(AMPHORA_IOC_SEGMENTS, ESTALE, 1);
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), -ESTALE);
	fake.segment_count = 2;
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), -EFAULT);
	fake.segment_count = 1;
	fake.remote.boots++;
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), -ENODEV);
	for (int i = 0; i < 3; i++)
		assert_true(fake.attachments[i].released);
	amph_target_lost(&self.remote.target);
	assert_int_equal(amph_remote_allocate(&self.remote, 4096, &memory), -ENODEV);
	assert_non_null(self.remote.why.what);
	assert_int_equal(memory.fd, -1);
	close_all();
}

static void child_is_refused_and_closes_only_its_own_fd(void **state)
{
	struct amph_remote_memory memory;
	int status;

	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(attach(), 0);
	int child = fork();
	if (!child) {
		bool right = look() == -EPERM && attach() == -EPERM &&
			     amph_remote_allocate(&self.remote, 4096, &memory) == -EPERM &&
			     amph_shm_detach(&self.attachment) == -EPERM &&
			     !amph_remote_close(&self.remote) && !fake.attachments[0].released;

		_exit(right ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(look(), -ETIMEDOUT);
	assert_int_equal(amph_shm_detach(&self.attachment), 0);
	close_all();
}

static void child_with_memory_of_its_own_is_refused_too(void **state)
{
	int status;

	(void)state;
	fake_start();
	open_all(0x8000);
	assert_int_equal(amph_shm_put(&self.shm), 0);
	int child = fork();
	if (!child) {
		open_buffer(0x8000);
		_exit(attach() == -EPERM && self.shm.why.what ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	open_buffer(0x8000);
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote_is_what_the_kernel_says),
		cmocka_unit_test(missing_module_says_what_to_load),
		cmocka_unit_test(what_is_no_module_or_no_proof_is_refused_and_nothing_stays_open),
		cmocka_unit_test(addresses_are_the_kernels_and_a_signal_changes_nothing),
		cmocka_unit_test(signals_without_end_end_the_call),
		cmocka_unit_test(buffer_inside_a_dma_buf_has_its_own_part_of_the_addresses),
		cmocka_unit_test(memory_that_is_no_dma_buf_is_refused),
		cmocka_unit_test(what_the_kernel_refuses_is_told_with_its_reason),
		cmocka_unit_test(caches_are_the_kernels_where_it_is_not_coherent),
		cmocka_unit_test(bounced_attachment_is_synced_though_its_remote_is_coherent),
		cmocka_unit_test(bounced_attachment_that_shares_a_line_is_refused),
		cmocka_unit_test(crash_is_a_loss_until_the_stop_has_succeeded),
		cmocka_unit_test(recovery_that_nobody_saw_leaves_no_step_out),
		cmocka_unit_test(what_is_revoked_is_not_proved),
		cmocka_unit_test(detached_processor_is_lost_and_not_off_even_in_a_new_life),
		cmocka_unit_test(driver_that_goes_is_told),
		cmocka_unit_test(target_lost_with_its_session_stays_lost_while_the_processor_runs),
		cmocka_unit_test(wait_ends_by_its_deadline_or_with_what_happens),
		cmocka_unit_test(closing_the_abandoned_waits_for_the_stop),
		cmocka_unit_test(coherent_memory_is_mapped_and_has_one_address),
		cmocka_unit_test(coherent_memory_that_can_not_be_is_refused_with_nothing_held),
		cmocka_unit_test(
			coherent_memory_is_a_buffer_for_a_queue_whatever_the_remotes_caches),
		cmocka_unit_test(coherent_memory_that_a_policy_does_not_give_is_not_allocated),
		cmocka_unit_test(coherent_memory_of_a_lost_life_is_kept_until_it_is_off),
		cmocka_unit_test(child_is_refused_and_closes_only_its_own_fd),
		cmocka_unit_test(child_with_memory_of_its_own_is_refused_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
