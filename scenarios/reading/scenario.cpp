#include "scenarios/reading/scenario.hpp"

#include <algorithm>
#include <array>

namespace orrery {
namespace {

/// Rules between keys of one scenario; what needs the model or the machine is checked where those are known.
class CrossChecks {
 public:
  explicit CrossChecks(ScenarioReading& reading) : reading_(reading), scenario_(reading.scenario) {}

  void run() {
    check_recompute();
    if (scenario_.routing.source == "balanced" && scenario_.routing.skew > 0)
      fail("routing.skew", "routing.skew needs routing.source = \"skewed\"",
           "balanced routing has no skew: set it to 0.0 or change the source");
    check_train();
    check_operation();
    for (std::size_t i = 0; i < scenario_.phases.size(); ++i) check_phase(i);
    for (std::size_t i = 0; i < scenario_.published.size(); ++i) read_published(i);
  }

 private:
  void fail(const std::string& keys, std::string problem, std::string remedy) {
    for (Diagnostic& diagnostic :
         place_findings(reading_.document, {{keys, std::move(problem), std::move(remedy)}}))
      reading_.diagnostics.push_back(std::move(diagnostic));
  }

  void check_recompute() {
    const auto& words = scenario_.plan.recompute;
    for (const std::string_view alone : {"none", "full"})
      if (words.size() > 1 && std::ranges::find(words, alone) != words.end())
        fail("plan.recompute",
             "plan.recompute: '" + std::string(alone) + "' cannot be joined with other words",
             "write it alone, or leave it out");
  }

  void check_operation() {
    const Scenario::Operation& o = scenario_.operation;
    const auto needs = [&](bool wrong, const char* keys, const char* problem, const char* remedy) {
      if (wrong) fail(keys, problem, remedy);
    };
    const bool asynchronous = o.checkpoint == "asynchronous";
    needs(o.failures && !o.storage, "operation.failures", "operation.failures needs operation.storage",
          "what a checkpoint is written with, as in storage = \"2 TB/s\"");
    needs(o.failures && asynchronous && !o.host_copy, "operation.failures",
          "asynchronous checkpoints need operation.host_copy",
          "host_copy = \"25 GB/s\", or checkpoint = \"blocking\"");
    needs(o.detection.has_value() != o.restart.has_value(),
          o.detection ? "operation.detection" : "operation.restart",
          "operation.detection and operation.restart go together",
          "give both, or neither for a curve over them");
    needs(o.slow_gpus > 0 && (!o.slow_found || o.slow_factor <= 1), "operation.slow_gpus",
          "operation.slow_gpus needs slow_factor above 1 and slow_found",
          "as in slow_factor = 1.2 and slow_found = \"2 h\"");
    needs(o.loss_spikes > 0 && !o.rollback, "operation.loss_spikes",
          "operation.loss_spikes needs operation.rollback", "as in rollback = \"4 h\"");
    needs(!o.failures && (o.slow_gpus > 0 || o.loss_spikes > 0), "operation.slow_gpus, operation.loss_spikes",
          "slow GPUs and loss spikes are simulated with operation.failures",
          "failures = \"llama-3-405b\", or a table of your own");
  }

  void check_ramp(const std::string& section, bool from, bool tokens) {
    if (from == tokens) return;
    const std::string given = from ? "ramp_from" : "ramp_tokens",
                      missing = from ? "ramp_tokens" : "ramp_from";
    fail(section + "." + given, section + "." + given + " needs " + section + "." + missing,
         "a ramp has a first batch and the tokens until the full one: ramp_from = 3072 and ramp_tokens = "
         "\"469 B\"");
  }

  void check_ramp_length(const std::string& section, const std::optional<std::int64_t>& tokens,
                         const std::optional<std::int64_t>& ramp) {
    if (tokens && ramp && *ramp > *tokens)
      fail(section + ".ramp_tokens, " + section + ".tokens", section + ": the ramp is longer than the phase",
           "fewer ramp_tokens, or more tokens");
  }

  void check_train() {
    const Scenario::Train& train = scenario_.train;
    if (train.tokens && train.steps)
      fail("train.tokens, train.steps", "train has both tokens and steps", "keep one of them");
    check_ramp_length("train", train.tokens, train.ramp_tokens);
    check_ramp("train", train.ramp_from.has_value(), train.ramp_tokens.has_value());
    if (train.ramp_from && train.ramp_tokens && !train.tokens && !train.steps)
      fail("train.ramp_from", "a ramp needs train.tokens or train.steps", "as in tokens = \"14.8 T\"");
  }

