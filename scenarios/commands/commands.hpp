#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/validate/small_model_sizes.hpp"

namespace orrery {

/// What `validate` alone takes.
struct ValidateWishes {
  std::vector<std::string> courts;  ///< None: all.
  bool quick = false;
  std::string text;  ///< Empty: what the system carries.
  std::optional<int> seeds;
  SmallModelSizes sizes;
};

/// What `topology` alone takes.
struct TopologyWishes {
  std::string collective = "all_reduce", algorithm;  ///< No algorithm: all that run on the fabric.
  std::vector<std::string> bytes{"1MiB,16MiB,256MiB"};
  std::string format = "graphml";
};

/// What `sweep` alone takes.
struct SweepWishes {
  std::vector<std::string> tables;  ///< CSV files.
  bool phases = false;
};

/// What `plan` alone takes; empty: no limit, the scenario's own cluster.
struct PlanWishes {
  std::string deadline, budget, gpus;
};

/// What `ablate` alone takes.
struct AblateWishes {
  std::vector<std::string> only;  ///< Names, each word one or several with commas; none: all.
  std::string unbalanced;         ///< A routing trace.
};

struct Crew;

/// What the command line said, whichever verb it named.
struct CommandLine {
  std::string verb;
  std::vector<std::string> names;  ///< Scenarios, or what `explain`, `schedule` and `completion` are about.
  std::vector<std::string> sets;
  std::vector<std::string> vary, topologies;              ///< Of `compare`.
  std::string out;                                        ///< Empty: out/NAME.
  std::string fidelity;                                   ///< Empty: as the scenario says.
  int threads = 0;                                        ///< 0: all cores.
  int ranks = 8, micro_batches = 20, virtual_stages = 2;  ///< Of `schedule`.
  ValidateWishes validate;
  SweepWishes sweep;
  PlanWishes plan;
  AblateWishes ablate;
  const Crew* crew = nullptr;  ///< The processes that were started together.
  TopologyWishes topology;
  std::vector<std::string> trace;  ///< GPUs to trace, each word a number or several with commas.
  bool traced = false, json = false, quiet = false, ascii = false, sensitivity = false, gantt = false;
};

/// Exit codes of every verb.
enum ExitCode : int { done = 0, world_failed = 1, bad_input = 2, does_not_fit = 3, gate_failed = 4 };

int run_command(const CommandLine& line);
int memory_command(const CommandLine& line);
int ablate_command(const CommandLine& line);
int plan_command(const CommandLine& line);
int sweep_command(const CommandLine& line);
int compare_command(const CommandLine& line);
int topology_command(const CommandLine& line);
int validate_command(const CommandLine& line);
int show_command(const CommandLine& line);
int check_command(const CommandLine& line);
int list_command(const CommandLine& line);
int explain_command(const CommandLine& line);
int schedule_command(const CommandLine& line);
int completion_command(const CommandLine& line);

}  // namespace orrery
