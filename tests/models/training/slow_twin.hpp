#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "models/training/executor.hpp"
#include "models/training/shared_nic.hpp"

namespace orrery {

/// The executor's contract once more, as plainly as it can be said: one kernel at a time, every rank looked
/// at after every instant, seconds in double. Folded fidelity only.
class SlowTwin {
 public:
  SlowTwin(const StepRequest& request, SegmentCosts& prices) : r(request), costs(prices), m(request.members) {
    ranks.resize(std::size_t(r.schedule.ranks * m));
    for (int p = 0; p < r.schedule.ranks; ++p) {
      std::vector<ChunkProgram> row;
      for (const Op& op : r.schedule.order[std::size_t(p)]) row.push_back(program(op));
      programs.push_back(std::move(row));
    }
  }

  double makespan() {
    for (;;) {
      while (settle()) {
      }
      double next = infinity;
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        if (running(ranks[i])) next = std::min(next, now + ranks[i].left * kernel_length(i));
      }
      for (const auto& [at, what] : timers) next = std::min(next, at);
      if (next == infinity) return last;
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        Rank& rank = ranks[i];
        if (!running(rank)) continue;
        const double end = now + rank.left * kernel_length(i);
        if (end <= next + 1e-15) {
          rank.left = 1;
          ++rank.kernel;
        } else {
          rank.left -= (next - now) / kernel_length(i);
        }
      }
      now = next;
      while (!timers.empty() && timers.begin()->first <= now + 1e-15) {
        const Timer timer = timers.begin()->second;
        timers.erase(timers.begin());
        fire(timer);
      }
    }
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  struct Rank {
    std::size_t op = 0, step = 0, kernel = 0;
    double left = 1;  ///< Of the kernel that runs.
    bool started = false, in_step = false;
    std::size_t launched = 0, at_barrier = 0, done = 0;  ///< Transfers of the op.
    bool transferring = false;
    int sending = 0;  ///< Messages of the op before that have not left.
  };
  struct Timer {
    enum { Barrier, Ended, Left, Message } kind;
    std::size_t rank;
    std::pair<int, Chunk> message;
  };

  ChunkProgram program(const Op& op) const {
    const Stage none;
    const bool f = op.pass == Pass::Forward || op.pass == Pass::Overlapped;
    ChunkProgram p =
        weave(op.pass, f ? r.stages[std::size_t(op.forward.stage)] : none,
              op.pass == Pass::Forward ? none : r.stages[std::size_t(op.backward.stage)], r.overlap);
    if (!r.routing) p.transfers.clear();
    return p;
  }
  std::size_t pipeline_rank(std::size_t i) const { return i / std::size_t(m); }
  const ChunkProgram& current(std::size_t i) const { return programs[pipeline_rank(i)][ranks[i].op]; }
  const Op& op(std::size_t i) const { return r.schedule.order[pipeline_rank(i)][ranks[i].op]; }
  bool over(std::size_t i) const { return ranks[i].op == programs[pipeline_rank(i)].size(); }
  bool running(const Rank& rank) const { return rank.in_step; }

  const RoutedLayer& layer(std::size_t i, Side side, int block_layer) {
    const int micro_batch = (side == Side::Forward ? op(i).forward : op(i).backward).micro_batch;
    const auto [at, fresh] = routed.try_emplace({block_layer, micro_batch});
    if (fresh) at->second = route_layer(*r.routing, {r.seed, 0, block_layer, micro_batch}, r.row_spread);
    return at->second;
  }
  const SegmentCost& cost(std::size_t i) {
    const Step& step = current(i).steps[ranks[i].step];
    std::int64_t rows = 0;
    if (r.routing && has_experts(step.block.kind))
      rows = layer(i, step.side, step.block.layer).rows[i % std::size_t(m)];
    return costs.at(step.block.kind, step.segment, rows);
  }
  double kernel_length(std::size_t i) {
    const Rank& rank = ranks[i];
    const Beside beside = rank.transferring           ? Beside::Transfer
                          : rank.launched > rank.done ? Beside::Barrier
                                                      : Beside::Nothing;
    const auto& start = cost(i).start_ps[std::size_t(beside)];
    return double(start[rank.kernel + 1] - start[rank.kernel]) * 1e-12;
  }

