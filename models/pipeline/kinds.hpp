#pragma once

#include "models/pipeline/schedule.hpp"

namespace orrery {

// The functions behind the rows of the catalogue, one pair a file.

/// What any schedule asks for: at least one rank and one micro-batch, and no more chunks than an
/// order can hold in memory. `stages_a_rank` counts those that one micro-batch passes.
Findings check_size(const PipelineShape& shape, int stages_a_rank);
Findings check_any(const PipelineShape& shape);  ///< For schedules that take any number of both.
int as_many_as_ranks(const PipelineShape& shape);

/// Ranks and micro-batches filled in; stage s of the only path lives on rank s modulo `ranks`.
PipelineSchedule empty_schedule(std::string_view name, const PipelineShape& shape, int stages);

PipelineSchedule gpipe(const PipelineShape& shape);
PipelineSchedule one_f_one_b(const PipelineShape& shape);

Findings check_interleaved(const PipelineShape& shape);
PipelineSchedule interleaved(const PipelineShape& shape);
int interleaved_stages(const PipelineShape& shape);

PipelineSchedule zb_h1(const PipelineShape& shape);
PipelineSchedule zb1p(const PipelineShape& shape);

Findings check_dual_pipe(const PipelineShape& shape);
PipelineSchedule dual_pipe(const PipelineShape& shape);

Findings check_dual_pipe_v(const PipelineShape& shape);
PipelineSchedule dual_pipe_v(const PipelineShape& shape);
int dual_pipe_v_stages(const PipelineShape& shape);

}  // namespace orrery
