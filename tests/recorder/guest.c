// SPDX-License-Identifier: MIT
// What runs inside a recorded machine: an agent that takes commands, and the workloads. Linked statically, since
// it is alone there with busybox.
//
// A command is a line on the first port, its answer "rc N" there: 0 or what the command says, or -errno.
//   shell TEXT           runs busybox' shell
//   run WORKLOAD ARG..   runs a workload and waits for it
//   start WORKLOAD ARG.. starts one; N is its pid
//   wait PID, kill PID   waits for it, or ends it
//   append PATH TEXT     writes to a file without emptying it, as the kernel's own files want it
//   write PATH TEXT      the same, after emptying it
//   read PATH            sends the file on the second port, in pieces: 32-bit length, bytes; the last is empty
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page_size = 4096, huge_page_size = 2 << 20 };

static char buffer[1 << 16];

// ---- Numbers that are the same in each run.

static uint64_t random_state;

static uint64_t random_number(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static uint64_t below(uint64_t end) { return random_number() % end; }

static void seed(uint64_t value) {
  random_state = 0x9E3779B97F4A7C15ULL * (value + 1);
  for (int i = 0; i < 8; ++i) random_number();
}

// ---- Memory and files.

static void write_all(int fd, const void* bytes, size_t length) {
  const char* at = bytes;
  while (length != 0) {
    const ssize_t written = write(fd, at, length);
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return;
    }
    at += written;
    length -= (size_t)written;
  }
}

// Anonymous memory whose pages have been touched. Ends the program if there is none.
static char* touched(size_t length) {
  char* const memory = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) exit(1);
  for (size_t at = 0; at < length; at += page_size) memory[at] = 1;
  return memory;
}

static void give_back(char* memory, size_t length) { madvise(memory, length, MADV_DONTNEED); }

static void new_file(const char* path, size_t length) {
  const int fd = open(path, O_WRONLY | O_CREAT, 0644);
  if (fd < 0) exit(1);
  write_all(fd, buffer, length);
  close(fd);
}

// ---- Workloads. Sizes are in MiB.

// Rounds of anonymous memory: every second page is given back; a child and its parent write to shared pages.
static void anon(size_t mib, unsigned rounds, uint64_t number) {
  seed(number);
  const size_t length = mib << 20;
  const size_t pages = length / page_size;
  for (; rounds != 0; --rounds) {
    char* const memory = touched(length);
    for (size_t page = 1; page < pages; page += 2) give_back(memory + page * page_size, page_size);
    const pid_t child = fork();
    if (child == 0) {
      for (size_t i = 0; i < pages / 4; ++i) memory[below(pages) * page_size] = 2;
      _exit(0);
    }
    for (size_t i = 0; i < pages / 2; ++i) memory[below(pages) * page_size] = 3;
    waitpid(child, 0, 0);
    for (int i = 0; i < 64; ++i) {
      char* const at = memory + below(pages - 16) * page_size;
      give_back(at, (1 + below(15)) * page_size);
    }
    munmap(memory, length);
  }
}

// Holds anonymous memory, of which one page in `every` stays.
static void hold(size_t mib, size_t every, unsigned seconds) {
  const size_t length = mib << 20;
  char* const memory = touched(length);
  for (size_t page = 0; every > 1 && page < length / page_size; ++page) {
    if (page % every != 0) give_back(memory + page * page_size, page_size);
  }
  sleep(seconds);
}

// Writes a file, and reads pieces of it here and there.
static void cache(const char* path, size_t mib, uint64_t number) {
  seed(number);
  const int fd = open(path, O_RDWR | O_CREAT, 0644);
  if (fd < 0) exit(1);
  memset(buffer, (int)number, sizeof buffer);
  for (size_t i = 0; i < mib * 16; ++i) {
    if (write(fd, buffer, sizeof buffer) != sizeof buffer) exit(2);
  }
  for (size_t i = 0; i < mib * 8; ++i) {
    const off_t at = (off_t)(below(mib * 256) * page_size);
    if (pread(fd, buffer, page_size * (1 + below(8)), at) < 0) exit(2);
  }
  close(fd);
}

static void read_file(const char* path) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0) exit(1);
  while (read(fd, buffer, sizeof buffer) > 0) continue;
  close(fd);
}

// Makes many small files of at most `most` bytes, and deletes one for that many of a hundred.
static void files(const char* folder, unsigned count, size_t most, unsigned deleted, uint64_t number) {
  seed(number);
  char name[256];
  mkdir(folder, 0755);
  for (unsigned i = 0; i < count; ++i) {
    if (i % 64 == 0) {
      snprintf(name, sizeof name, "%s/d%u", folder, i / 64);
      mkdir(name, 0755);
    }
    snprintf(name, sizeof name, "%s/d%u/f%u", folder, i / 64, i);
    new_file(name, most == 0 ? 0 : below(most));
    if (below(100) < deleted) {
      const unsigned other = (unsigned)below(i + 1);
      snprintf(name, sizeof name, "%s/d%u/f%u", folder, other / 64, other);
      unlink(name);
    }
  }
}

