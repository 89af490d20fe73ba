#include "scenarios/reading/routing_trace.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "reports/hdf5_arrays.hpp"

namespace orrery {
namespace {

/// A member of the trace by the name of its attribute.
struct GateNumber {
  const char* name;
  int RoutingTrace::*member;
};
constexpr GateNumber gate_numbers[] = {{"experts", &RoutingTrace::experts},
                                       {"per_token", &RoutingTrace::per_token},
                                       {"groups", &RoutingTrace::groups},
                                       {"groups_per_token", &RoutingTrace::groups_per_token}};

WantedArray wanted_array() {
  WantedArray wanted{.name = "expert",
                     .dimensions = {"layer", "token", "slot"},
                     .numbers = {},
                     .texts = {"model", "balancing", "text_hash"}};
  for (const GateNumber& number : gate_numbers) wanted.numbers.push_back(number.name);
  return wanted;
}

Findings finding(std::string problem, std::string remedy) {
  return {{"routing.trace", std::move(problem), std::move(remedy)}};
}

}  // namespace

std::string routing_trace_file(const RoutingTrace& trace) {
  WholeArray array{
      .name = "expert",
      .meaning = "routed experts that each token chose",
      .dimensions = {{"layer", trace.layers}, {"token", trace.tokens}, {"slot", trace.per_token}},
      .values = trace.expert,
      .numbers = {},
      .texts = {{"title", "token routing trace"},
                {"model", trace.model},
                {"balancing", trace.balancing},
                {"text_hash", fmt::format("{:016x}", trace.text_hash)}}};
  for (const GateNumber& number : gate_numbers) array.numbers.push_back({number.name, trace.*number.member});
  return to_hdf5(array);
}

Checked<RoutingTrace> read_routing_trace(std::string_view bytes) {
  Checked<RoutingTrace> read;
  Checked<WholeArray> array = read_hdf5_array(bytes, wanted_array());
  for (Finding& f : array.findings) {
    f.key = "routing.trace";
    read.findings.push_back(std::move(f));
  }
  if (!array.ok()) return read;
  RoutingTrace trace;
  for (std::size_t i = 0; i < std::size(gate_numbers); ++i) {
    const std::int64_t value = array.value.numbers[i].value;
    if (value < 1 || value > std::numeric_limits<std::uint16_t>::max()) {
      read.findings = finding(fmt::format("its attribute '{}' is {}", gate_numbers[i].name, value),
                              "what the gate has, from 1 on");
      return read;
    }
    trace.*gate_numbers[i].member = int(value);
  }
  trace.layers = int(array.value.dimensions[0].length);
  trace.tokens = array.value.dimensions[1].length;
  if (array.value.dimensions[2].length != trace.per_token) {
    read.findings = finding(fmt::format("its dataset 'expert' has {} slots a token, its gate chooses {}",
                                        array.value.dimensions[2].length, trace.per_token),
                            "a slot for every expert of a token");
    return read;
  }
  trace.expert = std::move(array.value.values);
  trace.model = array.value.texts[0].value;
  trace.balancing = array.value.texts[1].value;
  const std::string& hash = array.value.texts[2].value;
  const char* const end = hash.data() + hash.size();
  if (!hash.empty() && std::from_chars(hash.data(), end, trace.text_hash, 16).ptr != end) {
    read.findings =
        finding("its attribute 'text_hash' is not hexadecimal", "sixteen digits, or leave it out");
    return read;
  }
  read.findings = check_choices(trace);
  if (read.ok()) read.value = std::move(trace);
  return read;
}

}  // namespace orrery
