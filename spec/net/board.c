/* board.c - loaded before a program, it answers for devices that this machine has not:
 * the mailbox of a Raspberry Pi's firmware, and a Wi-Fi's driver. For specs only.
 *
 * What they say stands in the folder that DT_SPEC_BOARD names: `throttled` (a word, as
 * 0x50005) and `dbm` (as -61). Without the file the device is not there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/wireless.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VCIO_PROPERTY _IOWR(100, 0, char *)

/* The number in the folder's file NAME → 0 where there is none. */
static int number_of(const char *name, long *value) {
  const char *folder = getenv("DT_SPEC_BOARD");
  char path[4096], text[32] = {0};
  if (!folder)
    return 0;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  *value = strtol(text, NULL, 0);
  return n > 0;
}

/* With files of any size, as this is built, that is the core's open64. */
int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  long value;
  if (strcmp(path, "/dev/vcio") == 0 && number_of("throttled", &value))
    path = "/dev/null";
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int answer_mailbox(unsigned *message) {
  long value;
  if (!number_of("throttled", &value)) {
    errno = ENOTTY;
    return -1;
  }
  message[1] = message[4] = 0x80000000u;
  message[4] |= 4;
  message[5] = (unsigned)value;
  return 0;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  long dbm;
  if (request == VCIO_PROPERTY)
    return answer_mailbox(argument);
  if (request == SIOCGIWSTATS && number_of("dbm", &dbm)) {
    struct iw_statistics *found = ((struct iwreq *)argument)->u.data.pointer;
    memset(found, 0, sizeof *found);
    found->qual.level = (unsigned char)dbm;
    found->qual.updated = IW_QUAL_DBM | IW_QUAL_LEVEL_UPDATED;
    return 0;
  }
  return (int)syscall(SYS_ioctl, fd, request, argument);
}
