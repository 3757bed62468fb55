/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor: what a Linux machine has for sharing buffers, what follows from it, and what to enable.
 * Tool code; knows sysfs, procfs, the device tree and /dev, live or as a captured tree.
 * Nothing is written, no coprocessor is started or stopped, and what is read is not trusted: it is
 * bounded, and cleaned before anybody sees it.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DOCTOR_NAME	    64 /* bytes of a name, with the NUL */
#define DOCTOR_PATH	    512
#define DOCTOR_TEXT	    512 /* bytes of a line, with the NUL */
#define DOCTOR_NAMES	    512 /* entries of one folder that are looked at */
#define DOCTOR_REMOTES	    16
#define DOCTOR_HEAPS	    16
#define DOCTOR_WINDOWS	    8
#define DOCTOR_RESERVED	    32
#define DOCTOR_MAPS	    16
#define DOCTOR_BANKS	    8
#define DOCTOR_FINDINGS	    384
#define DOCTOR_CAPABILITIES 32

/* --- the report (doctor_report.c, the only one that knows json-c) --- */

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_NOTE, /* good to know; nothing is wrong */
	DOCTOR_MISSING, /* with a remedy */
	DOCTOR_DENIED, /* there, but not for this user; with a remedy */
};

/* Facts are a JSON object: what a program wants to know of a finding. */
typedef struct json_object doctor_facts;

struct doctor_finding {
	const char *topic;
	char name[DOCTOR_NAME];
	enum doctor_status status;
	bool detail; /* shown with --verbose only */
	char text[DOCTOR_TEXT];
	char remedy[DOCTOR_TEXT]; /* empty: none */
	doctor_facts *facts;
};

enum doctor_answer { DOCTOR_NO, DOCTOR_PARTLY, DOCTOR_YES };

struct doctor_capability {
	const char *id;
	char subject[DOCTOR_NAME]; /* which remote processor; empty: the machine */
	char what[DOCTOR_TEXT];
	enum doctor_answer answer;
	char how[DOCTOR_TEXT]; /* by what, or why not */
};

struct doctor_report {
	struct doctor_finding findings[DOCTOR_FINDINGS];
	size_t finding_count;
	struct doctor_finding nowhere; /* takes the ones for which there is no room */
	size_t lost; /* how many */
	struct doctor_capability capabilities[DOCTOR_CAPABILITIES];
	size_t capability_count;
};

/* --- what the verdicts are made of --- */

enum doctor_option {
	DOCTOR_OPTION_UNKNOWN,
	DOCTOR_OPTION_OFF,
	DOCTOR_OPTION_MODULE,
	DOCTOR_OPTION_ON
};

struct doctor_heap {
	char name[DOCTOR_NAME];
	bool usable, contiguous, protected_memory;
};

/* From physical (pa) to device (da) addresses. */
struct doctor_window {
	uint64_t da, pa, size; /* bytes */
};

/* Memory that a program can map through UIO. */
struct doctor_map {
	char device[DOCTOR_NAME];
	uint64_t pa, size; /* bytes */
};

/* A node of the device tree's reserved-memory. */
struct doctor_reserved {
	char name[DOCTOR_NAME];
	uint64_t base, size; /* 0, 0: placed at boot */
	uint32_t phandle; /* 0: none */
	bool no_map, reusable, pool;
};

struct doctor_remote {
	char id[DOCTOR_NAME]; /* remoteproc0 */
	char name[DOCTOR_NAME];
	char state[DOCTOR_NAME];
	char compatible[DOCTOR_NAME];
	bool character_device; /* there is /dev/remoteprocN */
	bool openable, controllable; /* by this user */
	bool endpoint, channel; /* an RPMsg endpoint or a control device is usable; there is any */
	bool iommu;
	bool ti, ti_asked; /* its driver may take dma-bufs by TI's ioctl; it has said so */
	bool asked; /* the module has told: address_bits, coherent */
	uint32_t address_bits;
	struct doctor_window windows[DOCTOR_WINDOWS];
	uint32_t window_count; /* 0: device addresses are physical addresses */
	uint64_t out_of_reach; /* bytes of DRAM that no window has */
};

