#include "models/routing/trace.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "models/routing/gate.hpp"
#include "models/routing/sample_counter.hpp"

namespace orrery {
namespace {

Findings finding(std::string problem, std::string remedy) {
  return {{"routing.trace", std::move(problem), std::move(remedy)}};
}

std::string text(std::int64_t n) { return std::to_string(n); }

std::string gate_words(int per_token, int experts, int groups_per_token, int groups) {
  std::string words = text(per_token) + " of " + text(experts) + " experts";
  if (groups > 1) words += " in " + text(groups_per_token) + " of " + text(groups) + " groups";
  return words;
}

std::string gate_fault(const RoutingTrace& t) {
  if (t.experts < 1 || t.experts > most_experts)
    return text(t.experts) + " experts are not between 1 and " + text(most_experts);
  if (t.per_token < 1 || t.per_token > std::min(t.experts, most_chosen))
    return text(t.per_token) + " experts a token of " + text(t.experts) + " cannot be";
  if (t.groups < 1 || t.groups > most_groups || t.experts % t.groups != 0)
    return text(t.experts) + " experts do not divide into " + text(t.groups) + " groups";
  if (t.groups_per_token < 1 || t.groups_per_token > t.groups)
    return text(t.groups_per_token) + " groups a token of " + text(t.groups) + " cannot be";
  if (t.layers < 1 || t.tokens < 1) return "there are no tokens";
  const bool whole = std::int64_t(t.expert.size()) == t.layers * t.tokens * t.per_token;
  return whole ? "" : "the choices are not layers x tokens x experts a token";
}

/// Looks at one token after another; remembers who was chosen last by whom instead of clearing sets.
class ChoiceChecker {
 public:
  explicit ChoiceChecker(const RoutingTrace& trace)
      : trace_(trace),
        width_(trace.experts / trace.groups),
        last_choice_(std::size_t(trace.experts), -1),
        last_group_(std::size_t(trace.groups), -1) {}

  /// What is wrong with the token's choices; empty: nothing.
  std::string fault_of(const std::uint16_t* choice) {
    ++token_;
    int groups = 0;
    for (int slot = 0; slot < trace_.per_token; ++slot) {
      const std::uint16_t expert = choice[slot];
      if (expert >= trace_.experts)
        return "chooses expert " + text(expert) + " of " + text(trace_.experts) + ", counted from 0";
      if (std::exchange(last_choice_[expert], token_) == token_)
        return "chooses expert " + text(expert) + " twice";
      groups += std::exchange(last_group_[std::size_t(expert / width_)], token_) != token_;
    }
    if (groups <= trace_.groups_per_token) return "";
    return "reaches " + text(groups) + " groups, where the gate allows " + text(trace_.groups_per_token);
  }

 private:
  const RoutingTrace& trace_;
  int width_;
  std::int64_t token_ = 0;
  std::vector<std::int64_t> last_choice_, last_group_;
};

std::vector<int> random_order(int count, RandomStream& random) {
  std::vector<int> order(std::size_t(count), 0);
  std::iota(order.begin(), order.end(), 0);
  for (int i = count - 1; i > 0; --i)
    std::swap(order[std::size_t(i)], order[std::size_t(random.below(std::uint32_t(i + 1)))]);
  return order;
}

/// Where a window begins or ends; sums up to its end less sums up to its beginning are its counts.
struct Edge {
  std::int64_t token;
  std::size_t sample;
  enum class Side : std::uint8_t { Begin, End } side;
};

std::vector<Edge> edges_of(const std::vector<std::int64_t>& starts, int tokens) {
  std::vector<Edge> edges;
  for (std::size_t n = 0; n < starts.size(); ++n) {
    edges.push_back({starts[n], n, Edge::Side::Begin});
    edges.push_back({starts[n] + tokens, n, Edge::Side::End});
  }
  std::stable_sort(edges.begin(), edges.end(),
                   [](const Edge& a, const Edge& b) { return a.token < b.token; });
  return edges;
}

/// Unsigned counts wrap round, so what is taken away first comes back right.
void add_counts(const std::vector<std::uint32_t>& from, Edge::Side side, std::vector<std::uint32_t>& to) {
  to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] += side == Edge::Side::End ? from[i] : 0 - from[i];
}

/// All windows of one layer in a single walk over the tokens that any of them holds.
std::vector<RoutingSample> walk_windows(const RoutingShape& shape, const RoutingTrace& trace, int layer,
                                        const std::vector<std::uint16_t>& names,
                                        const std::vector<std::int64_t>& starts) {
  std::vector<RoutingSample> samples(starts.size());
  SampleCounter counter(shape);
  std::array<std::uint16_t, most_chosen> renamed;
  std::int64_t token = 0;
  int open = 0;
  for (const Edge& edge : edges_of(starts, shape.tokens)) {
    for (; open > 0 && token < edge.token; ++token) {
      const std::uint16_t* choice = trace.choice(layer, token % trace.tokens);
      for (int slot = 0; slot < trace.per_token; ++slot) renamed[std::size_t(slot)] = names[choice[slot]];
      counter.count({renamed.data(), std::size_t(trace.per_token)});
    }
    token = edge.token;
    open += edge.side == Edge::Side::Begin ? 1 : -1;
    RoutingSample& sample = samples[edge.sample];
    add_counts(counter.counted().expert_rows, edge.side, sample.expert_rows);
    add_counts(counter.counted().rank_copies, edge.side, sample.rank_copies);
    add_counts(counter.counted().domain_copies, edge.side, sample.domain_copies);
  }
  return samples;
}

}  // namespace

