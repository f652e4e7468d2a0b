/* Loaded into the real binary with LD_PRELOAD by the fault tests: it counts the calls that change
 * a file of the home, a lock, a socket or a pipe, or that start or end a process, and can end the
 * process at one of them or let one fail. It must not know what the program does between them.
 *
 * A point is a call and what it is done to, with what is random in names taken out, and how often
 * that came before: "sync ledger.db-wal#2". So a point means the same in each run, whatever
 * other threads do meanwhile.
 *
 *   FAULTS_PROCESS  command, serve or hook: which process is meant; others are left alone
 *   FAULTS_HOME     files below it are watched
 *   FAULTS_LIST     a file that each point is appended to, in order
 *   FAULTS_AT       the point where something is done; or FAULTS_NTH, its place from 1
 *   FAULTS_DO       kill, after, torn (half of a write, then killed); or an error, ENOSPC, EIO or
 *                   EROFS, once or, with a + behind it, from there on
 *   FAULTS_HIT      a file that is made when it is done
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CLASSES = 2048, NAME = 256 };
enum action { NONE, KILL, AFTER, TORN, FAIL };

static pid_t own;
static int list = -1;
static char home[PATH_MAX], at[NAME + 16], hit[PATH_MAX];
static size_t home_length;
static long nth, count;
static enum action wanted = NONE;
static int error, lasting;
static _Atomic int failing;
static struct { char name[NAME]; long count; } classes[CLASSES];
static atomic_flag busy = ATOMIC_FLAG_INIT;
static _Thread_local int inside;

#define REAL(type, name, ...)                                         \
  static type (*real_##name)(__VA_ARGS__);                            \
  static void find_##name(void) {                                     \
    if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name);          \
  }

REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, readlink, const char *, char *, size_t)

/* Which process this is, by its words. */
static int is_meant(const char *process) {
  char words[4096], *word = words;
  int file = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  long length = syscall(SYS_read, file, words, sizeof words - 1);
  syscall(SYS_close, file);
  if (length <= 0) return 0;
  words[length] = 0;
  const char *slash = strrchr(word, '/');
  if (strcmp(slash ? slash + 1 : word, "slugline")) return 0;
  const char *kind = "command";
  for (word += strlen(word) + 1; word < words + length; word += strlen(word) + 1) {
    if (!strcmp(word, "serve")) kind = "serve";
    if (!strcmp(word, "git:receive")) kind = "hook";
    if (!strcmp(word, "plugin:host") || !strcmp(word, "static")) kind = "";
    if (!strcmp(word, "--stop")) kind = "command";
  }
  return !strcmp(kind, process);
}

static void read_action(const char *text) {
  static const struct { const char *name; enum action action; int error; } known[] = {
      {"kill", KILL, 0}, {"after", AFTER, 0}, {"torn", TORN, 0},
      {"ENOSPC", FAIL, ENOSPC}, {"EIO", FAIL, EIO}, {"EROFS", FAIL, EROFS}};
  size_t length = strcspn(text, "+");
  lasting = text[length] == '+';
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == length && !strncmp(text, known[i].name, length))
      wanted = known[i].action, error = known[i].error;
}

__attribute__((constructor)) static void begin(void) {
  const char *process = getenv("FAULTS_PROCESS"), *text;
  find_write();
  find_readlink();
  if (!process || !is_meant(process)) return;
  if ((text = getenv("FAULTS_HOME"))) snprintf(home, sizeof home, "%s/", text);
  home_length = strlen(home);
  if ((text = getenv("FAULTS_AT"))) snprintf(at, sizeof at, "%s", text);
  if ((text = getenv("FAULTS_NTH"))) nth = atol(text);
  if ((text = getenv("FAULTS_HIT"))) snprintf(hit, sizeof hit, "%s", text);
  /* What is to happen happens to one process: not to the one that takes its place. */
  if (*hit && !access(hit, F_OK)) return;
  if ((text = getenv("FAULTS_DO"))) read_action(text);
  if ((text = getenv("FAULTS_LIST")))
    list = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  own = getpid();
}

static int is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
static int is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A path below the home without what is random in it: digests and the names of temporary files are
 * a star, numbers a hash sign. */
