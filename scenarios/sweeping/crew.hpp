#pragma once

#include <functional>
#include <span>
#include <string>

namespace orrery {

/// Job number in, answer out; called from several threads.
using PointJob = std::function<std::string(int)>;
/// An answer as it arrives, one at a time. False: no more are wanted (the disk is full, say).
using PointDone = std::function<bool(int, const std::string&)>;

/// Who shares the jobs of a sweep: this process's threads, or the processes that `mpirun` or `srun` started.
/// Jobs go to whoever is free.
struct Crew {
  int rank = 0, size = 1;
  /// Of rank 0: gives out the jobs by their numbers and collects. With `size` 1 it does them itself.
  void (*lead)(std::span<const int> jobs, const PointJob& job, const PointDone& done);
  /// Of the others: waits until rank 0 leads or ends; true: it leads, and the jobs are the same as its own.
  bool (*await_leader)();
  void (*follow)(const PointJob& job);
};

/// The crew that this process was started in. Two of them are built: crew_alone.cpp for `orrery`,
/// crew_mpi.cpp for `orrery-mpi`, which the first becomes under mpirun, so that it needs no MPI by itself.
/// None where it cannot: it has said why.
const Crew* join_crew(int argc, char** argv);
/// Before the process ends.
void leave_crew();

/// All jobs on the threads that oneTBB allows.
void lead_threads(std::span<const int> jobs, const PointJob& job, const PointDone& done);

}  // namespace orrery
