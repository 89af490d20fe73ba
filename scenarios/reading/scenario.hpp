#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scenarios/reading/document.hpp"
#include "scenarios/reading/keys.hpp"
#include "sim/finding.hpp"
#include "sim/units.hpp"

namespace orrery {

/// A question as its author asked it, every value checked against the key table (scenario_keys.cpp), which
/// says what each member means. Words stay words: who builds the run looks them up in its catalogues.
struct Scenario {
  int format = 1;
  std::string title, description;

  struct Model {
    std::string config;  ///< Built-in name, or a path as seen from where the program runs.
    bool operator==(const Model&) const = default;
  } model;

  struct Cluster {
    std::string gpu, topology, routing, network_switch, prices;
    std::vector<std::int64_t> shape;
    std::optional<int> planes;
    double oversubscription = 1;
    std::optional<std::string> node, nic, cabling, forwarding;
    std::string faults, mixed;
    int nodes = 1, neighbour_nodes = 0;
    std::optional<DollarsPerHour> gpu_hour;
    bool operator==(const Cluster&) const = default;
  } cluster;

  /// What the author knows better than the catalogue.
  struct Network {
    std::optional<BytesPerSecond> nic_line, nic_achieved, nvlink_achieved;
    std::optional<Seconds> nic_latency, hop_latency;
    bool operator==(const Network&) const = default;
  } network;

  struct LayerMap {
    std::string rule;         ///< Empty when `blocks` are given.
    std::vector<int> blocks;  ///< One a stage.
    bool operator==(const LayerMap&) const = default;
  };
  struct Plan {
    int pipeline = 1, expert = 1, tensor = 1, context = 1, virtual_stages = 1;
    int micro_batch = 1, global_batch = 1, sequence = 1;
    std::string schedule, fallback_schedule, precision, overlap, attention;
    std::string scaling, layer_messages, pipeline_messages, copy_messages, dispatch;
    std::string kernels;
    std::vector<std::string> recompute;
    LayerMap layer_map;
    int communication_sms = 0;
    bool operator==(const Plan&) const = default;
  } plan;

  struct Optimizer {
    std::string gradients, moments, master;
    int zero = 1;
    bool operator==(const Optimizer&) const = default;
  } optimizer;

  struct Routing {
    std::string source;
    std::optional<std::string> trace;  ///< A path as seen from where the program runs.
    double row_spread = 0, skew = 0;
    int samples = 1;
    bool operator==(const Routing&) const = default;
  } routing;

  /// The main phase, run on [plan] as it stands.
  struct Train {
    std::string name;
    std::optional<std::int64_t> tokens, steps, ramp_tokens;
    std::optional<int> ramp_from;
    bool operator==(const Train&) const = default;
  } train;

  /// A phase that follows. What it leaves out is as in [plan].
  struct Phase {
    std::string name;
    std::optional<std::int64_t> tokens, steps, ramp_tokens;
    std::optional<double> gpu_hours;  ///< Given, not simulated.
    std::optional<std::int64_t> instances, instance_tokens;
    double epochs = 1, packing = 1;
    std::optional<int> sequence, global_batch, context, ramp_from;
    std::string method;          ///< What it does: train on given text, answers, or grpo.
    std::optional<int> prompts;  ///< From here on: of a phase that answers.
    int group = 1, rollout_steps = 1;
    std::optional<std::int64_t> prompt_tokens, answer_tokens, answer_limit;
    std::string answer_law, reward;
    std::optional<std::string> answer_lengths;  ///< A path as seen from where the program runs.
    double kept = 1;
    std::optional<BytesPerSecond> host_link;
    bool operator==(const Phase&) const = default;
  };
  std::vector<Phase> phases;

  /// The layout on which the model answers, in phases that let it.
  struct Generation {
    int nodes = 1, tensor = 1, micro_batches = 1;
    std::string precision, kernels;
    double draft_acceptance = 0, memory = 1;
    int sequences = 1;
    Seconds host{};
    bool operator==(const Generation&) const = default;
  } generation;

  /// What goes wrong over the weeks of a run, and how it goes on. Without `failures` nothing does.
  struct Operation {
    std::optional<std::string> failures;
    std::optional<Seconds> detection, restart, checkpoint_every, repair, slow_found, rollback;
    std::string checkpoint;
    std::optional<BytesPerSecond> storage, host_copy;
    int spares = 0, seeds = 1;
    double slow_gpus = 0, slow_factor = 1, loss_spikes = 0;
    bool operator==(const Operation&) const = default;
  } operation;

  /// What energy and the cluster itself cost, for who buys instead of renting.
  struct Ownership {
    std::optional<Watts> gpu_idle;
    std::optional<double> pue;
    std::optional<DollarsPerKilowattHour> electricity;
    std::optional<KilogramsPerKilowattHour> carbon;
    std::optional<Dollars> gpu_price, host_price;
    std::optional<Seconds> life;
    double used = 1, upkeep = 0;
    bool operator==(const Ownership&) const = default;
  } ownership;

  struct Simulation {
    std::string fidelity, memory;
    std::uint64_t seed = 1;
    bool operator==(const Simulation&) const = default;
  } simulation;

  struct Trace {
    std::vector<std::uint32_t> ranks;
    bool operator==(const Trace&) const = default;
  } trace;

  /// A measured figure to print beside the simulated one.
  struct Published {
    std::string what;     ///< The summary key that it is compared with: "step.time_s".
    std::string written;  ///< As in the file.
    double value = 0;     ///< In the unit that `what` ends in.
    std::string source, note;
    bool operator==(const Published&) const = default;
  };
  std::vector<Published> published;
  bool operator==(const Scenario&) const = default;
};

/// What a summary key's figure is measured in, by its last name: bytes_per_s and flops_per_s anywhere in it
/// are rates, mfu and share shares, bytes sizes; then _s at the end is a time, _usd money; else it counts.
QuantityKind kind_of_summary_key(std::string_view key);

struct ScenarioReading {
  Scenario scenario;
  Document document;
  Diagnostics diagnostics;  ///< Empty: the scenario can be used.
  bool ok() const { return diagnostics.empty(); }
};
ScenarioReading read_scenario(std::string_view name_or_path, std::span<const std::string> sets);
ScenarioReading read_scenario(Document document);

/// What is wrong with values, each by itself; rules between keys are not asked.
Diagnostics check_values(const Document& document);

/// Every file that a value names, as seen from where the program runs; built-in names are none.
std::vector<std::string> named_files(const Document& document);

/// The main phase, if [train] asks for one, and those that follow, in order.
std::vector<Scenario::Phase> all_phases(const Scenario& scenario);

/// Gives findings of the libraries below their places. A finding about several keys names them with ", ".
Diagnostics place_findings(const Document& document, const Findings& findings);

/// The key table.
std::span<const Key<Scenario>> scenario_keys();
const KeyRow* find_key(
    std::string_view name);  ///< "plan.pipeline"; "phase.tokens" and "phase[].tokens" alike.

}  // namespace orrery
