//! Hostile libraries in C. What they do is what they are for; nothing else is in them. `fail` tells
//! the test how far they came.

use super::Kind::Library;
use super::{Hostile, LATE};

const fn c(
    does: &'static str,
    before: &'static str,
    source: &'static str,
    said: &'static str,
) -> Hostile {
    Hostile {
        kind: Library(before),
        does,
        source,
        said,
    }
}

/// Writes to every descriptor but the first three.
const EVERYWHERE: &str = "
static void everywhere(const void *bytes, size_t length) {
  for (int fd = 3; fd < 64; fd++) (void)!write(fd, bytes, length);
}
static void frame(const char *json) {
  char bytes[1000];
  uint32_t length = strlen(json);
  memcpy(bytes, &length, 4);
  memcpy(bytes + 4, json, length);
  everywhere(bytes, 4 + length);
}";

/// Opens a file before the library is loaded, when it still might.
const OPENS_EARLY: &str = "
static int why;
__attribute__((constructor)) static void early(void) {
  if (open(\"@LEDGER@\", O_RDWR) < 0) why = errno;
}";

const READS_EARLY: &str = "
static int why;
__attribute__((constructor)) static void early(void) {
  if (open(\"/etc/passwd\", O_RDONLY) < 0) why = errno;
}";

const FORKS_EARLY: &str = "
static int why;
__attribute__((constructor)) static void early(void) {
  if (fork() < 0) why = errno;
}";

const OPENS_LATER: &str = "
static volatile int why;
static void *opens(void *nothing) {
  int fd;
  while ((fd = open(\"/etc/ld.so.cache\", O_RDONLY)) >= 0) close(fd);
  why = errno;
  return 0;
}
__attribute__((constructor)) static void early(void) {
  pthread_t t;
  pthread_create(&t, 0, opens, 0);
}";

const SPINS: &str = "static void *spins(void *nothing) { for (;;); }";
const HANDLES: &str = "static void handles(int signal) {}";
const RECURSES: &str = "
static int deep(volatile char *above) {
  volatile char here[4096];
  here[0] = above ? above[0] : 0;
  return deep(here) + here[1];
}";

pub(crate) const LIBRARIES: &[Hostile] = &[
    c("writes to address 0", "", "*(volatile int *)0 = 1; reply(DONE);", "it died with SIGSEGV"),
    c("aborts", "", "abort();", "it died with SIGABRT"),
    c("exits with 0", "", "exit(0);", "it ended with status 0 before it answered"),
    c("exits with 7, at once", "", "_exit(7);", "it ended with status 7 before it answered"),
    c(
        "exits while it is loaded",
        "__attribute__((constructor)) static void early(void) { _exit(0); }",
        "reply(DONE);",
        "it ended with status 0 before it answered",
    ),
    c("loops for ever", "", "for (;;);", LATE),
    c(
        "loops while it is loaded",
        "__attribute__((constructor)) static void early(void) { for (;;); }",
        "reply(DONE);",
        LATE,
    ),
    c("sleeps for an hour", "", "sleep(3600); reply(DONE);", LATE),
    c(
        "ignores every signal, and loops",
        "",
        "for (int n = 1; n < 65; n++) signal(n, SIG_IGN); for (;;);",
        LATE,
    ),
    c(
        "handles its own crash by trying again",
        HANDLES,
        "signal(SIGSEGV, handles); *(volatile int *)0 = 1; reply(DONE);",
        LATE,
    ),
    c("stops itself", "", "kill(getpid(), SIGSTOP); reply(DONE);", LATE),
    c("overflows its stack", RECURSES, "return deep(0);", "it died with SIGABRT: fatal runtime error: stack overflow"),
    c(
        "frees twice",
        "",
        "char *volatile text = malloc(10); free(text); free(text); reply(DONE);",
        "it died with SIGABRT: free(): double free detected",
    ),
    c(
        "divides by zero",
        "",
        "volatile int some = 1000, zero = 0; return some / zero;",
        "it died with SIGFPE",
    ),
    c("runs into an illegal instruction", "", "__builtin_trap();", "it died with SIGILL"),
    c(
        "takes memory until there is none",
        "",
        "size_t mb = 0; char *more;
         while (mb < 1000 && (more = malloc(1 << 20))) { memset(more, 1, 1 << 20); mb++; }
         fail(mb < 64 ? \"no more memory\" : \"%zu MB\", mb);",
        "no more memory",
    ),
    c(
        "maps 1 GB",
        "",
        "void *map = mmap(0, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         fail(\"mmap: %s\", map == MAP_FAILED ? strerror(errno) : \"there\");",
        "mmap: Cannot allocate memory",
    ),
    c(
        "raises its own limit of memory",
        "",
        "struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
         fail(\"setrlimit: %s\", setrlimit(RLIMIT_AS, &all) ? strerror(errno) : \"done\");",
        "setrlimit: Function not implemented",
    ),
    c(
        "keeps memory in a file without a name",
        "",
        "fail(\"memfd_create: %s\", memfd_create(\"x\", 0) < 0 ? strerror(errno) : \"done\");",
        "memfd_create: Function not implemented",
    ),
    c(
        "leaves shared memory behind",
        "",
        "fail(\"shmget: %s\", syscall(SYS_shmget, 0, 1 << 26, 01600) < 0 ? strerror(errno) : \"done\");",
        "shmget: Function not implemented",
    ),
    c(
        "forks without end",
        "",
        "for (;;) if (fork() < 0) fail(\"fork: %s\", strerror(errno));",
        "fork: Function not implemented",
    ),
    c(
        "forks while it is loaded",
        FORKS_EARLY,
        "fail(\"fork: %s\", strerror(why));",
        "fork: Function not implemented",
    ),
    c(
        "leaves a grandchild in a session of its own",
        "",
        "pid_t child = fork();
         if (child == 0) { setsid(); if (fork() == 0) sleep(60); _exit(0); }
         fail(\"fork: %s\", child < 0 ? strerror(errno) : \"done\");",
        "fork: Function not implemented",
    ),
    c(
        "forks by the bare system calls",
        "",
        "long a = syscall(SYS_fork), b = syscall(SYS_vfork), c = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
         char all[88] = {0};
         long d = syscall(SYS_clone3, all, sizeof all);
         fail(\"%ld %ld %ld %ld: %s\", a, b, c, d, strerror(errno));",
        "-1 -1 -1 -1: Function not implemented",
    ),
    c(
        "becomes a shell",
        "",
        "execl(\"/bin/sh\", \"sh\", \"-c\", \"sleep 60\", (char *)0); fail(\"exec: %s\", strerror(errno));",
        "exec: Function not implemented",
    ),
    c(
        "runs a shell",
        "",
        "int status = system(\"sleep 60\"); fail(\"system: %s\", status ? strerror(errno) : \"done\");",
        "system: Function not implemented",
    ),
    c(
        "leaves its process group",
        "",
        "fail(\"setpgid: %s\", setpgid(0, getppid()) ? strerror(errno) : \"done\");",
        "setpgid: Function not implemented",
    ),
    c(
        "wants to outlive who started it",
        "",
        "fail(\"prctl: %s\", prctl(PR_SET_PDEATHSIG, 0) ? strerror(errno) : \"done\");",
        "prctl: Function not implemented",
    ),
    c(
        "opens a file of the system",
        "",
        "fail(\"open: %s\", open(\"/etc/passwd\", O_RDONLY) < 0 ? strerror(errno) : \"open\");",
        "open: Function not implemented",
    ),
    c(
        "opens the ledger",
        "",
        "fail(\"open: %s\", open(\"@LEDGER@\", O_RDWR) < 0 ? strerror(errno) : \"open\");",
        "open: Function not implemented",
    ),
    c(
        "opens a file of the system while it is loaded",
        READS_EARLY,
        "fail(\"open: %s\", strerror(why));",
        "open: Permission denied",
    ),
    c(
        "opens the ledger while it is loaded",
        OPENS_EARLY,
        "fail(\"open: %s\", strerror(why));",
        "open: Permission denied",
    ),
    c(
        "leaves a thread from when it was loaded, which opens what it might then",
        OPENS_LATER,
        "while (!why) sched_yield(); fail(\"open: %s\", strerror(why));",
        "open: Function not implemented",
    ),
    c(
        "removes the ledger",
        "",
        "fail(\"unlink: %s\", unlink(\"@LEDGER@\") ? strerror(errno) : \"done\");",
        "unlink: Function not implemented",
    ),
    c(
        "lets everybody write the ledger",
        "",
        "fail(\"chmod: %s\", chmod(\"@LEDGER@\", 0777) ? strerror(errno) : \"done\");",
        "chmod: Function not implemented",
    ),
    c(
        "reads the memory of another process as a file",
        "",
        "char path[40]; sprintf(path, \"/proc/%d/mem\", getppid());
         fail(\"open: %s\", open(path, O_RDONLY) < 0 ? strerror(errno) : \"open\");",
        "open: Function not implemented",
    ),
    c(
        "reads the memory of another process",
        "",
        "fail(\"read: %s\", syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0) < 0
              ? strerror(errno) : \"done\");",
        "read: Function not implemented",
    ),
    c(
        "traces who started it",
        "",
        "fail(\"ptrace: %s\", ptrace(PTRACE_ATTACH, getppid(), 0, 0) < 0 ? strerror(errno) : \"done\");",
        "ptrace: Function not implemented",
    ),
    c(
        "connects to the network",
        "",
        "fail(\"socket: %s\", socket(AF_INET, SOCK_STREAM, 0) < 0 ? strerror(errno) : \"open\");",
        "socket: Function not implemented",
    ),
    c(
        "connects to another process of the machine",
        "",
        "fail(\"socket: %s\", socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? strerror(errno) : \"open\");",
        "socket: Function not implemented",
    ),
    c(
        "makes system calls through a ring",
        "",
        "fail(\"ring: %s\", syscall(425, 8, 0) < 0 ? strerror(errno) : \"open\");",
        "ring: Function not implemented",
    ),
    c(
        "makes system calls by their 32-bit numbers",
        "",
        "#ifdef __x86_64__
         long made; __asm__ volatile(\"int $0x80\" : \"=a\"(made) : \"a\"(20) : \"memory\");
         fail(\"made %ld\", made);
         #else
         *(volatile int *)0 = 1;
         #endif",
        "it died with SIGS…",
    ),
    c(
        "kills who started it",
        "",
        "fail(\"kill: %s\", kill(getppid(), SIGKILL) ? strerror(errno) : \"done\");",
        "kill: Function not implemented",
    ),
    c(
        "kills everybody",
        "",
        "fail(\"kill: %s\", kill(-1, SIGKILL) ? strerror(errno) : \"done\");",
        "kill: Function not implemented",
    ),
    c(
        "has a signal sent to who started it",
        "",
        "fail(\"fcntl: %s\", fcntl(2, F_SETOWN, getppid()) ? strerror(errno) : \"done\");",
        "fcntl: Function not implemented",
    ),
    c(
        "leaves threads that spin, and fails",
        SPINS,
        "pthread_t t; for (int n = 0; n < 4; n++) pthread_create(&t, 0, spins, 0); fail(\"spinning\");",
        "spinning",
    ),
    c(
        "writes to standard error without end",
        "",
        "for (;;) (void)!write(2, \"noise\\n\", 6);",
        LATE,
    ),
    c(
        "prints a reply of its own to standard output",
        "",
        "printf(\"%c%c%c%c{\\\"reply\\\":1}\", 11, 0, 0, 0); fflush(stdout); fail(\"printed\");",
        "printed",
    ),
    c(
        "writes noise to every descriptor",
        EVERYWHERE,
        "everywhere(\"QQQQQQQQ\", 8); reply(DONE);",
        "its answer of 1364283729 bytes is over the limit of 8388608",
    ),
    c(
        "announces 4 GB",
        EVERYWHERE,
        "everywhere(\"\\xff\\xff\\xff\\xff\", 4); reply(DONE);",
        "its answer of 4294967295 bytes is over the limit of 8388608",
    ),
    c(
        "announces more than it sends, and waits",
        EVERYWHERE,
        "everywhere(\"\\xe8\\x03\\0\\0{}\", 6); for (;;) pause();",
        LATE,
    ),
    c(
        "forges a frame that is no JSON",
        EVERYWHERE,
        "frame(\"{{{{\"); reply(DONE);",
        "its answer cannot be read: key must be a string",
    ),
    c(
        "forges a frame of an unknown kind",
        EVERYWHERE,
        "frame(\"{\\\"obey\\\":1}\"); reply(DONE);",
        "its answer cannot be read: unknown variant `obey`",
    ),
    c(
        "forges the reply of another call",
        EVERYWHERE,
        "frame(\"{\\\"reply\\\":{\\\"id\\\":9,\\\"reply\\\":{\\\"reply\\\":\\\"done\\\"}}}\"); reply(DONE);",
        "it answered what it was not asked",
    ),
    c(
        "replies twice",
        EVERYWHERE,
        "frame(\"{\\\"reply\\\":{\\\"id\\\":1,\\\"reply\\\":{\\\"reply\\\":\\\"done\\\"}}}\"); reply(DONE);",
        "it answered what it was not asked",
    ),
    c(
        "closes every descriptor, and lives on",
        "",
        "for (int fd = 0; fd < 64; fd++) close(fd); for (;;);",
        "it closed its connection before it answered",
    ),
    c(
        "closes every descriptor, and answers",
        "",
        "for (int fd = 0; fd < 64; fd++) close(fd); reply(DONE);",
        "it …",
    ),
    c(
        "answers 2 MB",
        "",
        "*out_len = 2 << 20; *out = malloc(*out_len); return SLUGLINE_REPLIED;",
        "its reply of 2097152 bytes is over the limit of 1048576",
    ),
    c(
        "answers with a length that is not true",
        "",
        "*out_len = (size_t)-1; *out = malloc(1); return SLUGLINE_REPLIED;",
        "its reply of 18446744073709551615 bytes is over the limit of 1048576",
    ),
    c(
        "answers with an address that is not true",
        "",
        "*out_len = 100; *out = (uint8_t *)8; return SLUGLINE_REPLIED;",
        "it died with SIGSEGV",
    ),
    c("answers nothing", "", "return SLUGLINE_REPLIED;", "it answered nothing"),
    c(
        "answers what is no JSON",
        "",
        "reply(\"done\");",
        "its answer cannot be read: expected value",
    ),
    c(
        "answers a field that is not known",
        "",
        "reply(\"{\\\"reply\\\":\\\"kept\\\",\\\"value\\\":{\\\"versions\\\":[],\\\"all\\\":1}}\");",
        "its answer cannot be read: unknown field `all`",
    ),
    c(
        "answers JSON that is nested five hundred thousand deep",
        "",
        "char *deep = malloc(500001); memset(deep, '[', 500000); deep[500000] = 0;
         *out = (uint8_t *)deep; *out_len = 500000; return SLUGLINE_REPLIED;",
        "its answer cannot be read: ",
    ),
    c(
        "answers a check with the reply of a tier",
        "",
        "reply(\"{\\\"reply\\\":\\\"kept\\\",\\\"value\\\":{\\\"versions\\\":[1]}}\");",
        "release.check cannot be answered like this",
    ),
    c(
        "fails with a text that paints the terminal",
        "",
        "fail(\"\\033[31mred\\nsecond line\");",
        "[31mred",
    ),
    c(
        "asks without end",
        "",
        "const char *ask = \"{\\\"service\\\":\\\"log\\\",\\\"question\\\":\\\"noise\\\"}\";
         const uint8_t *answer; size_t length;
         for (;;) host->ask(host, (const uint8_t *)ask, strlen(ask), &answer, &length);",
        LATE,
    ),
    c(
        "asks at an address that is not true",
        "",
        "const uint8_t *answer; size_t length;
         return host->ask(host, (const uint8_t *)8, 100, &answer, &length);",
        "it died with SIGSEGV",
    ),
    c(
        "looks for secrets in its environment",
        "",
        "extern char **environ; int count = 0; while (environ && environ[count]) count++;
         fail(\"%d variables\", count);",
        "0 variables",
    ),
];