struct doctor {
	int root; /* all paths are below it */
	bool live; /* it is this machine, so that calls can be made and limits asked */
	bool ask; /* open remote processors even if they run */
	bool verbose;
	char release[DOCTOR_NAME]; /* the kernel's; empty: unknown */
	char machine[DOCTOR_NAME];
	char command_line[4096];
	struct doctor_report report;

	struct doctor_config *config; /* NULL: there is none to read */
	struct doctor_heap heaps[DOCTOR_HEAPS];
	uint32_t heap_count;
	uint64_t cma_total, cma_free; /* bytes */
	bool udmabuf, memfd;
	struct doctor_reserved reserved[DOCTOR_RESERVED];
	uint32_t reserved_count;
	bool bounce_forced; /* swiotlb=force */

	struct doctor_remote remotes[DOCTOR_REMOTES];
	uint32_t remote_count;
	uint32_t unbound_count; /* coprocessors of the device tree that no driver has */
	bool module, module_usable; /* /dev/amphora */

	uint32_t iommu_count, group_count, vfio_count, vfio_usable;
	bool vfio, vfio_container;
	struct doctor_map maps[DOCTOR_MAPS]; /* of UIO; only those that are usable */
	uint32_t map_count;
};

/* --- what each looks at; all after doctor_kernel() --- */
void doctor_kernel(struct doctor *doctor);
void doctor_memory(struct doctor *doctor);
void doctor_reserved_memory(struct doctor *doctor);
void doctor_remoteproc(struct doctor *doctor); /* after the reserved memory */
void doctor_rpmsg(struct doctor *doctor); /* after the remote processors */
void doctor_dev_amphora(struct doctor *doctor); /* the same */
void doctor_iommu(struct doctor *doctor);
void doctor_uio(struct doctor *doctor);
void doctor_lanes(struct doctor *doctor); /* what runs without a board */
void doctor_capabilities(struct doctor *doctor); /* after all others */

/* --- files below the root (doctor_root.c); paths are given without a leading slash --- */

/* Opens the folder. Links in it are followed as if it were /. Returns 0 or -errno. */
int doctor_root_open(struct doctor *doctor, const char *path);

