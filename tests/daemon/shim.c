/* Loaded into a daemon before its own libraries: kills it at a chosen change, moves its wall clock, and has it wait less. Knows nothing of
 * Bedplate.
 *
 * SHIM_KILL names a file; while it holds a number N, the process is killed right before its N-th change from then on: a request to
 * the kernel that is no question, or a sync of a file. With -N it stands still there until the file says otherwise. SHIM_CLOCK names a file with the seconds to add to the wall clock.
 * SHIM_HURRY is a number: so much faster than others does the process see time pass, but for its wall clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long number_in(const char *variable, long otherwise)
{
    const char *path = getenv(variable);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return otherwise;
    char text[32] = {0};
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? atol(text) : otherwise;
}

static void change(void)
{
    static long changes;
    long last = number_in("SHIM_KILL", 0);
    if (!last || __sync_add_and_fetch(&changes, 1) < labs(last))
        return;
    if (last > 0)
        kill(getpid(), SIGKILL);
    while (number_in("SHIM_KILL", 0) == last)
        usleep(1000);
}

static void look(int fd, const void *bytes, size_t length)
{
    int domain = 0, protocol = -1;
    socklen_t size = sizeof domain;
    const struct nlmsghdr *header = bytes;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) || domain != AF_NETLINK)
        return;
    /* Others, such as that of open sockets, have types of their own. */
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) || protocol != NETLINK_ROUTE)
        return;
    /* rtnetlink(7): of each four types, the third is a question. */
    if (length >= sizeof *header && (header->nlmsg_type & 3) != 2)
        change();
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    static ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    if (!next)
        next = dlsym(RTLD_NEXT, "sendto");
    look(fd, bytes, length);
    return next(fd, bytes, length, flags, to, size);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    static ssize_t (*next)(int, const void *, size_t, int);
    if (!next)
        next = dlsym(RTLD_NEXT, "send");
    look(fd, bytes, length);
    return next(fd, bytes, length, flags);
}

int fdatasync(int fd)
{
    static int (*next)(int);
    if (!next)
        next = dlsym(RTLD_NEXT, "fdatasync");
    change();
    return next(fd);
}

static long hurry(void)
{
    static long times;
    if (!times) {
        const char *text = getenv("SHIM_HURRY");
        times = text && atol(text) > 0 ? atol(text) : 1;
    }
    return times;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    static int (*next)(int, struct epoll_event *, int, int);
    if (!next)
        next = dlsym(RTLD_NEXT, "epoll_wait");
    if (timeout > 0)
        timeout = (timeout + hurry() - 1) / hurry();
    return next(fd, events, most, timeout);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*next)(clockid_t, struct timespec *);
    if (!next)
        next = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = next(clock, now);
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += number_in("SHIM_CLOCK", 0);
    if (!failed && clock == CLOCK_MONOTONIC && hurry() > 1) {
        long long passed = (now->tv_sec * 1000000000LL + now->tv_nsec) * hurry();
        now->tv_sec = passed / 1000000000LL;
        now->tv_nsec = passed % 1000000000LL;
    }
    return failed;
}
