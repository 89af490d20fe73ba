#include <tbb/parallel_for_each.h>

#include <atomic>
#include <mutex>

#include "scenarios/sweeping/crew.hpp"

namespace orrery {

void lead_threads(std::span<const int> jobs, const PointJob& job, const PointDone& done) {
  std::mutex one;
  std::atomic<bool> wanted = true;
  tbb::parallel_for_each(jobs.begin(), jobs.end(), [&](int i) {
    if (!wanted) return;
    const std::string answer = job(i);
    const std::lock_guard lock(one);
    if (wanted && !done(i, answer)) wanted = false;
  });
}

}  // namespace orrery