  void check_answers(const Scenario::Phase& phase, const std::string& name) {
    const bool grpo = phase.method == "grpo";
    const std::string what = name + ", method = \"" + phase.method + "\",";
    const auto needs = [&](bool there, const char* leaf, const char* example) {
      if (!there) fail(name, what + " needs " + leaf, example);
    };
    const auto unused = [&](bool there, const char* leaf, const char* instead) {
      if (there) fail(name + "." + leaf, what + " does not use " + leaf, instead);
    };
    needs(phase.prompt_tokens.has_value(), "prompt_tokens", "as in prompt_tokens = \"512\"");
    needs(phase.answer_tokens || phase.answer_lengths, "answer_tokens", "as in answer_tokens = \"8000\"");
    needs(!grpo || phase.steps, "steps", "policy steps, as in steps = 10400");
    needs(!grpo || phase.prompts, "prompts", "questions of a policy step, as in prompts = 32");
    needs(grpo || phase.instances, "instances", "answers that are kept, as in instances = \"600 k\"");
    unused(phase.tokens.has_value(), "tokens", grpo ? "steps" : "instances");
    unused(phase.gpu_hours.has_value(), "gpu_hours", "method = \"train\" for hours that are given");
    unused(phase.instance_tokens.has_value(), "instance_tokens", "prompt_tokens and answer_tokens");
    unused(phase.global_batch.has_value(), "global_batch",
           "prompts and group tell how much there is to learn from");
    unused(phase.context.has_value(), "context", "plan.context holds for the policy step");
    unused(phase.ramp_from.has_value(), "ramp_from", "");
    unused(phase.ramp_tokens.has_value(), "ramp_tokens", "");
    unused(grpo && phase.instances, "instances", "steps, prompts and group");
    unused(!grpo && phase.steps, "steps", "instances");
    unused(!grpo && phase.prompts, "prompts", "instances");
    unused(!grpo && phase.host_link, "host_link", "grpo moves models, answers do not");
  }

  void check_phase(std::size_t index) {
    const Scenario::Phase& phase = scenario_.phases[index];
    const std::string name = "phase[" + std::to_string(index) + "]";
    std::string given;
    int lengths = 0;
    const auto note = [&](bool is_given, std::string_view leaf) {
      if (!is_given) return;
      ++lengths;
      given += (given.empty() ? "" : ", ") + name + "." + std::string(leaf);
    };
    note(phase.tokens.has_value(), "tokens");
    note(phase.steps.has_value(), "steps");
    note(phase.gpu_hours.has_value(), "gpu_hours");
    note(phase.instances.has_value(), "instances");
    if (phase.method != "train") {
      check_answers(phase, name);
      return;
    }
    const bool answers = phase.prompts || phase.prompt_tokens || phase.answer_tokens || phase.answer_limit ||
                         phase.answer_lengths || phase.host_link;
    if (answers)
      fail(name + ".method", name + " has keys of a phase that answers, and trains on given text",
           "method = \"grpo\" or \"answers\"");
    if (phase.instances.has_value() != phase.instance_tokens.has_value())
      fail(name + (phase.instances ? ".instances" : ".instance_tokens"),
           name + ": instances and instance_tokens go together",
           "as in instances = \"1.5 M\" and instance_tokens = 4096");
    if (lengths == 0)
      fail(name, name + " needs its length",
           "one of tokens = \"14.8 T\", steps = 1000, gpu_hours = \"5 k\", instances = \"1.5 M\"");
    if (lengths > 1)
      fail(given, name + " has more than one length", "keep one of tokens, steps, gpu_hours and instances");
    check_ramp_length(name, phase.tokens, phase.ramp_tokens);
    check_ramp(name, phase.ramp_from.has_value(), phase.ramp_tokens.has_value());
  }

  void read_published(std::size_t index) {
    Scenario::Published& figure = scenario_.published[index];
    const std::string name = "published[" + std::to_string(index) + "]";
    if (figure.source.empty())
      fail(name + ".source", name + ".source is empty", "say where the figure was published");
    const QuantityKind kind = kind_of_summary_key(figure.what);
    const Checked<double> read = read_quantity(figure.written, kind);
    figure.value = read.value;
    // Counts are whole, but a measured rate of them need not be: a number without a unit stands as it is
    // written.
    const bool percent = figure.written.find('%') != std::string::npos;
    if (const auto bare = read_quantity(figure.written, QuantityKind::Share);
        kind == QuantityKind::Count && bare.ok() && !percent) {
      figure.value = bare.value;
    }
    for (const Finding& finding : read.findings)
      fail(name + ".value", name + ".value: " + finding.problem,
           finding.remedy + "; the unit follows from '" + figure.what + "'");
  }

