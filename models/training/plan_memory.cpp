#include "models/training/plan_memory.hpp"

#include <cmath>

namespace orrery {

MemoryRequest memory_request(const TrainingPlan& plan) {
  MemoryRequest request;
  request.shape = work_shape(plan);
  request.schedule = find_schedule(plan.schedule)->build(pipeline_shape(plan));
  request.stages = plan_stages(plan);
  request.state = {.weight = plan.optimizer.weight_bytes,
                   .gradient = plan.optimizer.gradient_bytes,
                   .master = plan.optimizer.master_bytes,
                   .moment = plan.optimizer.moment_bytes};
  const int held_twice = int(request.schedule.paths.size());
  const int lanes = plan.gpus_per_pipeline_rank();
  request.dense_copies = plan.optimizer.sharded ? plan.data() * plan.context * held_twice : 1;
  request.expert_copies = plan.optimizer.sharded ? lanes / plan.expert * held_twice : 1;
  // What a rank keeps is a sum over its live chunks' layers, each with its own draw: the fullest of some
  // thousand ranks lies 3.5 deviations of that sum up.
  const double draws = double(plan.pipeline + 1) * (plan.model.layers + plan.model.predict_layers) /
                       double(request.stages.size());
  const double spread = plan.trace ? trace_spread(*plan.trace, plan.expert) : plan.row_spread;
  request.expert_rows = 1 + 3.5 * spread / std::sqrt(draws);
  request.ranks_per_node = plan.node.gpus;
  if (plan.layer_messages == LayerMessages::AllReduce) request.rules.split = TensorSplit::Matrices;
  return request;
}

}  // namespace orrery