// Kernel memory: names that do not exist, pipes and sockets with something in them.
static void slab(unsigned steps, uint64_t number) {
  seed(number);
  int open_files[512];
  int count = 0;
  char name[64];
  struct stat unused;
  for (unsigned i = 0; i < steps; ++i) {
    snprintf(name, sizeof name, "/t/no%llx", (unsigned long long)random_number());
    stat(name, &unused);
    if (i % 8 != 0) continue;
    if (count > 500) {
      while (count != 0) close(open_files[--count]);
    }
    int pair[2];
    if ((below(2) ? pipe(pair) : socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) != 0) continue;
    for (uint64_t left = 1 + below(6); left != 0; --left) {
      if (write(pair[1], buffer, 4000) < 0) break;
    }
    open_files[count++] = pair[0];
    open_files[count++] = pair[1];
  }
}

struct mapping {
  char* memory;
  size_t length;
};

// A bit of everything: mappings, files, pipes, forks, names.
static void mix(unsigned steps, size_t mib, const char* folder, uint64_t number) {
  enum { nr_mappings = 48, nr_files = 200, nr_pipes = 40 };
  static struct mapping mappings[nr_mappings];
  static int pipes[nr_pipes][2];
  size_t used = 0;
  char name[256];
  seed(number);
  mkdir(folder, 0755);
  for (; steps != 0; --steps) {
    const uint64_t choice = below(10);
    struct mapping* const one = &mappings[below(nr_mappings)];
    if (choice < 4) {
      if (one->memory) munmap(one->memory, one->length);
      used -= one->length;
      one->memory = 0;
      one->length = 0;
      size_t length = (1 + below(512)) * page_size;
      if (below(8) == 0) length *= 4;
      if (used + length >= mib << 20) continue;
      one->memory = touched(length);
      one->length = length;
      used += length;
    } else if (choice < 5) {
      for (size_t at = 0; at < one->length; at += 2 * page_size) give_back(one->memory + at, page_size);
    } else if (choice < 7) {
      snprintf(name, sizeof name, "%s/m%d", folder, (int)below(nr_files));
      new_file(name, below(sizeof buffer));
      if (below(3) != 0) continue;
      snprintf(name, sizeof name, "%s/m%d", folder, (int)below(nr_files));
      unlink(name);
    } else if (choice < 8) {
      int* const ends = pipes[below(nr_pipes)];
      if (ends[1] != 0) {
        close(ends[0]);
        close(ends[1]);
        ends[1] = 0;
      }
      if (pipe(ends) != 0) continue;
      for (uint64_t left = 1 + below(8); left != 0; --left) write_all(ends[1], buffer, page_size);
    } else if (choice < 9) {
      const pid_t child = fork();
      if (child == 0) {
        for (size_t at = 0; at < one->length; at += page_size) one->memory[at] = 4;
        _exit(0);
      }
      for (size_t at = 0; at < one->length; at += 2 * page_size) one->memory[at] = 5;
      waitpid(child, 0, 0);
    } else {
      struct stat unused;
      for (int i = 0; i < 40; ++i) {
        snprintf(name, sizeof name, "%s/no%d", folder, (int)below(100000));
        stat(name, &unused);
      }
    }
  }
}

// Pages that a pipe refers to: they cannot be migrated.
static void pin(size_t mib, unsigned seconds) {
  struct iovec pages = {.iov_base = touched(mib << 20), .iov_len = 16 * page_size};
  int ends[2];
  if (pipe(ends) != 0 || vmsplice(ends[1], &pages, 1, 0) < 0) exit(1);
  sleep(seconds);
}

// Rounds of huge pages, parts of which are given back.
static void huge(size_t mib, unsigned rounds, uint64_t number) {
  seed(number);
  const size_t length = mib << 20;
  for (; rounds != 0; --rounds) {
    char* const memory =
        mmap(0, length + huge_page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) exit(1);
    char* const aligned =
        memory + (huge_page_size - (uintptr_t)memory % huge_page_size) % huge_page_size;
    madvise(aligned, length, MADV_HUGEPAGE);
    for (size_t at = 0; at < length; at += page_size) {
      if (at / huge_page_size % 3 != 0 || at % huge_page_size == 0) aligned[at] = 1;
    }
    for (size_t i = 0; i < length / huge_page_size; ++i) {
      if (below(3) != 0) continue;
      give_back(aligned + i * huge_page_size + page_size * below(256), page_size * below(200));
    }
    munmap(memory, length + huge_page_size);
  }
}

static void interrupted(int signal) { (void)signal; }