  bool arrived(std::size_t i, int direction, const Chunk& chunk) const {
    return messages.contains({i, {direction, chunk}});
  }
  static std::int64_t ticks(double seconds) { return std::int64_t(seconds * 1e12 + 0.5); }
  bool batched() const { return r.messages == PipelineMessages::Batched; }
  std::size_t receiver(std::size_t i, Chunk chunk) const {
    return std::size_t(r.schedule.rank_of(chunk)) * std::size_t(m) + i % std::size_t(m);
  }
  bool travels(std::size_t i, Chunk chunk) const {
    return receiver(i, chunk) != i && r.pipeline_message > Bytes(0);
  }
  /// `together` messages share the NIC; alone they have it to themselves.
  void send(std::size_t i, int direction, Chunk chunk, int together) {
    if (!travels(i, chunk)) {
      timers.insert({now, {Timer::Message, receiver(i, chunk), {direction, chunk}}});
    } else {
      const std::int64_t alone = ticks((r.pipeline_message / r.pipeline_rate).value());
      const std::int64_t end = nics[receiver(i, chunk)].message(ticks(now), alone, together * alone);
      timers.insert({double(end) * 1e-12, {Timer::Left, i, {direction, chunk}}});
    }
  }
  std::vector<std::pair<int, Chunk>> results(std::size_t i) const {
    std::vector<std::pair<int, Chunk>> made;
    const Op& o = op(i);
    if (o.pass == Pass::Forward || o.pass == Pass::Overlapped)
      made.push_back({0, {o.forward.stage + 1, o.forward.micro_batch}});
    if (o.pass != Pass::Forward && o.pass != Pass::WeightBackward)
      made.push_back({1, {o.backward.stage - 1, o.backward.micro_batch}});
    std::erase_if(made, [&](const auto& message) {
      return message.second.stage < 0 || message.second.stage >= r.schedule.stages;
    });
    return made;
  }
  void send_eagerly(std::size_t i, int direction) {
    if (batched()) return;
    for (const auto& [d, chunk] : results(i)) {
      if (d == direction) send(i, d, chunk, 1);
    }
  }
  void send_batch(std::size_t i) {
    if (!batched()) return;
    const auto made = results(i);
    for (const auto& [d, chunk] : made) ranks[i].sending += travels(i, chunk);
    for (const auto& [d, chunk] : made) send(i, d, chunk, ranks[i].sending);
  }