/* Opens a regular file to read; a device, a pipe, a folder is -EINVAL. Returns the fd or -errno. */
int doctor_open(const struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads up to size - 1 bytes and puts a NUL behind them. Returns how many, or -errno. */
ssize_t doctor_read(const struct doctor *doctor, void *bytes, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The first line, without what ends it, cleaned. false: none, and the text is empty. */
bool doctor_line(const struct doctor *doctor, char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A number as C writes it, at a file's beginning. */
bool doctor_number(const struct doctor *doctor, uint64_t *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Where a symbolic link points, as it is written. */
bool doctor_link(const struct doctor *doctor, char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

bool doctor_exists(const struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct doctor_names {
	char names[DOCTOR_NAMES][DOCTOR_NAME]; /* as they are: not cleaned */
	uint32_t count;
	bool more; /* there are more than that */
};

/* The entries that begin with `prefix`, sorted (numbers by value). */
void doctor_list(const struct doctor *doctor, struct doctor_names *names, const char *prefix,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

enum doctor_access { DOCTOR_ABSENT, DOCTOR_REFUSED, DOCTOR_GRANTED };

/*
 * Whether this user may open a device for reading and writing. Where not, `why` says whose it is and
 * `remedy` what gives access: a group to be in, or a udev rule for the subsystem.
 */
enum doctor_access doctor_may_open(const struct doctor *doctor, const char *path,
				   const char *subsystem, char why[DOCTOR_TEXT],
				   char remedy[DOCTOR_TEXT]);

/* Whether this user may write a file. */
bool doctor_may_write(const struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Leaves printable ASCII: everything else becomes '?'. Returns the text. */
char *doctor_clean(char *text);

/* Appends; what does not fit is cut. */
void doctor_append(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- the kernel's configuration (doctor_config.c, doctor_kernel.c) --- */

/* Reads it from where kernels leave it. Returns NULL if there is none; `where` gets the path. */
struct doctor_config *doctor_config_read(const struct doctor *doctor, char where[DOCTOR_PATH]);
void doctor_config_free(struct doctor_config *config);

/* `name` is without CONFIG_. */
enum doctor_option doctor_option(const struct doctor *doctor, const char *name);

/* Whether a module is in the kernel now: loaded, or built in. */
bool doctor_module_there(const struct doctor *doctor, const char *name);

/*
 * What to do so that an option's code is there: load the module, or build the kernel with it. Appends
 * to `remedy`. `module` may be NULL: it is none.
 */
void doctor_enable(const struct doctor *doctor, const char *option, const char *module,
		   char remedy[DOCTOR_TEXT]);

/* --- the device tree (doctor_tree.c); a node is a path that begins with '/' --- */

/* Reads a property. Returns its bytes, or -errno. */
ssize_t doctor_tree_read(const struct doctor *doctor, const char *node, const char *property,
			 void *bytes, size_t size);
bool doctor_tree_has(const struct doctor *doctor, const char *node, const char *property);
bool doctor_tree_cell(const struct doctor *doctor, const char *node, const char *property,
		      uint32_t *value);

/* The first string of a property, cleaned. */
bool doctor_tree_text(const struct doctor *doctor, const char *node, const char *property,
		      char *text, size_t size);

/* The node of a device's folder in sysfs, by its link of_node. */
bool doctor_tree_node(const struct doctor *doctor, const char *device, char node[DOCTOR_PATH]);

/*
 * The windows that a device behind this node reaches memory through: its bus's dma-ranges. Returns how
 * many, 0 if addresses are the same, -EINVAL if it makes no sense.
 */
int doctor_tree_windows(const struct doctor *doctor, const char *node,
			struct doctor_window windows[DOCTOR_WINDOWS]);

/* DRAM, as the memory nodes say: pa and size. Returns how many. */
uint32_t doctor_tree_memory(const struct doctor *doctor, struct doctor_window banks[DOCTOR_BANKS]);

/* How many bytes of a range are in no window. */
uint64_t doctor_out_of_reach(const struct doctor_remote *remote, uint64_t pa, uint64_t size);

/* 1: coherent, 0: not, -1: the tree does not say. */
int doctor_tree_coherent(const struct doctor *doctor, const char *node);

/* Calls for every node, parents first, until the tree or a bound ends. */
void doctor_tree_walk(struct doctor *doctor, void (*visit)(struct doctor *, const char *node));

/* Cells of an address or a size, as its parent says. */
uint32_t doctor_tree_cells(const struct doctor *doctor, const char *node, const char *property);
uint64_t doctor_tree_number(const uint8_t *bytes, uint32_t cells);

/* --- findings (doctor_report.c) --- */

/*
 * Adds a finding; the text may be changed until the next one is added. Never NULL: where there is no
 * more room it goes nowhere. Text and names are cleaned when they are shown.
 */
struct doctor_finding *doctor_find(struct doctor *doctor, const char *topic, const char *name,
				   enum doctor_status status, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

void doctor_fact_text(doctor_facts *facts, const char *key, const char *value);
void doctor_fact_number(doctor_facts *facts, const char *key, uint64_t value);
void doctor_fact_address(doctor_facts *facts, const char *key, uint64_t value);
void doctor_fact_flag(doctor_facts *facts, const char *key, bool value);

/* A new object at the end of the list `key`. */
doctor_facts *doctor_fact_list(doctor_facts *facts, const char *key);

struct doctor_capability *doctor_can(struct doctor *doctor, const char *id, const char *subject,
				     enum doctor_answer answer, const char *what);

void doctor_report_text(const struct doctor *doctor, bool colour);
void doctor_report_json(const struct doctor *doctor, bool usable);
void doctor_report_free(struct doctor_report *report);

#endif
