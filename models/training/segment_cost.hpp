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

/// Prices segments on demand and keeps them. Expert rows come in whole tiles, so the few hundred row counts
/// of a run need a few hundred entries, each exact.
class SegmentCosts {
 public:
  SegmentCosts(WorkShape shape, KernelFamily family, GpuSpec gpu, int communication_sms, MessageTime message);

  /// `rows`: expert rows, a multiple of the row tile; ignored where the segment has no experts.
  const SegmentCost& at(BlockKind kind, Segment segment, std::int64_t rows);

  const WorkShape& shape() const { return shape_; }
  Seconds time(const KernelCall& call, Beside beside) const;  ///< All its launches with their gaps.

 private:
  SegmentCost price(BlockKind kind, Segment segment, std::int64_t rows) const;

  WorkShape shape_;
  KernelFamily family_;
  GpuSpec gpu_;
  int communication_sms_;
  MessageTime message_;
  std::vector<std::vector<std::unique_ptr<SegmentCost>>> kept_;  // [kind and segment][rows / tile]
};

}  // namespace orrery
