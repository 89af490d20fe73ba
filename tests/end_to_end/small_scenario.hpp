#pragma once

namespace orrery {

/// A mixture of experts on 32 GPUs with a ramp, a second phase and given hours: all the parts of the main
/// case, in a tenth of a second.
inline constexpr const char* small_scenario = R"(orrery = 1
title = "a small mixture of experts"
[model]
config = "deepseek-v2-lite"
[cluster]
gpu = "h800"
nodes = 4
topology = "multi-plane-fat-tree"
switch = "qm9700"
[plan]
pipeline = 2
expert = 16
schedule = "dualpipe"
fallback_schedule = "zb1p"
global_batch = 128
sequence = 4096
precision = "fp8"
kernels = "dualpipe_trace"
recompute = ["norm", "up_projection", "swiglu"]
[routing]
row_spread = "7.6 %"
samples = 16
[train]
tokens = "1 B"
ramp_from = 32
ramp_tokens = "100 M"
[[phase]]
name = "longer"
steps = 10
sequence = 8192
global_batch = 64
[[phase]]
name = "given"
gpu_hours = 5
[[published]]
what = "step.time_s"
value = "1 s"
source = "invented for this test"
)";

}  // namespace orrery
