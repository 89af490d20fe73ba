#include "reports/own_process.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string_view>

namespace orrery {
namespace {

constexpr std::string_view end_mark = "whole";  // An answer without it was cut off.

void limit(__rlimit_resource resource, std::int64_t most) {
  const rlimit wanted{rlim_t(most), rlim_t(most)};
  ::setrlimit(resource, &wanted);
}

/// Bytes of address space; with sanitizers that is far more than memory.
std::int64_t mapped_bytes() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

/// Deaths are plain ones: no handler that prints, no core.
void prepare_to_die(const ProcessLimits& limits) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPIPE, SIGXCPU, SIGALRM})
    std::signal(signal, SIG_DFL);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  if (const std::int64_t mapped = mapped_bytes(); mapped > 0) limit(RLIMIT_AS, mapped + limits.more_memory);
}

void write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(to, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) bytes.remove_prefix(std::size_t(written));
  }
}

std::string read_all(int from, std::int64_t most) {
  std::string bytes;
  for (;;) {
    char part[1 << 16];
    const ssize_t got = ::read(from, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || std::int64_t(bytes.size()) > most) return bytes;
    bytes.append(part, std::size_t(got));
  }
}

}  // namespace

std::optional<std::string> answer_of_own_process(const ProcessLimits& limits,
                                                 const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const pid_t copy = ::fork();
  if (copy == 0) {
    ::close(ends[0]);  // Else it would wait for itself to read what nobody wants.
    prepare_to_die(limits);
    try {
      write_all(ends[1], work());
      write_all(ends[1], end_mark);
      std::_Exit(0);  // Nothing of the copied process is to be finished twice.
    } catch (...) {
      std::_Exit(1);
    }
  }
  ::close(ends[1]);
  std::string answer;
  if (copy > 0) answer = read_all(ends[0], limits.answer);
  ::close(ends[0]);
  int status = 0;
  while (copy > 0 && ::waitpid(copy, &status, 0) < 0 && errno == EINTR) {
  }
  const bool whole = copy > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && answer.ends_with(end_mark);
  if (!whole) return std::nullopt;
  answer.resize(answer.size() - end_mark.size());
  return answer;
}

}  // namespace orrery
