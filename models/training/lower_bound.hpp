#pragma once

#include "models/training/step.hpp"

namespace orrery {

/// A time that no simulation of the plan's step stays below, without simulating it.
///
///   An op takes at least what it would with both its streams to itself: kernels at their price alone, an
///   all-to-all as long as the mean NIC or NVLink port needs for the mean bytes, each at its better rate, no
///   barrier, no fill. The step takes at least what the schedule's order makes of such ops when messages take
///   no time (where they leave before an op ends: the busiest rank's ops alone), and the longest tail.
///
///   Expert rows count 95 %, and bytes 97 %, of the balanced ones: single layers fall below their mean, and
///   the slowest of a group does not.
///
/// Units       seconds.
/// Checked     tests/differential/lower_bound_test.cpp: never above the simulated step on 2,000 random plans;
///             `orrery plan` checks it on every plan that it simulates.
/// Leaves out  whatever makes a step longer: skew, slowdown beside communication, messages, shared links.
/// Precondition: `check_plan` found nothing; `pool` is the plan's, or none without experts.
Seconds step_lower_bound(const TrainingPlan& plan, const RoutingPool* pool);

/// The same from the kernels alone, at once and whatever the schedule's order: those of all layers and
/// micro-batches, shared out evenly over the pipeline ranks.
Seconds step_compute_bound(const TrainingPlan& plan, const RoutingPool* pool);

}  // namespace orrery