static void neutral(const char *path, char *out, size_t room) {
  size_t n = 0;
  const char *p = path;
  while (*p && n + 2 < room) {
    size_t run = 0, digits = 0;
    int start = p == path || !is_word(p[-1]);
    while (is_hex(p[run])) run++;
    while (p[digits] >= '0' && p[digits] <= '9') digits++;
    if (start && (run >= 8)) {
      out[n++] = '*', p += run;
    } else if (!strncmp(p, ".tmp", 4) || !strncmp(p, ".new-", 5)) {
      size_t length = p[1] == 't' ? 4 : 5;
      memcpy(out + n, p, length < room - n ? length : 0);
      n += length, p += length;
      while (is_word(*p)) p++;
      out[n++] = '*';
    } else if (digits) {
      out[n++] = '#', p += digits;
    } else {
      out[n++] = *p++;
    }
  }
  out[n] = 0;
}

static void stop(void) {
  if (*hit) syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, hit, O_WRONLY | O_CREAT, 0600));
  if (wanted != FAIL) {
    syscall(SYS_kill, own, SIGKILL);
    for (;;) pause();
  }
}

/* Takes note of a call on `what`. Answers whether something is to be done at it. */
static enum action note(const char *call, const char *what) {
  char class[NAME], line[NAME + 16];
  enum action answer = NONE;
  snprintf(class, sizeof class, "%s %.200s", call, what);
  inside = 1;
  while (atomic_flag_test_and_set(&busy)) sched_yield();
  int i = 0;
  while (i < CLASSES - 1 && classes[i].name[0] && strcmp(classes[i].name, class)) i++;
  if (!classes[i].name[0]) strcpy(classes[i].name, class);
  long of_class = ++classes[i].count;
  count++;
  int length = snprintf(line, sizeof line, "%s#%ld\n", class, of_class);
  if (list >= 0) real_write(list, line, length);
  line[length - 1] = 0;
  if (wanted != NONE && (nth ? count == nth : *at && !strcmp(at, line))) answer = wanted;
  atomic_flag_clear(&busy);
  inside = 0;
  return answer;
}

static int is_file(const char *what) {
  return strcmp(what, "socket") && strcmp(what, "pipe") && strncmp(what, "std", 3) &&
         strcmp(what, "process") && strcmp(what, "control") && strcmp(what, "network");
}

/* What comes before a call: it may end the process. Answers AFTER or TORN where that is to come,
 * and FAIL where the call is to fail; errno is set then. */
static enum action before(const char *call, const char *what, int can_fail) {
  enum action action = note(call, what);
  if (action == KILL) stop();
  if (action == FAIL && can_fail && is_file(what)) {
    stop();
    if (lasting) failing = 1;
  } else if (action == FAIL) {
    /* Such a call cannot meet a full disk: the next that can does. */
    if (nth) nth++;
    return NONE;
  } else if (failing && can_fail && is_file(what)) {
    action = FAIL;
  }
  if (action == FAIL) errno = error;
  return action;
}

static int active(void) { return own && !inside && getpid() == own; }

/* Below the home: its neutral name. */
static int below_home(const char *path, char *out) {
  if (strncmp(path, home, home_length)) return 0;
  neutral(path + home_length, out, NAME);
  return 1;
}

static int of_path(int folder, const char *path, char *out) {
  char whole[PATH_MAX];
  if (path[0] == '/') return below_home(path, out);
  char link[64], base[PATH_MAX];
  if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
  else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t length = real_readlink(link, base, sizeof base - 1);
  if (length <= 0) return 0;
  base[length] = 0;
  if (snprintf(whole, sizeof whole, "%s/%s", base, path) >= (int)sizeof whole) return 0;
  return below_home(whole, out);
}

static int of_descriptor(int file, char *out) {
  char link[64], target[PATH_MAX];
  if (file == list) return 0;
  if (file == 1 || file == 2) return strcpy(out, file == 1 ? "stdout" : "stderr"), 1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = real_readlink(link, target, sizeof target - 1);
  if (length <= 0) return 0;
  target[length] = 0;
  if (!strncmp(target, "socket:", 7)) return strcpy(out, "socket"), 1;
  if (!strncmp(target, "pipe:", 5)) return strcpy(out, "pipe"), 1;
  return below_home(target, out);
}

