/* reno.c - loaded before a program, it makes of this kernel one that knows no bbr. For
 * specs only. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's own choice may be bbr, too. Anybody may choose reno. */
static void choose_reno(int fd) {
  int saved = errno;
  syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  errno = saved;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
  if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
    errno = ENOENT;
    return -1;
  }
  return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

int listen(int fd, int backlog) {
  choose_reno(fd); /* those that are accepted inherit it */
  return (int)syscall(SYS_listen, fd, backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
  choose_reno(fd);
  return (int)syscall(SYS_connect, fd, address, size);
}
