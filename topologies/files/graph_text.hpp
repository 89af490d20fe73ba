#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"
#include "topologies/fabric.hpp"

namespace orrery {

/// A fabric as files hold it: boxes and cables in any order, each with the line where it stands.
struct GraphText {
  struct Box {
    std::string name;  ///< What cables call it.
    VertexKind kind;
    std::uint32_t group, index;
    int line = 0;
  };
  struct Cable {
    std::string from, to;
    BytesPerSecond rate{};  ///< Achieved, one direction; the same both ways.
    Seconds latency{};      ///< Of one direction.
    int line = 0;
  };
  std::string topology;
  std::vector<Box> boxes;
  std::vector<Cable> cables;
};

GraphText graph_text(const Fabric& fabric);

/// The fabric of boxes and cables. Findings, each with its line: a box given twice, a cable to a box that
/// there is not, nodes that differ, a GPU without NVLink, a NIC without a switch or with two, NICs whose
/// numbers do not follow their planes, switches that no NIC reaches.
/// Checked    tests/topologies/files_test.cpp: every topology of the catalogue comes back the same.
/// Leaves out nodes that differ in GPUs or NICs.
Checked<Fabric> fabric_from(const GraphText& text);

/// A text with thousands of faults says the first of them.
constexpr std::size_t most_findings = 20;

/// "line 12: " before a problem.
Finding at_line(int line, std::string problem, std::string remedy);

/// A whole number, or nothing: digits alone, below 2^31.
bool read_whole(std::string_view word, std::uint32_t& value);
/// A number of zero or more.
bool read_number(std::string_view word, double& value);
/// The shortest decimal that reads back as the same number.
std::string exact(double value);

/// A box or cable of words: what GraphML and DOT have in common.
using Attributes = std::map<std::string, std::string, std::less<>>;
void add_box(Checked<GraphText>& out, std::string name, const Attributes& of_it, int line);
void add_cable(Checked<GraphText>& out, std::string from, std::string to, const Attributes& of_it, int line);

}  // namespace orrery
