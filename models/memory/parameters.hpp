#pragma once

#include <vector>

#include "models/pipeline/schedule.hpp"
#include "models/work/stages.hpp"

namespace orrery {

/// Parameters that one rank holds.
struct RankParameters {
  std::int64_t dense = 0;           ///< Everything but routed experts, this rank's tensor share.
  std::int64_t expert = 0;          ///< Routed experts that live here.
  std::int64_t dense_products = 0;  ///< Of `dense`: matrices whose products an FP8 recipe runs in FP8.
  std::int64_t total() const { return dense + expert; }
};

/// Parameters of a rank that holds `stages`.
///
///   dense    attention, dense and shared networks, projections and tables over `tensor`; norms, routers and
///            MLA's down-projections whole (every tensor rank computes them); key-value heads fewer than
///            `tensor` repeat;
///   expert   routed experts / `expert` ranks.
/// The input table is there for an embedding or a multi-token-prediction module, the output table for a head;
/// each counts once on a rank however many blocks use it, and a tied pair once.
///
/// Source   DeepSeek-V3 report, arXiv 2412.19437, section 3.2.3 (shared embedding and head of MTP);
///          Megatron-LM's copies of a tied embedding and of the MTP embedding on the last stage.
/// Checked  tests/models/memory/parameters_test.cpp: one rank with every stage holds count_parameters' total
///          and the MTP module, exact; DeepSeek-V3's 32 stages of DualPipe sum to twice that.
/// Leaves out  the padding of vocabularies to a multiple of the tensor size.
RankParameters rank_parameters(const WorkShape& shape, const std::vector<const Stage*>& stages);

/// The stages that live on a pipeline rank, in model order: one, several (interleaved), or two mirrored
/// (DualPipe).
std::vector<int> stages_of_rank(const PipelineSchedule& schedule, int rank);
/// The same as blocks. Precondition: as many stages as the schedule has.
std::vector<const Stage*> stages_on_rank(const PipelineSchedule& schedule, const std::vector<Stage>& stages,
                                         int rank);

}  // namespace orrery
