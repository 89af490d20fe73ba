#include "scenarios/sweeping/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "sim/hash.hpp"

namespace orrery {
namespace {

using Json = nlohmann::ordered_json;

std::string checked_line(const Json& json) {
  std::string line = json.dump();
  line.pop_back();
  return fmt::format("{},\"check\":\"{}\"}}\n", line, fingerprint(line));
}

/// The tree of a line whose check holds; none of any other.
std::optional<Json> read_line(std::string_view line) {
  const std::size_t at = line.rfind(",\"check\":\"");
  if (at == std::string_view::npos) return std::nullopt;
  if (line.substr(at) != fmt::format(",\"check\":\"{}\"}}", fingerprint(line.substr(0, at))))
    return std::nullopt;
  Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

PublishFault fault_now(const std::string& path, const char* operation) {
  return {path, operation, std::generic_category().message(errno)};
}

std::optional<std::string> read_all(int descriptor) {
  std::string text;
  char piece[1 << 16];
  for (;;) {
    const ssize_t got = ::read(descriptor, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(piece, std::size_t(got));
  }
}

Finding no_journal(const std::string& path) {
  return {"--out", path + " is no journal of orrery", "another folder (--out), or remove that file"};
}

Finding foreign(const std::string& path, const Json& head, const JournalKey& key) {
  const auto of = [&](const char* name) { return head.value(name, "?"); };
  std::string whose;
  if (of("program") != key.program) {
    whose = fmt::format("{} wrote it, this is {}", of("program"), key.program);
  } else if (of("scenario") != key.scenario) {
    whose = fmt::format("it is of {}, this sweep of {}", of("scenario"), key.scenario);
  } else {
    whose = fmt::format("{} or an option has changed since: {} there, {} now", key.scenario, of("question"),
                        key.question);
  }
  return {"--out", path + " is the journal of another sweep: " + whose,
          "another folder (--out), or remove that file to begin anew"};
}

}  // namespace

std::string fingerprint(std::string_view text) { return fmt::format("{:016x}", fnv1a(text)); }

std::string journal_head(const JournalKey& key) {
  return checked_line({{"journal", "orrery-sweep-1"},
                       {"program", key.program},
                       {"scenario", key.scenario},
                       {"question", key.question}});
}

std::string journal_line(const std::vector<std::string>& sets, const Figures& figures) {
  Json json{{"point", sets}};
  json.update(to_json(figures));
  return checked_line(json);
}

std::variant<Journal, Finding, PublishFault> Journal::open(const std::string& path, const JournalKey& key) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor < 0) return fault_now(path, "open");
  Journal journal(path, descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fault_now(path, "lock");
    return Finding{"--out", path + " is being written by another process",
                   "wait for it, or choose another folder (--out)"};
  }
  const std::optional<std::string> text = read_all(descriptor);
  if (!text) return fault_now(path, "read");

  std::string sound;
  bool first = true;
  for (std::size_t start = 0; start < text->size();) {
    const std::size_t end = text->find('\n', start);
    if (end == std::string::npos) {  // Torn: a line that was never finished.
      if (first && !journal_head(key).starts_with(*text)) return no_journal(path);
      break;
    }
    const std::string_view line(text->data() + start, end - start);
    start = end + 1;
    const std::optional<Json> json = read_line(line);
    if (first && (!json || !json->contains("journal"))) return no_journal(path);
    if (first && journal_head(key) != std::string(line) + "\n") return foreign(path, *json, key);
    first = false;
    if (!json) continue;
    sound.append(line).append("\n");
    if (json->contains("point"))
      journal.done_.emplace(json->at("point").get<std::vector<std::string>>(), figures_of(*json));
  }
  if (sound.size() != text->size()) {
    const bool torn =
        text->starts_with(sound);  // Else a line in the middle is damaged: the sound ones are put back.
    if (::ftruncate(descriptor, torn ? off_t(sound.size()) : 0) != 0) return fault_now(path, "shorten");
    if (!torn) {
      if (auto fault = journal.write_line(sound)) return *fault;
    }
  }
  if (first) {
    if (auto fault = journal.write_line(journal_head(key))) return *fault;
  }
  return journal;
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      done_(std::move(other.done_)) {}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

const Figures* Journal::find(const std::vector<std::string>& sets) const {
  const auto at = done_.find(sets);
  return at == done_.end() ? nullptr : &at->second;
}

std::optional<PublishFault> Journal::write_line(const std::string& line) {
  for (std::size_t written = 0; written < line.size();) {
    const ssize_t got = ::write(descriptor_, line.data() + written, line.size() - written);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault_now(path_, "write");
    written += std::size_t(got);
  }
  return std::nullopt;
}

std::optional<PublishFault> Journal::append(const std::vector<std::string>& sets, const Figures& figures) {
  if (auto fault = write_line(journal_line(sets, figures))) return fault;
  done_.emplace(sets, figures);
  return std::nullopt;
}

}  // namespace orrery