// Takes a memory block offline, and gives up after some seconds. Returns 0 or errno.
static int offline(const char* path, unsigned seconds) {
  struct sigaction action = {.sa_handler = interrupted};
  sigaction(SIGALRM, &action, 0);
  const int fd = open(path, O_WRONLY);
  if (fd < 0) return errno;
  alarm(seconds);
  return write(fd, "offline", 7) < 0 ? errno : 0;
}

static int workload(int argc, char** argv) {
  if (argc > 3 && strcmp(argv[1], "on") == 0) {  // on CPU WORKLOAD ARG..
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((size_t)atoi(argv[2]), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    argc -= 2;
    argv += 2;
  }
  const char* const name = argv[1];
  unsigned number[8] = {0};
  for (int i = 2; i < argc && i < 8; ++i) number[i] = (unsigned)atoi(argv[i]);
#define IS(word) (strcmp(name, word) == 0)
  if (IS("anon")) return anon(number[2], number[3], number[4]), 0;
  if (IS("hold")) return hold(number[2], number[3], number[4]), 0;
  if (IS("slab")) return slab(number[2], number[3]), 0;
  if (IS("pin")) return pin(number[2], number[3]), 0;
  if (IS("huge")) return huge(number[2], number[3], number[4]), 0;
  if (argc < 3) return 2;
  if (IS("cache")) return cache(argv[2], number[3], number[4]), 0;
  if (IS("read")) return read_file(argv[2]), 0;
  if (IS("files")) return files(argv[2], number[3], number[4], number[5], number[6]), 0;
  if (IS("offline")) return offline(argv[2], number[3]);
  if (IS("mix") && argc > 4) return mix(number[2], number[3], argv[4], number[5]), 0;
#undef IS
  return 2;
}

// ---- The agent.

static int open_port(const char* path) {
  for (int tries = 0; tries < 600; ++tries) {
    const int fd = open(path, O_RDWR);
    if (fd >= 0) return fd;
    usleep(50000);
  }
  return -1;
}

static long wait_for(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start_shell(char* text) {
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/busybox", "sh", "-c", text, (char*)0);
    _exit(127);
  }
  return pid;
}

static pid_t start_workload(char* text) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  char* words[32] = {"guest"};
  int count = 1;
  for (char* word = strtok(text, " "); word && count < 31; word = strtok(0, " ")) words[count++] = word;
  execv("/guest", words);
  _exit(127);
}

static long write_file(char* text, int flags) {
  char* const blank = strchr(text, ' ');
  if (blank) *blank = 0;
  const char* const content = blank ? blank + 1 : "";
  const int fd = open(text, O_WRONLY | flags);
  if (fd < 0) return -errno;
  const long rc = write(fd, content, strlen(content)) < 0 ? -errno : 0;
  close(fd);
  return rc;
}

static long send_file(int port, const char* path) {
  long rc = 0;
  uint32_t length = 0;
  const int fd = open(path, O_RDONLY);
  if (fd < 0) rc = -errno;
  while (fd >= 0) {
    const ssize_t nr_read = read(fd, buffer, sizeof buffer);
    if (nr_read < 0 && errno == EINTR) continue;
    if (nr_read < 0) rc = -errno;
    if (nr_read <= 0) break;
    length = (uint32_t)nr_read;
    write_all(port, &length, sizeof length);
    write_all(port, buffer, length);
  }
  if (fd >= 0) close(fd);
  length = 0;
  write_all(port, &length, sizeof length);
  return rc;
}

static long obey(char* line, int data_port) {
  char* argument = strchr(line, ' ');
  if (!argument) return -EINVAL;
  *argument++ = 0;
#define IS(word) (strcmp(line, word) == 0)
  if (IS("shell")) return wait_for(start_shell(argument));
  if (IS("run")) return wait_for(start_workload(argument));
  if (IS("start")) return start_workload(argument);
  if (IS("wait")) return wait_for(atoi(argument));
  if (IS("append")) return write_file(argument, 0);
  if (IS("write")) return write_file(argument, O_TRUNC);
  if (IS("read")) return send_file(data_port, argument);
  if (IS("kill")) {
    if (kill(atoi(argument), SIGKILL) != 0) return -errno;
    wait_for(atoi(argument));
    return 0;
  }
#undef IS
  return -ENOSYS;
}

static int agent(void) {
  const int control = open_port("/dev/vport0p1");
  const int data = open_port("/dev/vport0p2");
  if (control < 0 || data < 0) return 1;
  write_all(control, "ready\n", 6);
  static char line[4096];
  size_t length = 0;
  for (;;) {
    char next;
    if (read(control, &next, 1) <= 0) {
      usleep(10000);
      continue;
    }
    if (next != '\n') {
      if (length < sizeof line - 1) line[length++] = next;
      continue;
    }
    line[length] = 0;
    length = 0;
    char answer[32];
    snprintf(answer, sizeof answer, "rc %ld\n", obey(line, data));
    write_all(control, answer, strlen(answer));
  }
}

int main(int argc, char** argv) { return argc < 2 ? agent() : workload(argc, argv); }