Findings check_choices(const RoutingTrace& trace) {
  const std::string gate = gate_fault(trace);
  if (!gate.empty()) return finding(gate, "the gate of a mixture of experts, as it was recorded");
  ChoiceChecker checker(trace);
  for (int layer = 0; layer < trace.layers; ++layer) {
    for (std::int64_t token = 0; token < trace.tokens; ++token) {
      const std::string fault = checker.fault_of(trace.choice(layer, token));
      if (fault.empty()) continue;
      return finding("token " + text(token) + " of layer " + text(layer) + " " + fault, "record it again");
    }
  }
  return {};
}

Findings check_trace(const RoutingTrace& trace, const Transformer& model, int tokens) {
  const Experts& e = *model.experts;
  const bool same = trace.experts == e.routed && trace.per_token == e.per_token && trace.groups == e.groups &&
                    trace.groups_per_token == e.groups_per_token;
  if (!same) {
    const std::string of = trace.model.empty() ? "" : " of " + trace.model;
    return finding("the trace" + of + " routes " +
                       gate_words(trace.per_token, trace.experts, trace.groups_per_token, trace.groups) +
                       "; " + model.name + " routes " +
                       gate_words(e.per_token, e.routed, e.groups_per_token, e.groups),
                   "a trace of the same gate; orrery validate writes some for a scenario's model");
  }
  if (trace.tokens >= tokens) return {};
  return finding("the trace has " + text(trace.tokens) + " tokens; a GPU's micro-batch has " + text(tokens),
                 "a longer trace");
}

double trace_spread(const RoutingTrace& trace, int ranks) {
  const int each = trace.experts / ranks;
  const double mean = double(trace.tokens) * trace.per_token / ranks;
  double squares = 0;
  for (int layer = 0; layer < trace.layers; ++layer) {
    std::vector<std::int64_t> rows(std::size_t(ranks), 0);
    const std::uint16_t* first = trace.choice(layer, 0);
    for (std::int64_t i = 0; i < trace.tokens * trace.per_token; ++i) ++rows[std::size_t(first[i] / each)];
    for (const std::int64_t n : rows) squares += (double(n) - mean) * (double(n) - mean);
  }
  return std::sqrt(squares / (double(trace.layers) * ranks)) / mean;
}

std::vector<std::uint16_t> expert_names(const RoutingTrace& trace, int layer, std::uint64_t seed) {
  RandomStream random(
      seed, {.owner = "routing trace", .purpose = "names of experts", .index = std::uint64_t(layer)});
  const int width = trace.experts / trace.groups;
  std::vector<std::uint16_t> names(std::size_t(trace.experts), 0);
  const std::vector<int> groups = random_order(trace.groups, random);
  for (int group = 0; group < trace.groups; ++group) {
    const std::vector<int> inside = random_order(width, random);
    for (int i = 0; i < width; ++i) {
      names[std::size_t(group * width + i)] =
          std::uint16_t(groups[std::size_t(group)] * width + inside[std::size_t(i)]);
    }
  }
  return names;
}

std::vector<std::int64_t> window_starts(const RoutingTrace& trace, int layer, int samples,
                                        std::uint64_t seed) {
  RandomStream random(seed, {.owner = "routing trace", .purpose = "window", .index = std::uint64_t(layer)});
  std::vector<std::int64_t> starts;
  for (int n = 0; n < samples; ++n) starts.push_back(std::int64_t(random.uniform() * double(trace.tokens)));
  return starts;
}

RoutingPool sample_trace(const RoutingShape& shape, const RoutingTrace& trace, const std::vector<int>& layers,
                         int samples, std::uint64_t seed) {
  RoutingPool pool{
      .shape = shape, .samples = {}, .first_of_layer = {}, .samples_of_layer = samples, .drawn = {}};
  const auto count = std::int64_t(layers.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const int layer = layers[std::size_t(i)];
    if (pool.first_of_layer.size() <= std::size_t(layer)) pool.first_of_layer.resize(std::size_t(layer) + 1);
    pool.first_of_layer[std::size_t(layer)] = std::int32_t(pool.samples.size());
    std::vector<RoutingSample> windows =
        walk_windows(shape, trace, int(i * trace.layers / count), expert_names(trace, layer, seed),
                     window_starts(trace, layer, samples, seed));
    std::move(windows.begin(), windows.end(), std::back_inserter(pool.samples));
  }
  std::int64_t ranks = 0, domains = 0;
  for (const RoutingSample& sample : pool.samples) {
    ranks = std::accumulate(sample.rank_copies.begin(), sample.rank_copies.end(), ranks);
    domains = std::accumulate(sample.domain_copies.begin(), sample.domain_copies.end(), domains);
  }
  const double tokens = double(shape.tokens) * double(pool.samples.size());
  pool.ranks_per_token = double(ranks) / tokens;
  pool.domains_per_token = double(domains) / tokens;
  return pool;
}

}  // namespace orrery
