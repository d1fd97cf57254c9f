/* safe_open.h - files beneath a folder, for other C files. Never a link, never outside.
 */
#ifndef SAFE_OPEN_H
#define SAFE_OPEN_H

#include <stdbool.h>
#include <stdint.h>
#include <lua.h>

/* What says that a file is still the same one with the same bytes. Times in ns since
 * 1970. */
typedef struct {
  int64_t device, inode, size, mtime, ctime;
} file_identity;

/* Opens regular file NAME ("a/b.bag", relative) beneath FOLDER for reading and tells its
 * identity. No link is followed below FOLDER, no FIFO or device is opened. A descriptor
 * (close-on-exec); or -1 with *WORD "link" (no regular file beneath the folder), or NULL
 * and errno. */
int safe_open(const char *folder, const char *name, file_identity *identity,
              const char **word);

/* Identity of an open file; 0, or -1 and errno. */
int file_identify(int fd, file_identity *identity);

bool file_same(const file_identity *a, const file_identity *b);

/* Pushes { dev =, ino =, size =, mtime_ns =, ctime_ns = }. */
void file_push_identity(lua_State *L, const file_identity *identity);

/* All of SIZE bytes from OFFSET on: NULL; or why not, `moved` when the file is shorter.
 */
const char *file_read(int fd, void *out, size_t size, int64_t offset);

#endif
