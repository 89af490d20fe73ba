#include "topologies/files/ib_records.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace orrery {
namespace {

/// Data rate of a lane, bits a second.
struct LaneRate {
  std::string_view word;
  double bits_per_s;
};
constexpr std::array lane_rates{LaneRate{"SDR", 2e9},    LaneRate{"DDR", 4e9},     LaneRate{"QDR", 8e9},
                                LaneRate{"FDR10", 10e9}, LaneRate{"FDR", 13.64e9}, LaneRate{"EDR", 25e9},
                                LaneRate{"HDR", 50e9},   LaneRate{"NDR", 100e9},   LaneRate{"XDR", 200e9}};

/// The words of one line, taken from the left.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  void skip_space() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
  }
  bool take(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool number_in_brackets(std::uint32_t& value) {
    if (!take("[")) return false;
    const std::size_t end = rest_.find(']');
    if (end == std::string_view::npos || !read_whole(rest_.substr(0, end), value)) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }
  /// "(b001)", if there.
  void guid_in_brackets() {
    if (!take("(")) return;
    const std::size_t end = rest_.find(')');
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  }
  bool whole(std::uint32_t& value) {
    skip_space();
    std::size_t end = 0;
    while (end < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[end]))) ++end;
    if (!read_whole(rest_.substr(0, end), value)) return false;
    rest_.remove_prefix(end);
    return true;
  }
  bool quoted(std::string& value) {
    if (!take("\"")) return false;
    const std::size_t end = rest_.find('"');
    if (end == std::string_view::npos) return false;
    value = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  /// From the first quote to the last: names may hold quotes.
  std::string widest_quoted() const {
    const std::size_t first = rest_.find('"'), last = rest_.rfind('"');
    if (first == std::string_view::npos || first == last) return {};
    return std::string(rest_.substr(first + 1, last - first - 1));
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Bytes a second of "4xNDR", the last word that looks so; zero where none does.
double rate_in(std::string_view text, std::string& word) {
  for (std::size_t x = text.rfind('x'); x != std::string_view::npos && x > 0; x = text.rfind('x', x - 1)) {
    std::size_t first = x, end = x + 1;
    while (first > 0 && std::isdigit(static_cast<unsigned char>(text[first - 1]))) --first;
    while (end < text.size() && !std::isspace(static_cast<unsigned char>(text[end]))) ++end;
    const bool starts = first == 0 || std::isspace(static_cast<unsigned char>(text[first - 1]));
    std::uint32_t lanes = 0;
    if (!starts || !read_whole(text.substr(first, x - first), lanes) || lanes > 12) continue;
    word = text.substr(first, end - first);
    for (const LaneRate& rate : lane_rates)
      if (text.substr(x + 1, end - x - 1) == rate.word) return lanes * rate.bits_per_s / 8;
    return 0;
  }
  word = text.substr(0, 40);
  return 0;
}

class Reading {
 public:
  explicit Reading(std::string_view text) : text_(text) {}

  Checked<IbRecords> read() {
    if (read_records()) check_ends();
    return {std::move(records_), std::move(findings_)};
  }

 private:
  void refuse(int line, std::string problem, std::string remedy) {
    if (findings_.size() < most_findings)
      findings_.push_back(at_line(line, std::move(problem), std::move(remedy)));
  }

  bool read_records() {
    int number = 0;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      std::string_view line = text_.substr(begin, end - begin);
      if (line.ends_with('\r')) line.remove_suffix(1);
      begin = end + 1;
      read_line(line, ++number);
      if (findings_.size() >= most_findings) break;
    }
    if (records_.all.empty() && findings_.empty())
      refuse(0, "there is no switch and no adapter", "what ibnetdiscover prints, GraphML or DOT");
    for (const IbRecord& record : records_.all)
      if (record.ports.size() > record.ports_told)
        refuse(record.line,
               "'" + record.name + "' has " + std::to_string(record.ports.size()) + " cables at " +
                   std::to_string(record.ports_told) + " ports",
               "a cable a port");
    return findings_.empty();
  }

  void read_line(std::string_view text, int number) {
    Line line(text);
    line.skip_space();
    const std::string_view rest = line.rest();
    if (rest.empty() || rest.front() == '#') return;
    for (const std::string_view word :
         {"vendid", "devid", "sysimgguid", "switchguid", "caguid", "rtguid", "Chassis", "Non-Chassis"})
      if (rest.starts_with(word)) return;
    if (rest.front() == '[') return read_port(line, number);
    IbRecord record;
    record.line = number;
    if (line.take("Switch")) {
      record.is_switch = true;
    } else if (!line.take("Ca") && !line.take("Hca")) {
      const bool router = line.take("Rt");
      const std::string shown(rest.substr(0, 40));
      return refuse(number, router ? "a router" : "found '" + shown + "'",
                    router ? "fabrics without routers" : "Switch, Ca, a port in brackets, or a comment");
    }
    if (!line.whole(record.ports_told) || !line.quoted(record.id))
      return refuse(number, "a record is cut short",
                    "ports and \"id\", as: Switch 64 \"S-0002c903\" # \"leaf0\"");
    record.name = line.widest_quoted();
    if (record.name.empty()) record.name = record.id;
    if (!records_.by_id.emplace(record.id, records_.all.size()).second)
      refuse(number,
             "the GUID of \"" + record.id + "\" stands already in line " +
                 std::to_string(records_.all[records_.by_id[record.id]].line),
             "one record a GUID");
    records_.all.push_back(std::move(record));
  }

  void read_port(Line& line, int number) {
    if (records_.all.empty())
      return refuse(number, "a port before any switch or adapter", "its record first");
    IbPort port;
    port.line = number;
    bool whole = line.number_in_brackets(port.number);
    line.guid_in_brackets();
    whole = whole && line.quoted(port.far) && line.number_in_brackets(port.far_number);
    if (!whole)
      return refuse(number, "a port line is cut short", "[1] \"S-0002c903\"[7] # \"leaf0\" lid 3 4xNDR");
    line.guid_in_brackets();
    std::string word;
    port.bytes_per_s = rate_in(line.rest(), word);
    if (port.bytes_per_s == 0)
      return refuse(number, "an unknown rate: '" + word + "'",
                    "lanes x SDR, DDR, QDR, FDR10, FDR, EDR, HDR, NDR or XDR");
    records_.all.back().ports.push_back(std::move(port));
  }

  /// Every cable is told twice, once from each end.
  bool check_ends() {
    for (IbRecord& record : records_.all) {
      std::sort(record.ports.begin(), record.ports.end(),
                [](const IbPort& a, const IbPort& b) { return a.number < b.number; });
      for (std::size_t i = 1; i < record.ports.size(); ++i)
        if (record.ports[i].number == record.ports[i - 1].number)
          refuse(record.ports[i].line,
                 "port " + std::to_string(record.ports[i].number) + " of '" + record.name + "' stands twice",
                 "a cable a port");
    }
    for (const IbRecord& record : records_.all) {
      for (const IbPort& port : record.ports) {
        const auto far = records_.by_id.find(port.far);
        if (far == records_.by_id.end()) {
          refuse(port.line, "a cable to \"" + port.far + "\", of which there is no record",
                 "the whole output");
          continue;
        }
        const std::vector<IbPort>& there = records_.all[far->second].ports;
        const auto end = std::lower_bound(there.begin(), there.end(), port.far_number,
                                          [](const IbPort& p, std::uint32_t n) { return p.number < n; });
        const bool agrees = end != there.end() && end->number == port.far_number && end->far == record.id &&
                            end->far_number == port.number;
        if (!agrees)
          refuse(port.line,
                 "the other end of this cable, port " + std::to_string(port.far_number) + " of '" +
                     records_.all[far->second].name + "', leads elsewhere",
                 "both ends of a cable alike");
      }
    }
    return findings_.empty();
  }

  std::string_view text_;
  Findings findings_;
  IbRecords records_;
};

}  // namespace

Checked<IbRecords> read_ib_records(std::string_view text) { return Reading(text).read(); }

}  // namespace orrery