  /// Everything that can happen at this instant; true when something did.
  bool settle() {
    bool changed = false;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      if (over(i)) continue;
      Rank& rank = ranks[i];
      const ChunkProgram& p = current(i);
      if (!rank.started) {
        if (rank.sending > 0) continue;
        const Op& o = op(i);
        const bool f = o.pass == Pass::Forward || o.pass == Pass::Overlapped,
                   b = o.pass != Pass::Forward && o.pass != Pass::WeightBackward;
        if (f && o.forward.stage > 0 && !arrived(i, 0, o.forward)) continue;
        if (b && o.backward.stage < r.schedule.stages - 1 && !arrived(i, 1, o.backward)) continue;
        rank.started = changed = true;
      }
      if (rank.in_step && rank.kernel == cost(i).kernels()) {
        if (int(rank.step) == p.backward_step) send_eagerly(i, 1);
        if (int(rank.step) == p.forward_step && (p.forward_transfer < 0 || p.transfers.empty()))
          send_eagerly(i, 0);
        rank.in_step = false;
        rank.kernel = 0;
        ++rank.step;
        changed = true;
      }
      if (rank.launched == rank.done && rank.launched < p.transfers.size() &&
          p.transfers[rank.launched].after_step < int(rank.step)) {
        const double prelude = r.transfers.prelude[std::size_t(p.transfers[rank.launched].kind)].value();
        ++rank.launched;
        timers.insert({now + prelude, {Timer::Barrier, i, {}}});
        changed = true;
      }
      if (!rank.in_step && rank.step < p.steps.size()) {
        const int wait = p.transfers.empty() ? -1 : p.steps[rank.step].waits_for;
        if (wait < 0 || std::size_t(wait) < rank.done) rank.in_step = changed = true;
      } else if (rank.step == p.steps.size() && rank.done == p.transfers.size()) {
        send_batch(i);
        rank = Rank{.op = rank.op + 1, .sending = rank.sending};
        last = now;
        changed = true;
      }
    }
    return changed;
  }

  void fire(const Timer& timer) {
    Rank& rank = ranks[timer.rank];
    if (timer.kind == Timer::Message) {
      messages.insert({timer.rank, timer.message});
    } else if (timer.kind == Timer::Left) {
      const auto [direction, chunk] = timer.message;
      if (const std::int64_t delay = nics[receiver(timer.rank, chunk)].take_message_delay(); delay > 0) {
        timers.insert({now + double(delay) * 1e-12, timer});
        return;
      }
      timers.insert(
          {now + r.pipeline_latency.value(), {Timer::Message, receiver(timer.rank, chunk), timer.message}});
      if (batched()) --rank.sending;
    } else if (timer.kind == Timer::Ended) {
      if (delayed(timer)) return;
      nics[timer.rank].transfer_over();
      if (int(rank.done) == current(timer.rank).forward_transfer) send_eagerly(timer.rank, 0);
      ++rank.done;
      rank.transferring = false;
    } else {
      ++rank.at_barrier;
      const std::size_t first = timer.rank / std::size_t(m) * std::size_t(m);
      for (std::size_t i = first; i < first + std::size_t(m); ++i) {
        if (ranks[i].at_barrier != ranks[i].done + 1 || ranks[i].op != rank.op || ranks[i].done != rank.done)
          return;
      }
      release(first);
    }
  }

  /// A rail ends together, later by the most that one of its NICs lost to messages.
  bool delayed(const Timer& timer) {
    const std::size_t rails = std::size_t(m / r.routing->shape.domains()),
                      first = timer.rank / std::size_t(m) * std::size_t(m);
    const std::size_t rail = timer.rank % std::size_t(m) % rails;
    if (timer.rank != first + rail)
      return rail_delay[first + rail] > 0;  // The first member of the rail asked for all.
    std::int64_t most = 0;
    for (std::size_t i = first + rail; i < first + std::size_t(m); i += rails)
      most = std::max(most, nics[i].take_transfer_delay());
    rail_delay[first + rail] = most;
    if (most == 0) return false;
    for (std::size_t i = first + rail; i < first + std::size_t(m); i += rails) {
      timers.insert({now + double(most) * 1e-12, {Timer::Ended, i, {}}});
    }
    return true;
  }

  void release(std::size_t first) {
    const Transfer& t = current(first).transfers[ranks[first].done];
    const RoutedLayer& routed_layer = layer(first, t.side, t.block.layer);
    const int domains = r.routing->shape.domains(), rails = m / domains;
    const auto& rates = (t.beside_compute ? r.transfers.beside : r.transfers.alone)[std::size_t(t.kind)];
    const auto& chunks = t.beside_compute ? r.transfers.chunks_beside : r.transfers.chunks_alone;
    const double token =
        double((outward(t.kind) ? r.transfers.outward_token : r.transfers.back_token).value());
    const auto busiest = [&](int rail) {
      double most = 0;
      for (int a = 0; a < domains; ++a) {
        double out = 0, in = 0;
        for (int b = 0; b < domains; ++b) {
          if (a == b) continue;
          out += routed_layer.sent[std::size_t((a * rails + rail) * domains + b)];
          in += routed_layer.sent[std::size_t((b * rails + rail) * domains + a)];
        }
        most = std::max({most, out, in});
      }
      return most * token;
    };
    const double inside = *std::max_element(routed_layer.received.begin(), routed_layer.received.end()) *
                          token * (rails > 1 ? double(rails - 1) / rails : 0);
    const double fill =
        fill_time({busiest(0), inside, r.routing->shape.tokens * r.routing->domains_per_token / domains},
                  rates, chunks)
            .value();
    for (int i = 0; i < m; ++i) {
      const double time =
          fill + std::max(busiest(i % rails) / rates.nic.value(), inside / rates.nvlink.value());
      ranks[first + std::size_t(i)].transferring = true;
      nics[first + std::size_t(i)].transfer(ticks(now + fill), ticks(now + time),
                                            ticks((r.pipeline_message / r.pipeline_rate).value()));
      timers.insert({now + time, {Timer::Ended, first + std::size_t(i), {}}});
    }
  }

  const StepRequest& r;
  SegmentCosts& costs;
  int m;
  std::vector<std::vector<ChunkProgram>> programs;
  std::vector<Rank> ranks;
  std::multimap<double, Timer> timers;
  std::set<std::pair<std::size_t, std::pair<int, Chunk>>> messages;  // Receiver, direction, chunk.
  std::map<std::pair<int, int>, RoutedLayer> routed;                 // [layer, micro-batch]
  std::map<std::size_t, SharedNic> nics;
  std::map<std::size_t, std::int64_t> rail_delay;
  double now = 0, last = 0;
};

}  // namespace orrery
