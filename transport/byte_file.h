/* Bytes of a file or of standard input; gzip and zstd, told by their first bytes, are unpacked. */
#ifndef TRANSPORT_BYTE_FILE_H
#define TRANSPORT_BYTE_FILE_H

#include "model/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_file; /* opaque */

/* "-" is standard input. `copy`: a descriptor that is read from its start instead, so that the path
 * is but the name; negative: none. `path` must outlive the file. STATUS_NOT_FOUND, STATUS_IO,
 * STATUS_NO_MEMORY. */
enum status byte_file_open(const char *path, int copy, struct byte_file **out, struct error *error);
/* Reads at most `size` (> 0) bytes; `*got` 0: the end. STATUS_IO; STATUS_BAD_DATA: packed data that
 * is damaged or ends too early. */
enum status byte_file_read(struct byte_file *file, char *to, size_t size, size_t *got,
                           struct error *error);
const char *byte_file_name(const struct byte_file *file); /* for messages */
/* As stored; `total` is 0 when unknown. */
void byte_file_progress(const struct byte_file *file, uint64_t *done, uint64_t *total);
void byte_file_close(struct byte_file *file); /* NULL is legal */

#endif
