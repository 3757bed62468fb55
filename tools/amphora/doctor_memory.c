/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, memory: dma-heaps, CMA, udmabuf, huge pages, memfd, swiotlb.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOPIC	    "memory"
#define MEMINFO_MAX 16384
#define SLAB_BYTES  2048 /* of swiotlb: IO_TLB_SIZE */

static const char *pool_of(const struct doctor *doctor, const char *heap)
{
	for (uint32_t i = 0; i < doctor->reserved_count; i++) {
		const struct doctor_reserved *reserved = &doctor->reserved[i];
		size_t length = strcspn(reserved->name, "@");

		if (reserved->reusable && reserved->pool &&
		    (!strcmp(reserved->name, heap) ||
		     (strlen(heap) == length && !strncmp(reserved->name, heap, length))))
			return reserved->name;
	}
	return NULL;
}

/* By the name, which is all that the kernel tells. */
static const char *kind_of_heap(const struct doctor *doctor, struct doctor_heap *heap)
{
	static const char *const cma[] = {"reserved", "linux,cma", "default-pool",
					  "default_cma_region"};

	if (!strncmp(heap->name, "protected,", 10) || strstr(heap->name, "secure")) {
		heap->protected_memory = true;
		return "protected memory: the CPU can't map it";
	}
	if (!strcmp(heap->name, "system") || !strncmp(heap->name, "system-", 7))
		return "scattered pages";
	for (size_t i = 0; i < sizeof(cma) / sizeof(cma[0]); i++)
		heap->contiguous |= !strcmp(heap->name, cma[i]);
	heap->contiguous |= !!pool_of(doctor, heap->name);
	if (heap->contiguous)
		return "contiguous, from CMA";
	heap->contiguous = !strncmp(heap->name, "carveout", 8);
	return heap->contiguous ? "contiguous, memory set aside (TI's or a vendor's kernel)"
				: "of unknown kind: a vendor's";
}

static void look_at_heap(struct doctor *doctor, const char *name)
{
	char path[DOCTOR_PATH], why[DOCTOR_TEXT], remedy[DOCTOR_TEXT];
	struct doctor_heap *heap = &doctor->heaps[doctor->heap_count++];
	struct doctor_finding *finding;

	snprintf(heap->name, sizeof(heap->name), "%s", name);
	const char *kind = kind_of_heap(doctor, heap);
	snprintf(path, sizeof(path), "dev/dma_heap/%s", name);
	heap->usable = doctor_may_open(doctor, path, "dma_heap", why, remedy) == DOCTOR_GRANTED;
	snprintf(path, sizeof(path), "heap %s", name);
	finding = doctor_find(doctor, TOPIC, path, heap->usable ? DOCTOR_OK : DOCTOR_DENIED,
			      "%s%s%s", kind, heap->usable ? "" : "; ", why);
	snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
	doctor_fact_text(finding->facts, "heap", name);
	doctor_fact_flag(finding->facts, "usable", heap->usable);
	doctor_fact_flag(finding->facts, "contiguous", heap->contiguous);
	doctor_fact_flag(finding->facts, "protected", heap->protected_memory);
}

static void look_at_heaps(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct doctor_names names;
	bool contiguous = false, scattered = false;

	doctor_list(doctor, &names, "", "dev/dma_heap");
	for (uint32_t i = 0; i < names.count && i < DOCTOR_HEAPS; i++) {
		look_at_heap(doctor, names.names[i]);
		contiguous |= doctor->heaps[i].contiguous;
		scattered |= !strcmp(doctor->heaps[i].name, "system");
	}
	if (!scattered) {
		finding = doctor_find(
			doctor, TOPIC, "heap system", DOCTOR_MISSING,
			"there is no /dev/dma_heap/system: scattered pages for devices");
		doctor_enable(doctor, "DMABUF_HEAPS_SYSTEM", NULL, finding->remedy);
	}
	if (contiguous)
		return;
	finding = doctor_find(
		doctor, TOPIC, "contiguous heap", DOCTOR_MISSING,
		"no heap gives contiguous memory, for remote processors of one segment");
	if (doctor_option(doctor, "DMABUF_HEAPS_CMA") != DOCTOR_OPTION_ON)
		doctor_enable(doctor, "DMABUF_HEAPS_CMA", NULL, finding->remedy);
	if (!doctor->cma_total)
		doctor_append(finding->remedy, DOCTOR_TEXT,
			      "%sset CMA aside: cma=64M on the kernel's command line, or a device "
			      "tree pool with linux,cma-default",
			      finding->remedy[0] ? ", and " : "");
	if (!finding->remedy[0])
		snprintf(
			finding->remedy, DOCTOR_TEXT,
			"the kernel can and has CMA: mount devtmpfs on /dev, or give the container "
			"/dev/dma_heap");
}

