/* Stands between a program and the C library, for what a test cannot do from outside: a wall clock that is stepped for
 * this program alone, a stop at the very instant of a call, a disk that is never asked to sync. The product knows
 * nothing of it; it is preloaded.
 *
 * Steered by a file both sides map (struct steer below); tells what was written and synced in another, a line each:
 *   w BYTES PATH         bytes appended to a segment
 *   p OFFSET BYTES PATH  bytes written at an offset (logs, store)
 *   b PATH / e PATH      a sync began / returned without error
 *   d PATH               an entry of a directory is about to go
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call { NONE, CREATE, UNLINK, PWRITE, SYNC, WRITEV };

struct steer {
    int64_t wall_offset_ns;
    int64_t call;      /* stop at this call, */
    int64_t after;     /* before it is made or after, */
    int64_t skip;      /* the one after so many, */
    char path[64];     /* on a path that contains this. */
    int64_t stopped;   /* pid that stopped, */
    int64_t stopped_ms; /* wall time when it did. */
};

static volatile struct steer *steer;
static int told = -1;
static int no_sync;

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("WEATHER_STEER"), *out = getenv("WEATHER_TOLD");
    no_sync = getenv("WEATHER_NO_SYNC") != NULL;
    if (path) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *at = mmap(NULL, sizeof(struct steer), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (at != MAP_FAILED) steer = at;
            close(fd);
        }
    }
    if (out) told = open(out, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static const char *path_of(int fd, char *buffer, size_t size) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, buffer, size - 1);
    buffer[n > 0 ? n : 0] = 0;
    return buffer;
}

static void tell(const char *format, ...) {
    if (told < 0) return;
    int saved = errno;
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0 && n < (int)sizeof line) {
        ssize_t ignored = write(told, line, (size_t)n);
        (void)ignored;
    }
    errno = saved;
}

static void at(enum call call, int after, const char *path) {
    volatile struct steer *s = steer;
    if (!s || s->call != (int64_t)call || s->after != after || !strstr(path, (const char *)s->path)) return;
    if (__atomic_fetch_sub(&s->skip, 1, __ATOMIC_SEQ_CST) != 0) return;
    s->call = NONE;
    int saved = errno;
    struct timeval now;
    gettimeofday(&now, NULL);
    s->stopped_ms = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
    __atomic_store_n(&s->stopped, (int64_t)getpid(), __ATOMIC_SEQ_CST);
    kill(getpid(), SIGSTOP);
    errno = saved;
}

int clock_gettime(clockid_t id, struct timespec *t) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(id, t);
    if (result == 0 && steer && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && steer->wall_offset_ns) {
        int64_t ns = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + steer->wall_offset_ns;
        t->tv_sec = ns / 1000000000;
        t->tv_nsec = ns % 1000000000;
    }
    return result;
}

static int opened(const char *path, int flags, mode_t mode) {
    REAL(int, "open64", const char *, int, ...);
    int creates = (flags & O_CREAT) != 0;
    if (creates) at(CREATE, 0, path);
    int fd = real(path, flags, mode);
    if (creates && fd >= 0) at(CREATE, 1, path);
    return fd;
}

int open64(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return opened(path, flags, mode);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    tell("d %s\n", path);
    at(UNLINK, 0, path);
    int result = real(path);
    at(UNLINK, 1, path);
    return result;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    char path[256];
    path_of(fd, path, sizeof path);
    at(PWRITE, 0, path);
    ssize_t n = real(fd, bytes, size, offset);
    if (n > 0) tell("p %lld %zd %s\n", (long long)offset, n, path);
    at(PWRITE, 1, path);
    return n;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    char path[256];
    path_of(fd, path, sizeof path);
    if (!strstr(path, ".mp4")) return real(fd, parts, count);
    at(WRITEV, 0, path);
    ssize_t n = real(fd, parts, count);
    if (n > 0) tell("w %zd %s\n", n, path);
    at(WRITEV, 1, path);
    return n;
}

static int synced(int fd, int (*real)(int)) {
    char path[256];
    path_of(fd, path, sizeof path);
    tell("b %s\n", path);
    at(SYNC, 0, path);
    int result = no_sync ? 0 : real(fd);
    if (result == 0) tell("e %s\n", path);
    at(SYNC, 1, path);
    return result;
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return synced(fd, real);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    return synced(fd, real);
}

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned int flags) {
    REAL(int, "sync_file_range", int, off64_t, off64_t, unsigned int);
    return no_sync ? 0 : real(fd, offset, size, flags);
}
