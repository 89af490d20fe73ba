#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "scenarios/sweeping/crew.hpp"

namespace orrery {
namespace {

bool started_by_mpi() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  return (size && std::atoi(size) > 1) || (!size && std::getenv("PMIX_RANK"));
}

const Crew alone{
    .lead = lead_threads, .await_leader = [] { return false; }, .follow = [](const PointJob&) {}};

}  // namespace

/// Under mpirun this becomes the program beside it that is linked with MPI.
const Crew* join_crew(int, char** argv) {
  if (!started_by_mpi()) return &alone;
  std::error_code none;
  const auto with_mpi = std::filesystem::read_symlink("/proc/self/exe", none).replace_filename("orrery-mpi");
  ::execv(with_mpi.c_str(), argv);
  std::cerr << "error: started by mpirun or srun, but there is no " << with_mpi.string()
            << "\n  = help: install libopenmpi-dev and build again, or run without mpirun\n";
  return nullptr;
}

void leave_crew() {}

}  // namespace orrery