/* Bytes of a line "Name:   N kB". */
static bool meminfo(const char *text, const char *name, uint64_t *value)
{
	const char *line = strstr(text, name);

	if (!line || (line != text && line[-1] != '\n'))
		return false;
	*value = strtoull(line + strlen(name), NULL, 10);
	return true;
}

static void look_at_cma(struct doctor *doctor, const char *text)
{
	struct doctor_finding *finding;
	uint64_t total = 0, unused = 0;

	if (!meminfo(text, "CmaTotal:", &total) || !total) {
		finding = doctor_find(doctor, TOPIC, "CMA", DOCTOR_MISSING,
				      "no memory is set aside for contiguous buffers");
		if (doctor_option(doctor, "CMA") != DOCTOR_OPTION_OFF)
			snprintf(
				finding->remedy, DOCTOR_TEXT,
				"cma=64M on the kernel's command line, or a reserved-memory node "
				"with compatible \"shared-dma-pool\", reusable and linux,cma-default");
		else
			doctor_enable(doctor, "DMA_CMA", NULL, finding->remedy);
		return;
	}
	meminfo(text, "CmaFree:", &unused);
	if (total > UINT64_MAX >> 10 || unused > total)
		return;
	doctor->cma_total = total << 10;
	doctor->cma_free = unused << 10;
	finding = doctor_find(doctor, TOPIC, "CMA", DOCTOR_OK, "%" PRIu64 " MiB, %" PRIu64 " free",
			      total >> 10, unused >> 10);
	doctor_fact_number(finding->facts, "total", doctor->cma_total);
	doctor_fact_number(finding->facts, "free", doctor->cma_free);
}

static void look_at_huge_pages(struct doctor *doctor, const char *text)
{
	uint64_t total = 0, unused = 0, size = 0;
	struct doctor_finding *finding;

	if (!meminfo(text, "HugePages_Total:", &total) || !meminfo(text, "Hugepagesize:", &size))
		return;
	meminfo(text, "HugePages_Free:", &unused);
	finding = doctor_find(doctor, TOPIC, "huge pages", total ? DOCTOR_OK : DOCTOR_NOTE,
			      "%" PRIu64 " of %" PRIu64 " KiB, %" PRIu64 " free", total, size,
			      unused);
	finding->detail = true;
	if (!total)
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "for udmabuf buffers of few segments: sysctl vm.nr_hugepages=N");
	doctor_fact_number(finding->facts, "total", total);
	doctor_fact_number(finding->facts, "free", unused);
}

static void look_at_udmabuf(struct doctor *doctor)
{
	char why[DOCTOR_TEXT], remedy[DOCTOR_TEXT];
	struct doctor_finding *finding;
	uint64_t megabytes, entries;

	switch (doctor_may_open(doctor, "dev/udmabuf", "misc", why, remedy)) {
	case DOCTOR_ABSENT:
		finding = doctor_find(
			doctor, TOPIC, "udmabuf", DOCTOR_MISSING,
			"there is no /dev/udmabuf: the program's own memory as a dma-buf");
		doctor_enable(doctor, "UDMABUF", "udmabuf", finding->remedy);
		return;
	case DOCTOR_REFUSED:
		finding = doctor_find(doctor, TOPIC, "udmabuf", DOCTOR_DENIED, "%s", why);
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
		break;
	default:
		finding = doctor_find(doctor, TOPIC, "udmabuf", DOCTOR_OK, "/dev/udmabuf");
		doctor->udmabuf = true;
	}
	if (doctor_number(doctor, &megabytes, "sys/module/udmabuf/parameters/size_limit_mb")) {
		doctor_append(finding->text, DOCTOR_TEXT,
			      ", at most %" PRIu64 " MiB each (udmabuf.size_limit_mb)", megabytes);
		doctor_fact_number(finding->facts, "size_limit_mb", megabytes);
	}
	if (doctor_number(doctor, &entries, "sys/module/udmabuf/parameters/list_limit"))
		doctor_fact_number(finding->facts, "list_limit", entries);
	doctor_fact_flag(finding->facts, "usable", doctor->udmabuf);
}

