#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

#include "models/pipeline/schedule.hpp"
#include "sim/random.hpp"

namespace orrery {

inline std::ostream& operator<<(std::ostream& out, const PipelineShape& shape) {
  return out << shape.ranks << " ranks, " << shape.micro_batches << " micro-batches, " << shape.virtual_stages
             << " virtual stages";
}

/// The schedule of that name; fails the test where the shape is refused.
inline PipelineSchedule build(std::string_view name, const PipelineShape& shape) {
  const ScheduleKind& kind = *find_schedule(name);
  const Findings findings = kind.check(shape);
  EXPECT_TRUE(findings.empty()) << name << ", " << shape << ": " << findings.front().problem;
  return kind.build(shape);
}

/// Whole numbers, so that sums are exact and laws can be checked with ==.
inline PassTimes whole_times(int forward, int input_backward, int weight_backward, int overlapped) {
  return {Seconds(forward), Seconds(input_backward), Seconds(weight_backward), Seconds(overlapped)};
}

/// Passes of 1 to 9; an overlapped pair takes at least its longer and at most both of its chunks.
inline PassTimes any_times(RandomStream& random) {
  const auto pass = [&] { return 1 + int(random.below(9)); };
  const int forward = pass(), input_backward = pass(), weight_backward = pass();
  const int backward = input_backward + weight_backward;
  const int shorter = forward < backward ? forward : backward;
  return whole_times(forward, input_backward, weight_backward,
                     forward + backward - int(random.below(std::uint32_t(shorter) + 1)));
}

}  // namespace orrery
