#include "models/routing/routing.hpp"

#include <algorithm>
#include <numeric>

#include "models/routing/gate.hpp"
#include "models/routing/sample_counter.hpp"

namespace orrery {
namespace {

/// Popularity as what each expert's logit has more than others'; none while all are alike.
std::vector<std::int16_t> popularity_offsets(const RoutingShape& shape, std::uint64_t seed) {
  std::vector<std::int16_t> offset;
  if (shape.popularity == 0) return offset;
  RandomStream popularity(seed, {.owner = "gate", .purpose = "popularity"});
  for (int expert = 0; expert < shape.experts->routed; ++expert) {
    offset.push_back(logit_key(shape.popularity * popularity.normal()));
  }
  return offset;
}

/// sum[i] += counts[i], eight at a time as compilers turn into vectors.
void add(const std::uint32_t* counts, int length, std::uint32_t* sum) {
  int i = 0;
  for (; i + 8 <= length; i += 8) {
    for (int k = 0; k < 8; ++k) sum[i + k] += counts[i + k];
  }
  for (; i < length; ++i) sum[i] += counts[i];
}

/// The same with the counts of part `turn` first and those before it last.
void add_turned(const std::vector<std::uint32_t>& counts, int turn, std::vector<std::uint32_t>& sum) {
  const int rest = int(counts.size()) - turn;
  add(counts.data() + turn, rest, sum.data());
  add(counts.data(), turn, sum.data() + rest);
}

/// A sample of the whole pool, or of the layer's part of it. `bits`: 32 random ones.
const RoutingSample& drawn_sample(const RoutingPool& pool, int layer, std::uint64_t bits) {
  if (pool.first_of_layer.empty()) return pool.samples[bits * pool.samples.size() >> 32];
  const auto first = std::size_t(pool.first_of_layer[std::size_t(layer)]);
  return pool.samples[first + (bits * std::uint64_t(pool.samples_of_layer) >> 32)];
}

}  // namespace

RoutingPool sample_routing(const RoutingShape& shape, int samples, std::uint64_t seed) {
  const Experts& e = *shape.experts;
  Gate gate(e, popularity_offsets(shape, seed));
  SampleCounter counter(shape);
  RoutingPool pool{.shape = shape, .samples = {}, .first_of_layer = {}, .drawn = {}};
  for (int n = 0; n < samples; ++n) {
    RandomStream draws(seed, {.owner = "gate", .purpose = "token logits", .index = std::uint64_t(n)});
    counter.start();
    for (int token = 0; token < shape.tokens; ++token) {
      const Gate::Choice choice = gate.choose(draws);
      counter.count({choice.expert.data(), std::size_t(choice.count)});
    }
    pool.samples.push_back(counter.take());
  }
  const double tokens = double(shape.tokens) * samples;
  pool.ranks_per_token = double(counter.ranks_reached) / tokens;
  pool.domains_per_token = double(counter.domains_reached) / tokens;
  return pool;
}

RoutingPool with_copies_for_ranks(RoutingPool pool) {
  const int domains = pool.shape.domains(), each = pool.shape.ranks / domains;
  for (RoutingSample& sample : pool.samples) {
    for (int domain = 0; domain < domains; ++domain) {
      const auto first = sample.rank_copies.begin() + domain * each;
      sample.domain_copies[std::size_t(domain)] = std::accumulate(first, first + each, 0u);
    }
  }
  pool.domains_per_token = pool.ranks_per_token;
  return pool;
}

const RoutedLayer* DrawnLayers::find(const LayerKey& key, double spread) const {
  const auto layer = std::size_t(key.layer), micro_batch = std::size_t(key.micro_batch);
  if (key.seed != seed || spread != row_spread || key.group != 0 || layer >= layers.size()) return nullptr;
  return micro_batch < layers[layer].size() ? &layers[layer][micro_batch] : nullptr;
}

RoutedLayer route_layer(const RoutingPool& pool, const LayerKey& key, double row_spread) {
  const RoutingShape& s = pool.shape;
  const int experts = s.experts->routed, per_rank = experts / s.ranks, domains = s.domains();
  const int ranks_per_domain = s.ranks / domains;
  const std::uint64_t index = (std::uint64_t(std::uint32_t(key.group)) << 48) ^
                              (std::uint64_t(std::uint32_t(key.layer)) << 32) ^
                              std::uint32_t(key.micro_batch);
  RandomStream draw(key.seed, {.owner = "routing", .purpose = "sample of a source rank", .index = index});

  // The gate of the pool does not know one domain from another, so each use of a sample may turn the
  // domains: 128 samples become 128 x domains.
  std::vector<std::uint32_t> rows(std::size_t(experts), 0), received(std::size_t(s.ranks), 0);
  RoutedLayer layer;
  layer.sent.resize(std::size_t(s.ranks) * std::size_t(domains));
  const int experts_per_domain = experts / domains;
  const bool stays = s.popularity > 0 || !pool.first_of_layer.empty();
  for (int source = 0; source < s.ranks; ++source) {
    const std::uint64_t bits = draw.bits();
    const RoutingSample& sample = drawn_sample(pool, key.layer, bits >> 32);
    const int turn = stays ? 0 : int((bits & 0xFFFFFFFF) * std::uint64_t(domains) >> 32);
    add_turned(sample.expert_rows, turn * experts_per_domain, rows);
    add_turned(sample.rank_copies, turn * ranks_per_domain, received);
    std::int32_t* sent = &layer.sent[std::size_t(source * domains)];
    std::copy(sample.domain_copies.begin() + turn, sample.domain_copies.end(), sent);
    std::copy(sample.domain_copies.begin(), sample.domain_copies.begin() + turn, sent + domains - turn);
  }

  RandomStream spread(key.seed, {.owner = "routing", .purpose = "row spread", .index = index});
  std::vector<double> factor(std::size_t(s.ranks), 1.0);
  for (auto& f : factor) f = row_spread > 0 ? std::max(0.1, 1 + row_spread * spread.normal()) : 1.0;
  layer.rows.resize(std::size_t(s.ranks));
  layer.received.resize(std::size_t(s.ranks));
  for (int rank = 0; rank < s.ranks; ++rank) {
    std::int64_t padded = 0;
    for (int i = rank * per_rank; i < (rank + 1) * per_rank; ++i) {
      const auto scaled = std::int64_t(double(rows[std::size_t(i)]) * factor[std::size_t(rank)] + 0.5);
      padded += (scaled + row_tile - 1) / row_tile * row_tile;
    }
    layer.rows[std::size_t(rank)] = std::int32_t(padded);
    layer.received[std::size_t(rank)] =
        std::int32_t(received[std::size_t(rank)] * factor[std::size_t(rank)] + 0.5);
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