static void look_at_memfd(struct doctor *doctor)
{
	struct doctor_finding *finding;
	int fd;

	if (!doctor->live) {
		doctor->memfd = doctor_option(doctor, "MEMFD_CREATE") == DOCTOR_OPTION_ON;
		return;
	}
	fd = memfd_create("amphora-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	doctor->memfd = fd >= 0;
	if (fd >= 0)
		close(fd);
	finding = doctor_find(doctor, TOPIC, "memfd", fd >= 0 ? DOCTOR_OK : DOCTOR_MISSING, "%s",
			      fd >= 0 ? "buffers between processes, and udmabuf's memory"
				      : "memfd_create() fails: no buffers between processes");
	if (fd < 0)
		doctor_enable(doctor, "MEMFD_CREATE", NULL, finding->remedy);
}

/* swiotlb=SLABS[,AREAS][,force|noforce] */
static bool forced(const char *command_line)
{
	for (const char *at = strstr(command_line, "swiotlb="); at;
	     at = strstr(at + 1, "swiotlb=")) {
		size_t length = strcspn(at, " ");

		if (at != command_line && at[-1] != ' ')
			continue;
		for (const char *word = at + 8; word < at + length; word++)
			if (!strncmp(word, "force", 5) && (word[-1] == '=' || word[-1] == ',') &&
			    (word[5] == ',' || word[5] == ' ' || !word[5]))
				return true;
	}
	return false;
}

static void look_at_swiotlb(struct doctor *doctor)
{
	uint64_t slabs = 0, used = 0;
	bool known = doctor_number(doctor, &slabs, "sys/kernel/debug/swiotlb/io_tlb_nslabs") &&
		     doctor_number(doctor, &used, "sys/kernel/debug/swiotlb/io_tlb_used");
	struct doctor_finding *finding;

	doctor->bounce_forced = forced(doctor->command_line);
	if (doctor->bounce_forced) {
		finding = doctor_find(doctor, TOPIC, "swiotlb", DOCTOR_MISSING,
				      "swiotlb=force: every buffer that is mapped would be copied; "
				      "Amphora refuses such a mapping");
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "boot without swiotlb=force, which is for tests");
	} else {
		finding = doctor_find(doctor, TOPIC, "swiotlb", DOCTOR_NOTE,
				      "bounce buffers are not forced");
		finding->detail = true;
	}
	doctor_fact_flag(finding->facts, "forced", doctor->bounce_forced);
	if (!known || slabs > UINT64_MAX / SLAB_BYTES)
		return;
	doctor_append(finding->text, DOCTOR_TEXT, "; %" PRIu64 " KiB set aside for them",
		      slabs * SLAB_BYTES >> 10);
	doctor_fact_number(finding->facts, "slabs", slabs);
	doctor_fact_number(finding->facts, "used", used);
}

void doctor_memory(struct doctor *doctor)
{
	char text[MEMINFO_MAX];

	if (doctor_read(doctor, text, sizeof(text), "proc/meminfo") < 0)
		text[0] = 0;
	look_at_cma(doctor, text);
	look_at_heaps(doctor);
	look_at_udmabuf(doctor);
	look_at_huge_pages(doctor, text);
	look_at_memfd(doctor);
	look_at_swiotlb(doctor);
}
