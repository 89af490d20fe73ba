#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "models/kernels/family.hpp"
#include "models/work/work.hpp"
#include "sim/time.hpp"

namespace orrery {

/// One segment with prices: running sums of kernel times, so that a cursor may jump over any number of
/// kernels at once and still know in which one it stands.
struct SegmentCost {
  /// [what runs beside][kernel] time from the segment's start to that kernel's start; one more for the end.
  std::array<std::vector<std::int64_t>, beside_count> start_ps;
  std::vector<std::string_view> names;  ///< [kernel]
  int launches = 0;                     ///< Kernels on the GPU; a chain of small ones is one entry here.
  double flops = 0;

  std::size_t kernels() const { return names.size(); }
};

/// Time of a collective that the compute stream waits for.
using MessageTime = std::function<Seconds(const Message&)>;

/// What a segment costs on some machine. `rows`: expert rows, a multiple of the row tile; ignored where the
/// segment has no experts.
using Pricer = std::function<SegmentCost(BlockKind kind, Segment segment, std::int64_t rows)>;

/// A kernel family's prices on a GPU. While the communication stream is busy it holds `communication_sms`.
/// `message` times the collectives that the compute stream waits for (they do not slow down beside a
/// transfer).
struct Machine {
  WorkShape shape;
  KernelFamily family;
  GpuSpec gpu;
  int communication_sms = 0;
  MessageTime message;
};
Pricer price_on(Machine machine);
/// All launches of a call with the gaps between them.
Seconds call_time(const Machine& machine, const KernelCall& call, Beside beside);

/// Whether a segment's price depends on the expert rows at all.
bool priced_by_rows(BlockKind kind, Segment segment);

/// Prices segments on demand and keeps them. Expert rows come in whole tiles, so the few hundred row counts
/// of a run need a few hundred entries, each exact.
class SegmentCosts {
 public:
  explicit SegmentCosts(Pricer pricer);
  const SegmentCost& at(BlockKind kind, Segment segment, std::int64_t rows);

 private:
  Pricer pricer_;
  std::vector<std::vector<std::unique_ptr<SegmentCost>>> kept_;  // [kind and segment][rows / tile]
};

}  // namespace orrery
