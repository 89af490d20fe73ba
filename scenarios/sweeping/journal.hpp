#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "reports/publish.hpp"
#include "scenarios/sweeping/figures.hpp"

namespace orrery {

/// What a journal belongs to. Points of another program, scenario or way of weighing are no answer here.
struct JournalKey {
  std::string program;   ///< "orrery 1.0.0".
  std::string scenario;  ///< As the user names it.
  std::string
      question;  ///< Fingerprint of the resolved scenario, the files it names, and how points are weighed.
  bool operator==(const JournalKey&) const = default;
};

/// 64 bits of FNV-1a as 16 hexadecimal digits: enough to see a torn or a changed line.
std::string fingerprint(std::string_view text);

/// Finished points, one line each, as JSON: {"point": [...], "outcome": ..., ..., "check": "16 digits"}. The
/// check is the fingerprint of the line up to it. The first line holds the key.
///
/// A line is written with one call, so a process that is killed leaves at most one torn line, the last, whose
/// check does not hold; it is cut off when the journal is next opened, and its point simulated again. Points
/// are found by what they are, so a sweep may be widened over the same journal. One process at a time: the
/// file is locked.
///
/// Leaves out  what a power cut takes before the system has written it: those points are simulated again.
class Journal {
 public:
  /// Opens or creates it and reads the points that are there. Findings: it belongs to another question
  /// (named), or another process holds it. A fault: the system refuses.
  static std::variant<Journal, Finding, PublishFault> open(const std::string& path, const JournalKey& key);

  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  /// The figures of a point that is already done.
  const Figures* find(const std::vector<std::string>& sets) const;
  std::size_t size() const { return done_.size(); }
  /// Adds a finished point at the end.
  std::optional<PublishFault> append(const std::vector<std::string>& sets, const Figures& figures);

 private:
  Journal(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::optional<PublishFault> write_line(const std::string& line);

  std::string path_;
  int descriptor_;
  std::map<std::vector<std::string>, Figures> done_;
};

/// The lines of a journal, first the key's: what a finished sweep leaves, in the order of its points.
std::string journal_head(const JournalKey& key);
std::string journal_line(const std::vector<std::string>& sets, const Figures& figures);

}  // namespace orrery