  ScenarioReading& reading_;
  Scenario& scenario_;
};

}  // namespace

QuantityKind kind_of_summary_key(std::string_view key) {
  const std::string_view leaf = key.substr(key.rfind('.') + 1);  // npos + 1 is 0.
  struct Ending {
    std::string_view part;
    QuantityKind kind;
  };
  // Rates come first, as "_per_s" ends in "_s" too.
  constexpr std::array parts{Ending{"bytes_per_s", QuantityKind::Bandwidth},
                             Ending{"flops_per_s", QuantityKind::Compute},
                             Ending{"mfu", QuantityKind::Share},
                             Ending{"share", QuantityKind::Share},
                             Ending{"bytes", QuantityKind::Size},
                             Ending{"_per_", QuantityKind::Count}};
  for (const Ending& part : parts)
    if (leaf.find(part.part) != std::string_view::npos) return part.kind;
  constexpr std::array endings{Ending{"_s", QuantityKind::Time}, Ending{"_usd", QuantityKind::Money},
                               Ending{"_j", QuantityKind::Energy}};
  for (const Ending& ending : endings)
    if (leaf.ends_with(ending.part)) return ending.kind;
  return QuantityKind::Count;
}

ScenarioReading read_scenario(Document document) {
  ScenarioReading reading;
  const auto keys = scenario_keys();
  const std::vector<KeyRow> rows(keys.begin(), keys.end());
  Settings settings = read_settings(document.root, rows, document.sources);
  for (const Setting& setting : settings.list) {
    // The values of a list of tables arrive in the order of its elements.
    const std::string_view section = rows[setting.row].repeated() ? rows[setting.row].section() : "";
    if (section == "phase")
      reading.scenario.phases.resize(std::max(reading.scenario.phases.size(), setting.element + 1));
    if (section == "published")
      reading.scenario.published.resize(std::max(reading.scenario.published.size(), setting.element + 1));
    keys[setting.row].store(reading.scenario, setting.parsed);
  }
  reading.document = std::move(document);
  reading.diagnostics = std::move(settings.diagnostics);
  // Rules between keys speak of stored values, so every value must have been one.
  if (reading.diagnostics.empty()) CrossChecks(reading).run();
  sort_by_place(reading.diagnostics);
  return reading;
}

Diagnostics check_values(const Document& document) {
  const auto keys = scenario_keys();
  const std::vector<KeyRow> rows(keys.begin(), keys.end());
  return read_settings(document.root, rows, document.sources).diagnostics;
}

std::vector<std::string> named_files(const Document& document) {
  const auto keys = scenario_keys();
  const std::vector<KeyRow> rows(keys.begin(), keys.end());
  std::vector<std::string> files;
  for (const Setting& setting : read_settings(document.root, rows, document.sources).list) {
    const KeyShape& shape = rows[setting.row].shape;
    const bool data = shape.type == ValueType::Data && !find_row(shape.data, setting.parsed.text);
    if (data || shape.type == ValueType::File) files.push_back(setting.parsed.text);
  }
  return files;
}

ScenarioReading read_scenario(std::string_view name_or_path, std::span<const std::string> sets) {
  DocumentReading document = read_document(name_or_path, sets);
  if (document.diagnostics.empty()) return read_scenario(std::move(document.document));
  ScenarioReading reading;
  reading.document = std::move(document.document);
  reading.diagnostics = std::move(document.diagnostics);
  return reading;
}

std::vector<Scenario::Phase> all_phases(const Scenario& scenario) {
  std::vector<Scenario::Phase> phases;
  const Scenario::Train& train = scenario.train;
  if (train.tokens || train.steps) {
    Scenario::Phase main;
    main.name = train.name;
    main.tokens = train.tokens;
    main.steps = train.steps;
    main.ramp_from = train.ramp_from;
    main.ramp_tokens = train.ramp_tokens;
    phases.push_back(std::move(main));
  }
  phases.insert(phases.end(), scenario.phases.begin(), scenario.phases.end());
  for (Scenario::Phase& phase : phases) {
    if (phase.instances && phase.instance_tokens)
      phase.tokens = std::int64_t(
          double(*phase.instances) * phase.epochs * double(*phase.instance_tokens) / phase.packing + 0.5);
  }
  return phases;
}

Diagnostics place_findings(const Document& document, const Findings& findings) {
  Diagnostics diagnostics;
  for (const Finding& finding : findings) {
    Diagnostic diagnostic{finding.key, finding.problem, finding.remedy, {}};
    std::string_view keys = finding.key;
    while (!keys.empty()) {
      const std::size_t comma = keys.find(", ");
      for (const Place& place : locate(document, keys.substr(0, comma)))
        if (place.source >= 0 && std::ranges::find(diagnostic.places, place) == diagnostic.places.end())
          diagnostic.places.push_back(place);
      keys = comma == std::string_view::npos ? std::string_view() : keys.substr(comma + 2);
    }
    diagnostics.push_back(std::move(diagnostic));
  }
  sort_by_place(diagnostics);
  return diagnostics;
}

}  // namespace orrery
