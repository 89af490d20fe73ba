#include "models/routing/routing.hpp"

#include <algorithm>
#include <array>

#include "sim/check.hpp"

namespace orrery {
namespace {

constexpr int most_experts = 1024, most_chosen = 64;

/// The gate of one token over `logit`; returns the chosen experts.
///
/// A group's score is the sum of its two largest where choice has a bias (DeepSeek-V3), its largest where
/// it has none (V2).
int choose(const Experts& e, const std::array<std::uint32_t, most_experts>& logit,
           std::array<int, most_chosen>& chosen) {
  const int width = e.routed / e.groups;
  const bool two = e.selection_bias;
  std::array<std::pair<std::uint64_t, int>, 64> score;
  for (int g = 0; g < e.groups; ++g) {
    std::uint32_t first = 0, second = 0;
    for (int i = g * width; i < (g + 1) * width; ++i) {
      const std::uint32_t v = logit[std::size_t(i)];
      second = std::max(second, std::min(first, v));
      first = std::max(first, v);
    }
    score[std::size_t(g)] = {two ? std::uint64_t(first) + second : first, g};
  }
  std::partial_sort(score.begin(), score.begin() + e.groups_per_token, score.begin() + e.groups,
                    [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  // A short insertion list beats a heap for eight of 128.
  std::array<std::uint32_t, most_chosen> best;
  int kept = 0;
  for (int s = 0; s < e.groups_per_token; ++s) {
    const int g = score[std::size_t(s)].second;
    for (int i = g * width; i < (g + 1) * width; ++i) {
      const std::uint32_t v = logit[std::size_t(i)];
      if (kept == e.per_token && v <= best[std::size_t(kept - 1)]) continue;
      int at = kept < e.per_token ? kept++ : kept - 1;
      for (; at > 0 && best[std::size_t(at - 1)] < v; --at) {
        best[std::size_t(at)] = best[std::size_t(at - 1)];
        chosen[std::size_t(at)] = chosen[std::size_t(at - 1)];
      }
      best[std::size_t(at)] = v;
      chosen[std::size_t(at)] = i;
    }
  }
  return kept;
}

}  // namespace

RoutingPool sample_routing(const RoutingShape& shape, int samples, std::uint64_t seed) {
  const Experts& e = *shape.experts;
  ORRERY_CHECK(e.routed <= most_experts && e.per_token <= most_chosen && e.groups <= 64);
  const int per_rank = e.routed / shape.ranks, domains = shape.domains();
  const int ranks_per_domain = shape.ranks / domains;

  // Offsets in units of a uniform logit's 32 bits, clipped so that the sum stays within 32 bits.
  std::vector<std::uint32_t> offset(std::size_t(e.routed), 0);
  RandomStream popularity(seed, {.owner = "gate", .purpose = "popularity"});
  for (auto& o : offset) o = std::uint32_t(std::clamp(0.5 + 0.25 * shape.popularity * popularity.normal(), 0.0, 1.0) * 0x1p31);

  RoutingPool pool{.shape = shape, .samples = {}};
  std::int64_t ranks_seen = 0, domains_seen = 0;
  std::array<std::uint32_t, most_experts> logit{};
  std::array<int, most_chosen> chosen{};
  for (int n = 0; n < samples; ++n) {
    RandomStream gate(seed, {.owner = "gate", .purpose = "token logits", .index = std::uint64_t(n)});
    RoutingSample sample;
    sample.expert_rows.assign(std::size_t(e.routed), 0);
    sample.rank_copies.assign(std::size_t(shape.ranks), 0);
    sample.domain_copies.assign(std::size_t(domains), 0);
    for (int t = 0; t < shape.tokens; ++t) {
      for (int i = 0; i < e.routed; i += 2) {
        const std::uint64_t bits = gate.bits();
        logit[std::size_t(i)] = (std::uint32_t(bits) >> 1) + offset[std::size_t(i)];
        if (i + 1 < e.routed) logit[std::size_t(i + 1)] = (std::uint32_t(bits >> 32) >> 1) + offset[std::size_t(i + 1)];
      }
      const int count = choose(e, logit, chosen);
      std::array<std::uint64_t, most_experts / 64> rank_seen{};
      std::uint64_t domain_seen[4] = {};
      for (int c = 0; c < count; ++c) {
        const int expert = chosen[std::size_t(c)], rank = expert / per_rank, domain = rank / ranks_per_domain;
        ++sample.expert_rows[std::size_t(expert)];
        const std::uint64_t rank_bit = 1ull << (rank % 64), domain_bit = 1ull << (domain % 64);
        if (!(rank_seen[std::size_t(rank / 64)] & rank_bit)) ++sample.rank_copies[std::size_t(rank)], ++ranks_seen;
        if (!(domain_seen[(domain / 64) % 4] & domain_bit)) ++sample.domain_copies[std::size_t(domain)], ++domains_seen;
        rank_seen[std::size_t(rank / 64)] |= rank_bit;
        domain_seen[(domain / 64) % 4] |= domain_bit;
      }
    }
    pool.samples.push_back(std::move(sample));
  }
  const double tokens = double(shape.tokens) * samples;
  pool.ranks_per_token = double(ranks_seen) / tokens;
  pool.domains_per_token = double(domains_seen) / tokens;
  return pool;
}

RoutedLayer route_layer(const RoutingPool& pool, const LayerKey& key, double row_spread) {
  const RoutingShape& s = pool.shape;
  const int experts = s.experts->routed, per_rank = experts / s.ranks, domains = s.domains();
  const int ranks_per_domain = s.ranks / domains;
  const std::uint64_t index = (std::uint64_t(std::uint32_t(key.group)) << 48) ^
                              (std::uint64_t(std::uint32_t(key.layer)) << 32) ^ std::uint32_t(key.micro_batch);
  RandomStream draw(key.seed, {.owner = "routing", .purpose = "sample of a source rank", .index = index});

  // The gate of the pool does not know one domain from another, so each use of a sample may turn the
  // domains: 128 samples become 128 x domains.
  std::vector<std::int64_t> rows(std::size_t(experts), 0);
  RoutedLayer layer;
  layer.received.assign(std::size_t(s.ranks), 0);
  layer.sent.assign(std::size_t(s.ranks) * std::size_t(domains), 0);
  const int experts_per_domain = experts / domains;
  for (int source = 0; source < s.ranks; ++source) {
    const std::uint64_t bits = draw.bits();
    const RoutingSample& sample = pool.samples[std::size_t((bits >> 32) % pool.samples.size())];
    const int turn = s.popularity > 0 ? 0 : int(bits % std::uint64_t(domains));
    for (int to = 0; to < domains; ++to) {
      const int from = (to + turn) % domains;
      const std::uint32_t* expert = &sample.expert_rows[std::size_t(from * experts_per_domain)];
      std::int64_t* sum = &rows[std::size_t(to * experts_per_domain)];
      for (int i = 0; i < experts_per_domain; ++i) sum[i] += expert[i];
      const std::uint32_t* copies = &sample.rank_copies[std::size_t(from * ranks_per_domain)];
      std::int32_t* received = &layer.received[std::size_t(to * ranks_per_domain)];
      for (int i = 0; i < ranks_per_domain; ++i) received[i] += std::int32_t(copies[i]);
      layer.sent[std::size_t(source * domains + to)] = std::int32_t(sample.domain_copies[std::size_t(from)]);
    }
  }

  RandomStream spread(key.seed, {.owner = "routing", .purpose = "row spread", .index = index});
  std::vector<double> factor(std::size_t(s.ranks), 1.0);
  for (auto& f : factor) f = row_spread > 0 ? std::max(0.1, 1 + row_spread * spread.normal()) : 1.0;
  layer.rows.resize(std::size_t(s.ranks));
  for (int rank = 0; rank < s.ranks; ++rank) {
    std::int64_t padded = 0;
    for (int i = rank * per_rank; i < (rank + 1) * per_rank; ++i) {
      const auto scaled = std::int64_t(double(rows[std::size_t(i)]) * factor[std::size_t(rank)] + 0.5);
      padded += (scaled + row_tile - 1) / row_tile * row_tile;
    }
    layer.rows[std::size_t(rank)] = std::int32_t(padded);
    layer.received[std::size_t(rank)] = std::int32_t(layer.received[std::size_t(rank)] * factor[std::size_t(rank)] + 0.5);
  }
  for (int to = 0; to < domains; ++to) {
    double mean = 0;
    for (int i = 0; i < ranks_per_domain; ++i) mean += factor[std::size_t(to * ranks_per_domain + i)];
    mean /= ranks_per_domain;
    for (int source = 0; source < s.ranks; ++source) {
      auto& sent = layer.sent[std::size_t(source * domains + to)];
      sent = std::int32_t(sent * mean + 0.5);
    }
  }
  return layer;
}

}  // namespace orrery
