#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "models/reference/ledger.hpp"
#include "models/work/work.hpp"

namespace orrery {

/// One product of a block: what the reference calls it, and the simulator.
struct ProductRow {
  reference::Operation operation;
  std::string_view word;
  /// Names of the simulator's forward calls; gradients' names begin with one of them.
  std::array<std::string_view, 2> calls;
};

/// Products of a kind of block, in the order of the forward pass.
std::span<const ProductRow> products_of(BlockKind kind);

/// Which pass of a product a call of the simulator is: forward's name in a backward segment is a
/// recomputation.
std::optional<reference::Pass> pass_of(const KernelCall& call, Segment segment, const ProductRow& row);

/// "F", "B", "W", "R"
std::string_view pass_letter(reference::Pass pass);

}  // namespace orrery
