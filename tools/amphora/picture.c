/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Picture: PNG files in and out of one grey plane, and the edges the CPU would find.
 * Tool code; the only file that knows libpng. A file is untrusted: its frame is checked first, so
 * that what is cut short or too large is refused before any work is done.
 */
#include "picture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_HEADER 8
#define CHUNK_CRC    4
#define SIGNATURE    8
#define IHDR_LENGTH  13

struct context {
	char *error;
	size_t error_size;
	const char *path;
};

static int refuse(char *error, size_t error_size, int number, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(char *error, size_t error_size, int number, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(error, error_size, format, values);
	va_end(values);
	return number;
}

static uint32_t big_endian32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* Walks the chunks without their contents: finds a file that is cut short at once. */
static int check_chunks(FILE *file, const char *path, uint64_t size, char *error, size_t error_size)
{
	uint64_t offset = SIGNATURE;
	bool data = false;

	for (;;) {
		uint8_t header[CHUNK_HEADER];

		if (size - offset < CHUNK_HEADER + CHUNK_CRC ||
		    fseeko(file, (off_t)offset, SEEK_SET) ||
		    fread(header, 1, sizeof(header), file) != sizeof(header))
			return refuse(
				error, error_size, -EBADMSG,
				"%s: cut short: it ends after %llu bytes, without an IEND chunk",
				path, (unsigned long long)size);
		uint64_t length = big_endian32(header);
		if (length > size - offset - CHUNK_HEADER - CHUNK_CRC)
			return refuse(
				error, error_size, -EBADMSG,
				"%s: cut short: a chunk of %llu bytes at %llu, the file has %llu",
				path, (unsigned long long)length, (unsigned long long)offset,
				(unsigned long long)size);
		if (!memcmp(header + 4, "IDAT", 4))
			data = true;
		if (!memcmp(header + 4, "IEND", 4))
			break;
		offset += CHUNK_HEADER + length + CHUNK_CRC;
	}
	if (!data)
		return refuse(error, error_size, -EBADMSG,
			      "%s: a PNG without picture data (no IDAT)", path);
	return 0;
}

static int check_frame(struct picture_file *picture, char *error, size_t error_size)
{
	uint8_t head[SIGNATURE + CHUNK_HEADER + IHDR_LENGTH];
	struct stat status;

	if (fstat(fileno(picture->file), &status))
		return refuse(error, error_size, -errno, "%s: %s", picture->path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return refuse(error, error_size, -EINVAL, "%s: not a regular file", picture->path);
	size_t got = fread(head, 1, sizeof(head), picture->file);
	if (ferror(picture->file))
		return refuse(error, error_size, -EIO, "%s: can't be read: %s", picture->path,
			      strerror(errno));
	if (got < SIGNATURE || png_sig_cmp(head, 0, SIGNATURE))
		return refuse(error, error_size, -EBADMSG, "%s: not a PNG file", picture->path);
	if (got < sizeof(head))
		return refuse(error, error_size, -EBADMSG, "%s: cut short: it ends after %zu bytes",
			      picture->path, got);
	if (big_endian32(head + SIGNATURE) != IHDR_LENGTH ||
	    memcmp(head + SIGNATURE + 4, "IHDR", 4))
		return refuse(error, error_size, -EBADMSG, "%s: not a PNG file: no IHDR chunk",
			      picture->path);
	picture->width = big_endian32(head + SIGNATURE + CHUNK_HEADER);
	picture->height = big_endian32(head + SIGNATURE + CHUNK_HEADER + 4);
	if (!picture->width || !picture->height)
		return refuse(error, error_size, -EBADMSG, "%s: a picture of %u x %u pixels",
			      picture->path, picture->width, picture->height);
	if (picture->width > PICTURE_MAX || picture->height > PICTURE_MAX)
		return refuse(error, error_size, -EFBIG,
			      "%s: too large: %u x %u pixels, the limit is %u x %u", picture->path,
			      picture->width, picture->height, PICTURE_MAX, PICTURE_MAX);
	return check_chunks(picture->file, picture->path, (uint64_t)status.st_size, error,
			    error_size);
}

int picture_open(struct picture_file *picture, const char *path, char *error, size_t error_size)
{
	/* a pipe that nobody writes to would block the open: look at what it is first */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	picture->path = path;
	picture->file = fd < 0 ? NULL : fdopen(fd, "rb");
	if (!picture->file) {
		int number = errno;

		if (fd >= 0)
			close(fd);
		return refuse(error, error_size, -number, "%s: %s", path, strerror(number));
	}
	int status = check_frame(picture, error, error_size);
	if (!status && fseeko(picture->file, 0, SEEK_SET))
		status = refuse(error, error_size, -errno, "%s: %s", path, strerror(errno));
	if (status)
		picture_close(picture);
	return status;
}

void picture_close(struct picture_file *picture)
{
	if (picture->file)
		fclose(picture->file);
	picture->file = NULL;
}

static void on_error(png_structp png, png_const_charp text)
{
	struct context *context = png_get_error_ptr(png);

	snprintf(context->error, context->error_size, "%s: %s", context->path, text);
	longjmp(png_jmpbuf(png), 1);
}

/* Damage in chunks that the picture does not need is no concern of ours. */
static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void luma_row(uint8_t *grey, const uint8_t *row, uint32_t width, uint32_t channels)
{
	if (channels == 1) {
		memcpy(grey, row, width);
		return;
	}
	for (uint32_t x = 0; x < width; x++, row += 3)
		grey[x] = (uint8_t)((77u * row[0] + 150u * row[1] + 29u * row[2] + 128u) >> 8);
}

/* Everything libpng shall do before we see a row: 8 bits, grey or RGB, no alpha. */
static uint32_t set_transforms(png_structp png, png_infop info)
{
	png_byte type = png_get_color_type(png, info);

	if (type == PNG_COLOR_TYPE_PALETTE)
		png_set_palette_to_rgb(png);
	if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8)
		png_set_expand_gray_1_2_4_to_8(png);
	png_set_strip_16(png);
	png_set_strip_alpha(png);
	return type & PNG_COLOR_MASK_COLOR ? 3 : 1;
}

/*
 * The part that libpng may leave by longjmp: all that must be freed afterwards is in `rows`, which
 * belongs to the caller.
 */
static int decode_rows(png_structp png, png_infop info, struct picture_file *picture, uint8_t *grey,
		       uint8_t **rows, picture_progress progress)
{
	if (setjmp(png_jmpbuf(png)))
		return -EBADMSG;
	png_init_io(png, picture->file);
	png_set_user_limits(png, PICTURE_MAX, PICTURE_MAX);
	png_read_info(png, info);
	if (png_get_image_width(png, info) != picture->width ||
	    png_get_image_height(png, info) != picture->height)
		png_error(png, "the file changed while it was read");
	uint32_t channels = set_transforms(png, info);
	int passes = png_set_interlace_handling(png);
	png_read_update_info(png, info);
	size_t row_size = png_get_rowbytes(png, info);
	if (row_size != (size_t)picture->width * channels)
		png_error(png, "unexpected row size");
	/* an interlaced picture is built up in several passes and needs all of its rows at once */
	size_t row_count = passes > 1 ? picture->height : 1;
	*rows = calloc(row_count, row_size);
	if (!*rows)
		png_error(png, "no memory for its rows");
	uint32_t total = picture->height * (uint32_t)passes;
	for (int pass = 0; pass < passes; pass++) {
		for (uint32_t y = 0; y < picture->height; y++) {
			uint8_t *row = *rows + (passes > 1 ? y : 0) * row_size;

			png_read_row(png, row, NULL);
			if (pass == passes - 1)
				luma_row(grey + (size_t)y * picture->width, row, picture->width,
					 channels);
			if (progress && y % 64 == 63)
				progress((uint32_t)pass * picture->height + y + 1, total);
		}
	}
	png_read_end(png, NULL);
	return 0;
}

int picture_decode(struct picture_file *picture, uint8_t *grey, picture_progress progress,
		   char *error, size_t error_size)
{
	struct context context = {error, error_size, picture->path};
	png_structp png =
		png_create_read_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	uint8_t *rows = NULL;
	int status;

	if (info)
		status = decode_rows(png, info, picture, grey, &rows, progress);
	else
		status = refuse(error, error_size, -ENOMEM, "%s: no memory to decode it",
				picture->path);
	free(rows);
	png_destroy_read_struct(&png, &info, NULL);
	return status;
}

static int encode_rows(png_structp png, png_infop info, FILE *file, const uint8_t *grey,
		       uint32_t width, uint32_t height, picture_progress progress)
{
	if (setjmp(png_jmpbuf(png)))
		return -EIO;
	png_init_io(png, file);
	/* edges are mostly flat: the fastest setting is three times as fast and 5 % larger */
	png_set_compression_level(png, 1);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
	png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (uint32_t y = 0; y < height; y++) {
		png_write_row(png, grey + (size_t)y * width);
		if (progress && y % 64 == 63)
			progress(y + 1, height);
	}
	png_write_end(png, NULL);
	return 0;
}

static int encode(FILE *file, const char *path, const uint8_t *grey, uint32_t width,
		  uint32_t height, picture_progress progress, char *error, size_t error_size)
{
	struct context context = {error, error_size, path};
	png_structp png =
		png_create_write_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	int status;

	if (info)
		status = encode_rows(png, info, file, grey, width, height, progress);
	else
		status = refuse(error, error_size, -ENOMEM, "%s: no memory to encode it", path);
	png_destroy_write_struct(&png, &info);
	return status;
}

/* Where the encoded picture goes until it is whole: a file without a name, where there are such. */
struct output {
	const char *path;
	char temporary[PATH_MAX]; /* its name meanwhile; empty: it has none */
	bool direct; /* a device or a pipe: written to as it is */
	int fd;
};

static int output_open(struct output *output)
{
	char folder[PATH_MAX];
	struct stat status;
	char *slash;

	output->temporary[0] = 0;
	output->direct = !stat(output->path, &status) && !S_ISREG(status.st_mode);
	if (output->direct) {
		output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
		return output->fd < 0 ? -errno : 0;
	}
	snprintf(folder, sizeof(folder), "%s", output->path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	else
		strcpy(folder, ".");
	output->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (output->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return -errno;
	snprintf(output->temporary, sizeof(output->temporary), "%s.XXXXXX", output->path);
	output->fd = mkostemp(output->temporary, O_CLOEXEC);
	if (output->fd < 0) {
		output->temporary[0] = 0;
		return -errno;
	}
	mode_t mask = umask(0);
	umask(mask);
	return fchmod(output->fd, 0666 & ~mask) ? -errno : 0;
}

/* Gives the whole file its name, over an earlier file of that name. */
static int output_publish(struct output *output)
{
	char self[64];

	if (output->direct)
		return 0;
	if (!output->temporary[0]) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", output->fd);
		if (!linkat(AT_FDCWD, self, AT_FDCWD, output->path, AT_SYMLINK_FOLLOW))
			return 0;
		if (errno != EEXIST)
			return -errno;
		snprintf(output->temporary, sizeof(output->temporary), "%s.%d", output->path,
			 (int)getpid());
		unlink(output->temporary);
		if (linkat(AT_FDCWD, self, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW)) {
			output->temporary[0] = 0;
			return -errno;
		}
	}
	if (rename(output->temporary, output->path))
		return -errno;
	output->temporary[0] = 0;
	return 0;
}

static int output_write(struct output *output, const uint8_t *grey, uint32_t width, uint32_t height,
			picture_progress progress, char *error, size_t error_size)
{
	int copy = fcntl(output->fd, F_DUPFD_CLOEXEC, 3);
	FILE *file = copy < 0 ? NULL : fdopen(copy, "wb");

	if (!file) {
		int number = errno;

		if (copy >= 0)
			close(copy);
		return refuse(error, error_size, -number, "%s: %s", output->path, strerror(number));
	}
	int status = encode(file, output->path, grey, width, height, progress, error, error_size);
	if (fclose(file) && !status)
		status = refuse(error, error_size, -errno, "%s: can't be written: %s", output->path,
				strerror(errno));
	return status;
}

int picture_write(const char *path, const uint8_t *grey, uint32_t width, uint32_t height,
		  picture_progress progress, char *error, size_t error_size)
{
	struct output output = {.fd = -1};
	char whole[PATH_MAX];

	/* a link to a file is followed, not replaced */
	output.path = realpath(path, whole) ? whole : path;
	if (strlen(output.path) >= PATH_MAX - 16)
		return refuse(error, error_size, -ENAMETOOLONG,
			      "the output's name has %zu bytes, the limit is %d",
			      strlen(output.path), PATH_MAX - 16);
	int status = output_open(&output);
	if (status)
		refuse(error, error_size, status, "%s: can't be written: %s", path,
		       strerror(-status));
	if (!status)
		status = output_write(&output, grey, width, height, progress, error, error_size);
	if (!status) {
		status = output_publish(&output);
		if (status)
			refuse(error, error_size, status, "%s: can't be written: %s", path,
			       strerror(-status));
	}
	if (output.temporary[0])
		unlink(output.temporary);
	if (output.fd >= 0)
		close(output.fd);
	return status;
}

static uint8_t edge(const uint8_t *at, size_t width)
{
	const uint8_t *up = at - width, *down = at + width;
	int gx = up[1] + 2 * at[1] + down[1] - up[-1] - 2 * at[-1] - down[-1];
	int gy = down[-1] + 2 * down[0] + down[1] - up[-1] - 2 * up[0] - up[1];
	int sum = abs(gx) + abs(gy);

	return (uint8_t)(sum > 255 ? 255 : sum);
}

uint64_t picture_compare_edges(const uint8_t *grey, const uint8_t *found, uint32_t width,
			       uint32_t height, uint64_t *first)
{
	uint64_t different = 0;

	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			size_t at = (size_t)y * width + x;
			bool border = !x || !y || x == width - 1 || y == height - 1;

			if (found[at] == (border ? 0 : edge(grey + at, width)))
				continue;
			if (!different)
				*first = at;
			different++;
		}
	}
	return different;
}
