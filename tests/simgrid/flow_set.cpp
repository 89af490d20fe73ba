#include "tests/simgrid/flow_set.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <sstream>

namespace orrery {

FlowEnds ends_here(const FlowSet& set, Weights weights) {
  FlowEnds ends;
  ends.end_s.resize(set.flows.size());
  std::vector<std::vector<std::uint32_t>> followers(set.flows.size());
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < set.flows.size(); ++i) {
    if (set.flows[i].after) {
      followers[*set.flows[i].after].push_back(i);
    } else {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return set.flows[a].start < set.flows[b].start; });
  std::vector<PathLink> links;
  std::vector<std::uint32_t> first{0};
  for (const FlowSet::Flow& flow : set.flows) {
    for (const LinkIndex link : flow.route) links.push_back({link, 1.0f});
    first.push_back(std::uint32_t(links.size()));
  }

  const auto begin = std::chrono::steady_clock::now();
  FlowNetwork network(set.capacity);
  const auto start = [&](Picoseconds now, std::uint32_t i) {
    const double weight = weights == Weights::One ? 1.0 : double(set.flows[i].size.value());
    network.start(now, {.size = set.flows[i].size,
                        .weight = weight,
                        .path = std::span(links.data() + first[i], first[i + 1] - first[i]),
                        .tag = i});
  };
  std::vector<FlowNetwork::Completion> done;
  std::size_t next = 0;
  while (true) {
    const Picoseconds starts = next < order.size() ? set.flows[order[next]].start : never;
    const Picoseconds now = std::min(starts, network.next_completion());
    if (now == never) break;
    done.clear();
    network.advance(now, done);
    for (const FlowNetwork::Completion& completion : done) {
      ends.end_s[completion.tag] = to_seconds(completion.at).value();
      for (const std::uint32_t follower : followers[completion.tag]) start(now, follower);
    }
    while (next < order.size() && set.flows[order[next]].start == now) start(now, order[next++]);
  }
  ends.took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return ends;
}

namespace {

std::string to_text(const FlowSet& set) {
  std::string text = std::to_string(set.hosts) + " " + std::to_string(set.capacity.size()) + " " +
                     std::to_string(set.flows.size()) + "\n";
  char word[64];
  for (const BytesPerSecond capacity : set.capacity) {
    std::snprintf(word, sizeof word, "%.17g\n", capacity.value());
    text += word;
  }
  // SimGrid's program starts flows in the order of their lines.
  for (const FlowSet::Flow& flow : set.flows) {
    std::snprintf(word, sizeof word, "%u %u %lld %.17g ", flow.from, flow.to, (long long)flow.size.value(),
                  to_seconds(flow.start).value());
    text += word;
    text += (flow.after ? std::to_string(*flow.after) : "-1") + " " + std::to_string(flow.route.size());
    for (const LinkIndex link : flow.route) text += " " + std::to_string(link);
    text += "\n";
  }
  return text;
}

}  // namespace

std::optional<FlowEnds> ends_in_simgrid(const FlowSet& set, const std::string& program, double limit_s) {
  char name[] = "/tmp/orrery-flows-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0) return std::nullopt;
  close(file);
  std::ofstream(name) << to_text(set);
  const std::string command =
      "timeout " + std::to_string(limit_s) + " " + program + " < " + name + " 2>/dev/null";
  std::string output;
  std::FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, got);
  const int code = pclose(pipe);
  std::remove(name);
  if (code != 0) return std::nullopt;
  FlowEnds ends;
  std::istringstream words(output);
  for (double value; words >> value;) ends.end_s.push_back(value);
  if (ends.end_s.size() != set.flows.size() + 1) return std::nullopt;
  ends.took_s = ends.end_s.back();
  ends.end_s.pop_back();
  return ends;
}

}  // namespace orrery
