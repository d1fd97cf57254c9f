/* cubic.c - loaded before a program, it makes a kernel of this one that knows no bbr. For
 * specs only. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
  if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
    errno = ENOENT;
    return -1;
  }
  return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}