/* A hooked call: `named` says what it is done to, `mine` whether such a call is a point. */
#define AROUND(call, mine, named, can_fail, real)                     \
  char what[NAME];                                                    \
  int saved = errno, counts = active() && (mine) && (named);          \
  errno = saved;                                                      \
  enum action action = counts ? before(call, what, can_fail) : NONE;  \
  if (action == FAIL) return -1;                                      \
  __typeof__(real) result = real;                                     \
  if (action == AFTER || action == TORN) stop();                      \
  return result;

#define HOOK(type, name, call, mine, named, can_fail, parameters, ...) \
  REAL(type, name, parameters)                                        \
  type name(parameters) {                                             \
    find_##name();                                                    \
    AROUND(call, mine, named, can_fail, real_##name(__VA_ARGS__))     \
  }
#define P(...) __VA_ARGS__

static int creates(int flags) { return flags & (O_CREAT | O_TRUNC); }

#define OPEN(name)                                                    \
  REAL(int, name, const char *, int, ...)                             \
  int name(const char *path, int flags, ...) {                        \
    va_list rest;                                                     \
    va_start(rest, flags);                                            \
    mode_t mode = creates(flags) ? va_arg(rest, mode_t) : 0;          \
    va_end(rest);                                                     \
    find_##name();                                                    \
    AROUND("create", creates(flags), of_path(AT_FDCWD, path, what), 1,\
           real_##name(path, flags, mode))                            \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                  \
  REAL(int, name, int, const char *, int, ...)                        \
  int name(int folder, const char *path, int flags, ...) {            \
    va_list rest;                                                     \
    va_start(rest, flags);                                            \
    mode_t mode = creates(flags) ? va_arg(rest, mode_t) : 0;          \
    va_end(rest);                                                     \
    find_##name();                                                    \
    AROUND("create", creates(flags), of_path(folder, path, what), 1,  \
           real_##name(folder, path, flags, mode))                    \
  }
OPENAT(openat)
OPENAT(openat64)

static size_t half(enum action action, size_t size) {
  return action == TORN && size > 1 ? size / 2 : size;
}

ssize_t write(int file, const void *bytes, size_t size) {
  find_write();
  AROUND("write", 1, of_descriptor(file, what), 1, real_write(file, bytes, half(action, size)))
}

#define PWRITE(name)                                                  \
  REAL(ssize_t, name, int, const void *, size_t, off_t)               \
  ssize_t name(int file, const void *bytes, size_t size, off_t place) { \
    find_##name();                                                    \
    AROUND("write", 1, of_descriptor(file, what), 1,                  \
           real_##name(file, bytes, half(action, size), place))       \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

HOOK(ssize_t, writev, "write", 1, of_descriptor(file, what), 1,
     P(int file, const struct iovec *parts, int n), file, parts, n)
HOOK(ssize_t, sendfile64, "write", 1, of_descriptor(to, what), 1,
     P(int to, int from, off64_t *place, size_t size), to, from, place, half(action, size))
HOOK(ssize_t, splice, "write", 1, of_descriptor(to, what), 1,
     P(int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags),
     from, a, to, b, size, flags)
HOOK(ssize_t, send, "send", 1, of_descriptor(to, what), 0,
     P(int to, const void *bytes, size_t size, int flags), to, bytes, half(action, size), flags)
HOOK(ssize_t, sendmsg, "send", 1, of_descriptor(to, what), 0,
     P(int to, const struct msghdr *message, int flags), to, message, flags)
HOOK(int, fsync, "sync", 1, of_descriptor(file, what), 1, P(int file), file)
HOOK(int, fdatasync, "sync", 1, of_descriptor(file, what), 1, P(int file), file)
HOOK(int, ftruncate, "truncate", 1, of_descriptor(file, what), 1, P(int file, off_t size), file, size)
HOOK(int, ftruncate64, "truncate", 1, of_descriptor(file, what), 1,
     P(int file, off64_t size), file, size)
HOOK(int, fchmod, "chmod", 1, of_descriptor(file, what), 0, P(int file, mode_t mode), file, mode)
HOOK(int, chmod, "chmod", 1, of_path(AT_FDCWD, path, what), 0,
     P(const char *path, mode_t mode), path, mode)
HOOK(int, rename, "rename", 1, of_path(AT_FDCWD, to, what), 1,
     P(const char *from, const char *to), from, to)
HOOK(int, link, "link", 1, of_path(AT_FDCWD, to, what), 1,
     P(const char *from, const char *to), from, to)
HOOK(int, linkat, "link", 1, of_path(b, to, what), 1,
     P(int a, const char *from, int b, const char *to, int flags), a, from, b, to, flags)
HOOK(int, symlink, "symlink", 1, of_path(AT_FDCWD, to, what), 1,
     P(const char *from, const char *to), from, to)
HOOK(int, unlink, "unlink", 1, of_path(AT_FDCWD, path, what), 0, P(const char *path), path)
HOOK(int, unlinkat, "unlink", 1, of_path(folder, path, what), 0,
     P(int folder, const char *path, int flags), folder, path, flags)
HOOK(int, mkdir, "mkdir", 1, of_path(AT_FDCWD, path, what), 1,
     P(const char *path, mode_t mode), path, mode)
HOOK(int, rmdir, "rmdir", 1, of_path(AT_FDCWD, path, what), 0, P(const char *path), path)
HOOK(int, flock, "lock", 1, of_descriptor(file, what), 0, P(int file, int how), file, how)
HOOK(int, listen, "listen", 1, strcpy(what, "socket") != 0, 0, P(int file, int length), file, length)
HOOK(int, kill, "kill", 1, strcpy(what, "process") != 0, 0, P(pid_t pid, int signal), pid, signal)
HOOK(int, killpg, "kill", 1, strcpy(what, "process") != 0, 0, P(pid_t pid, int signal), pid, signal)
HOOK(int, connect, "connect", 1,
     strcpy(what, address->sa_family == AF_UNIX ? "control" : "network") != 0, 0,
     P(int file, const struct sockaddr *address, socklen_t size), file, address, size)
HOOK(int, bind, "bind", 1,
     strcpy(what, address->sa_family == AF_UNIX ? "control" : "network") != 0, 0,
     P(int file, const struct sockaddr *address, socklen_t size), file, address, size)
HOOK(int, posix_spawnp, "start", 1, strcpy(what, "process") != 0, 0,
     P(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
       const posix_spawnattr_t *how, char *const words[], char *const variables[]),
     pid, file, actions, how, words, variables)

/* The child is not ours to end. */
REAL(pid_t, fork, void)
pid_t fork(void) {
  find_fork();
  if (active() && before("start", "process", 0) == AFTER) {
    pid_t child = real_fork();
    if (child) stop();
    return child;
  }
  return real_fork();
}

/* Locks of SQLite: those that exclude others. */
#define FCNTL(name)                                                   \
  REAL(int, name, int, int, ...)                                      \
  int name(int file, int command, ...) {                              \
    va_list rest;                                                     \
    va_start(rest, command);                                          \
    void *argument = va_arg(rest, void *);                            \
    va_end(rest);                                                     \
    find_##name();                                                    \
    int locks = command == F_SETLK || command == F_SETLKW;            \
    locks = locks && ((struct flock *)argument)->l_type == F_WRLCK;   \
    AROUND("lock", locks, of_descriptor(file, what), 0, real_##name(file, command, argument)) \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

static long (*real_syscall)(long, ...);
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  if (!real_syscall) real_syscall = dlsym(RTLD_NEXT, "syscall");
  if (number == SYS_renameat2) {
    AROUND("rename", 1, of_path(c, (const char *)d, what), 1, real_syscall(number, a, b, c, d, e, f))
  }
  if (number == SYS_copy_file_range) {
    AROUND("write", 1, of_descriptor(c, what), 1, real_syscall(number, a, b, c, d, e, f))
  }
  return real_syscall(number, a, b, c, d, e, f);
}
