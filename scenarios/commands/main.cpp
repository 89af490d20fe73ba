#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "reports/style.hpp"
#include "reports/text_layout.hpp"
#include "scenarios/commands/commands.hpp"
#include "scenarios/commands/completion.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/reading/nearest.hpp"
#include "scenarios/sweeping/crew.hpp"

namespace orrery {
namespace {

using Command = int (*)(const CommandLine&);

/// One verb: what it is called, what it takes, and an example that works as it stands.
struct Verb {
  const char* name;
  const char* help;
  const char* example;
  const char* subject;  ///< Name of the positional argument; empty: none.
  bool several;         ///< More than one subject.
  bool takes_scenario;  ///< And so --set.
  bool simulates;       ///< And so --out, --threads, --fidelity, --trace.
  Command run;
};

constexpr Verb verbs[] = {
    {"run", "Simulate a scenario: the step, the GPU-hours, the bill",
     "orrery run deepseek-v3 --out out/v3 --set cluster.gpu_hour=\"3 USD/h\"", "SCENARIO", false, true, true,
     run_command},
    {"compare", "Put fabrics, GPUs or any other choices side by side: step, network bill, cost per token",
     "orrery compare deepseek-v3 --topology multi-plane-fat-tree,rail-only --fidelity folded --out out/rails",
     "SCENARIO", false, true, false, compare_command},
    {"sweep",
     "Simulate every combination of values: table, Pareto front of cost against time; goes on where it was "
     "stopped",
     "orrery sweep deepseek-v3 --vary cluster.nodes=128..256*2 --vary plan.schedule=dualpipe,zb1p --out "
     "out/sizes",
     "SCENARIO", false, true, false, sweep_command},
    {"plan", "Search for the cheapest parallel plan within a deadline and a budget",
     "orrery plan deepseek-v3 --deadline 60d --budget 6MUSD --gpus 1024..4096", "SCENARIO", false, true,
     false, plan_command},
    {"ablate",
     "Take each innovation out, one at a time and all together: what it saves in time, money and memory",
     "orrery ablate deepseek-v3 --only fp8,overlap,node_limit", "SCENARIO", false, true, false,
     ablate_command},
    {"memory", "What each rank's memory holds over a step, and under other schedules and recompute",
     "orrery memory deepseek-v3 --set plan.recompute=none", "SCENARIO", false, true, false, memory_command},
    {"topology",
     "Look at a fabric: show, cost, check (for single points of failure), export, bench (collectives); or "
     "inside a "
     "node",
     "orrery topology show dragonfly --set cluster.nodes=64", "ACTION FABRIC", true, true, false,
     topology_command},
    {"validate", "Hold the simulator's figures against a model that really computes: three courts",
     "orrery validate deepseek-v3 --quick", "SCENARIO", false, true, false, validate_command},
    {"show", "Print the resolved scenario with the origin of every value",
     "orrery show deepseek-v3 --set plan.schedule=1f1b", "SCENARIO", false, true, false, show_command},
    {"check", "Find everything wrong with scenarios without simulating them",
     "orrery check deepseek-v3 llama-3.1-405b-16k", "SCENARIO", true, true, false, check_command},
    {"list", "List what is built in: scenarios, models, hardware, topologies, schedules", "orrery list", "",
     false, false, false, list_command},
    {"explain", "Explain a scenario key, a model, a schedule, hardware with its sources, or a model function",
     "orrery explain plan.schedule", "NAME", false, false, false, explain_command},
    {"schedule", "Print a pipeline schedule as the papers draw it",
     "orrery schedule dualpipe --ranks 8 --micro-batches 20", "NAME", false, false, false, schedule_command},
    {"completion", "Print a completion script for bash, zsh or fish",
     "orrery completion bash > /etc/bash_completion.d/orrery", "SHELL", false, false, false,
     completion_command},
};

void add_output_options(CLI::App& sub, CommandLine& line) {
  sub.add_option("-o,--out", line.out, "output folder (default: out/NAME)")->type_name("DIR");
  sub.add_option("-j,--threads", line.threads, "threads (default: all cores); the result is the same")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  sub.add_flag("--ascii", line.ascii, "no Unicode in the summary");
}

void add_validate_options(CLI::App& sub, CommandLine& line) {
  ValidateWishes& wishes = line.validate;
  SmallModelSizes& sizes = wishes.sizes;
  add_output_options(sub, line);
  sub.add_option("--court", wishes.courts, "cost, balance or precision; may be repeated (default: all three)")
      ->expected(1)
      ->take_all()
      ->type_name("NAME");
  sub.add_flag("--quick", wishes.quick, "short trainings, judged by direction alone: below a minute");
  sub.add_option("--text", wishes.text, "UTF-8 text to train on (default: what the system carries)")
      ->type_name("FILE");
  const auto count = [&](const char* name, std::optional<int>& value, const char* help, int least, int most) {
    sub.add_option(name, value, help)->check(CLI::Range(least, most))->type_name("N");
  };
  count("--seeds", wishes.seeds, "trainings of each kind (default: 3)", 1, 100);
  count("--experts", sizes.experts, "of the small model (default: the scenario's)", 2, 1024);
  count("--per-token", sizes.per_token, "experts a token", 1, 64);
  count("--groups", sizes.groups, "groups of experts", 1, 64);
  count("--groups-per-token", sizes.groups_per_token, "groups a token may reach", 1, 64);
  count("--hidden", sizes.hidden, "width of the small model", 8, 4096);
  count("--layers", sizes.layers, "layers, the first of them dense", 2, 64);
  count("--vocabulary", sizes.vocabulary, "tokens, of which 256 are bytes", 300, 65536);
  count("--steps", sizes.steps, "optimizer steps of a training", 1, 1'000'000);
  count("--sequences", sizes.sequences, "sequences of a batch", 1, 4096);
  count("--length", sizes.length, "tokens of a sequence", 8, 8192);
  count("--held-out", sizes.held_out, "tokens that are never trained on", 1024, 1 << 26);
}

void add_vary_option(CLI::App& sub, CommandLine& line) {
  sub.add_option("--vary", line.vary,
                 "a key and its values or ranges (8..64*2, 1..3+0.5); several give every combination")
      ->expected(1)
      ->take_all()
      ->type_name("KEY=VALUE,...");
}

void add_sweep_options(CLI::App& sub, CommandLine& line) {
  add_output_options(sub, line);
  add_vary_option(sub, line);
  sub.add_option("--vary-csv", line.sweep.tables,
                 "values that go together: a line of keys, then a line for each set of values")
      ->expected(1)
      ->take_all()
      ->type_name("FILE");
  sub.add_flag("--phases", line.sweep.phases, "simulate each phase and ramp level, not the full batch alone");
  sub.add_option("--fidelity", line.fidelity,
                 "lockstep (default): a rank a node, as slow as the slowest there; folded; full")
      ->type_name("WORD");
}

void add_ablate_options(CLI::App& sub, CommandLine& line) {
  add_output_options(sub, line);
  sub.add_option("--only", line.ablate.only, "these alone, with commas between (default: all)")
      ->expected(1)
      ->take_all()
      ->type_name("NAME,...");
  sub.add_option("--unbalanced", line.ablate.unbalanced,
                 "routing of a gate that nobody balances, as validate leaves it (routing-none.h5)")
      ->type_name("FILE");
  sub.add_option("--fidelity", line.fidelity, "folded (default), full or lockstep")->type_name("WORD");
}

void add_plan_options(CLI::App& sub, CommandLine& line) {
  add_output_options(sub, line);
  sub.add_option("--deadline", line.plan.deadline, "the whole run in at most this time: 60d")
      ->type_name("TIME");
  sub.add_option("--budget", line.plan.budget, "and for at most this money: 6MUSD")->type_name("MONEY");
  sub.add_option("--gpus", line.plan.gpus,
                 "clusters to look at: 512..8192 (doubling), or a list (default: the scenario's)")
      ->type_name("RANGE");
}

void add_topology_options(CLI::App& sub, CommandLine& line) {
  TopologyWishes& wishes = line.topology;
  sub.add_option("--collective", wishes.collective,
                 "bench: all_reduce, all_gather, reduce_scatter, all_to_all, broadcast or point_to_point")
      ->capture_default_str()
      ->type_name("NAME");
  sub.add_option("--algorithm", wishes.algorithm, "bench: one of them by its name (default: all)")
      ->type_name("NAME");
  sub.add_option("--bytes", wishes.bytes, "bench: sizes, with commas between (default: 1MiB,16MiB,256MiB)")
      ->expected(1)
      ->take_all()
      ->type_name("SIZE,...");
  sub.add_option("--format", wishes.format, "export: graphml, dot, json or ibsim")
      ->capture_default_str()
      ->type_name("NAME");
  sub.add_flag("--ascii", line.ascii, "no Unicode in the summary");
}

void add_verb(CLI::App& app, const Verb& verb, CommandLine& line) {
  CLI::App* sub = app.add_subcommand(verb.name, verb.help);
  sub->set_help_flag("-h,--help", "print this text");
  sub->allow_extras();
  const char* what = verb.takes_scenario ? "built-in name or path of a scenario" : "";
  // Counted after parsing, when words that --trace took are given back.
  if (*verb.subject) sub->add_option(verb.subject, line.names, what)->expected(0, 1 << 20)->type_name("");
  sub->add_flag("--json", line.json, "print the answer, or what is wrong, as JSON on standard output");
  if (verb.takes_scenario) {
    sub->add_option("-s,--set", line.sets, "put KEY=VALUE on top of the file; may be repeated")
        ->expected(1)
        ->take_all()
        ->type_name("KEY=VALUE");
    sub->add_flag("-q,--quiet", line.quiet, "print nothing but errors, and JSON if asked for");
  }
  if (verb.simulates) {
    add_output_options(*sub, line);
    sub->add_option("--fidelity", line.fidelity,
                    "folded: one group of ranks a pipeline rank; full: every rank, every flow")
        ->type_name("WORD");
    sub->add_option("--trace", line.trace,
                    "keep the timeline of these GPUs (of GPU 0 if none is named) as a Perfetto trace")
        ->expected(0, 1 << 20)
        ->take_all()
        ->type_name("[GPU,...]");
    sub->add_flag("--sensitivity", line.sensitivity,
                  "also run the step under other choices of what is not published");
  }
  if (verb.run == compare_command) {
    add_output_options(*sub, line);
    sub->add_option("--topology", line.topologies, "fabrics to compare, with commas between")
        ->expected(1)
        ->take_all()
        ->type_name("NAME,...");
    add_vary_option(*sub, line);
    sub->add_option("--fidelity", line.fidelity,
                    "full (default): every flow meets the others on its links; folded: faster, NICs alone")
        ->type_name("WORD");
  }
  if (verb.run == sweep_command) add_sweep_options(*sub, line);
  if (verb.run == plan_command) add_plan_options(*sub, line);
  if (verb.run == ablate_command) add_ablate_options(*sub, line);
  if (verb.run == memory_command) add_output_options(*sub, line);
  if (verb.run == topology_command) add_topology_options(*sub, line);
  if (verb.run == validate_command) add_validate_options(*sub, line);
  if (verb.run == schedule_command) {
    const auto count = [&](const char* name, int& value, const char* help, int most) {
      sub->add_option(name, value, help)->capture_default_str()->check(CLI::Range(1, most))->type_name("N");
    };
    count("--ranks", line.ranks, "pipeline ranks", 4096);
    count("--micro-batches", line.micro_batches, "micro-batches of a step", 1 << 20);
    count("--virtual-stages", line.virtual_stages, "stages a rank, for the interleaved schedule", 1024);
    sub->add_flag("--gantt", line.gantt, "draw against time instead of listing the order");
  }
}

/// "  -o, --out DIR          output folder (default: out/NAME)", continued below itself.
std::string entry(const std::string& label, const std::string& help, int columns) {
  constexpr int indent = 26;
  std::string text, left = "  " + label;
  if (left.size() + 2 > indent) {
    text = left + "\n";
    left.clear();
  }
  for (const std::string& part : wrapped(help, columns - indent)) {
    text += padded(left, indent, Align::Left) + part + "\n";
    left.clear();
  }
  return text;
}

std::string label_of(const CLI::Option& option) {
  std::string label = "    ";
  for (const std::string& name : option.get_snames()) label = "-" + name + ", ";
  for (const std::string& name : option.get_lnames()) label += "--" + name;
  const bool takes_value = option.get_items_expected_max() > 0;
  const std::string type = option.get_type_name();  // A range follows after a colon.
  return takes_value ? label + " " + type.substr(0, type.find(':')) : label;
}

std::string help_of(const Verb& verb, const CLI::App& sub, int columns) {
  std::string text = std::string(verb.help) + ".\n\n  orrery " + verb.name + " [OPTION]...";
  if (*verb.subject)
    text += std::string(" ") + verb.subject + (verb.several && !std::strchr(verb.subject, ' ') ? "..." : "");
  text += "\n\nOptions:\n";
  for (const CLI::Option* option : sub.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string usual = option->get_default_str();
    const std::string help = option->get_description() + (usual.empty() ? "" : " (default: " + usual + ")");
    text += entry(label_of(*option), help, columns);
  }
  return text + "\nExample:\n  " + verb.example + "\n";
}

std::string help_of_all(int columns) {
  std::string text =
      "Orrery simulates GPU clusters that train large Mixture-of-Experts models.\n\n"
      "  orrery VERB ...\n\nVerbs:\n";
  for (const Verb& verb : verbs) text += entry(verb.name, verb.help, columns);
  return text +
         "\nEach verb explains itself with an example: orrery run --help\n\nExit codes:\n"
         "  0  done\n"
         "  1  the machine failed: disk, permission\n"
         "  2  wrong input\n"
         "  3  the plan does not fit into the GPUs' memory\n"
         "  4  a verdict or gate failed\n";
}

std::string suggest_verb(const std::string& wrong) {
  std::vector<std::string_view> names;
  for (const Verb& verb : verbs) names.push_back(verb.name);
  return suggestion(wrong, names);
}

std::string suggest_option(const CLI::App& sub, const std::string& wrong) {
  std::vector<std::string> names;
  for (const CLI::Option* option : sub.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  return suggestion(wrong.substr(0, wrong.find('=')), views);
}

constexpr const char* first_words =
    "Orrery simulates GPU clusters that train large Mixture-of-Experts models.\n\n"
    "  orrery run deepseek-v3        DeepSeek-V3 pre-training on 2,048 H800: step, GPU-hours, dollars\n"
    "  orrery list                   what is built in\n"
    "  orrery --help                 all verbs\n";

const Verb* find_verb(std::string_view name) {
  const auto found =
      std::find_if(std::begin(verbs), std::end(verbs), [&](const Verb& verb) { return name == verb.name; });
  return found == std::end(verbs) ? nullptr : found;
}

bool is_rank_list(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789,") == std::string_view::npos;
}

/// What the command line lacks or has too much of; none: it can be run.
std::optional<Diagnostic> fault_of(const CommandLine& line, const CLI::App& sub, const Verb& verb) {
  for (const std::string& extra : sub.remaining()) {
    if (!extra.starts_with("-") || extra.size() == 1) continue;
    return Diagnostic{"", "unknown option '" + extra + "' of " + verb.name, suggest_option(sub, extra), {}};
  }
  const std::vector<std::string> extras = sub.remaining();
  if (!*verb.subject && !extras.empty())
    return Diagnostic{"", std::string(verb.name) + " takes no names; found '" + extras.front() + "'", "", {}};
  if (!*verb.subject) return std::nullopt;
  if (line.names.empty())
    return Diagnostic{"",
                      std::string(verb.name) + " needs a " + verb.subject,
                      std::string("for example: ") + verb.example,
                      {}};
  if (!verb.several && line.names.size() > 1) {
    return Diagnostic{
        "",
        std::string(verb.name) + " takes one " + verb.subject + "; '" + line.names[1] + "' is one too many",
        "",
        {}};
  }
  return std::nullopt;
}

int print_completion(const CLI::App& app, const CommandLine& line) {
  const std::string& shell = line.names.front();
  const std::optional<std::string> script = completion_script(app, shell);
  if (!script) return refuse_usage(line, "no completion for '" + shell + "'", "bash, zsh or fish");
  std::cout << *script;
  return done;
}

int main_with(int argc, char** argv, const Crew& crew) {
  CommandLine line;
  line.crew = &crew;
  line.json =
      std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--json"; });
  CLI::App app("Orrery simulates GPU clusters that train large Mixture-of-Experts models.", "orrery");
  app.set_version_flag("--version", "orrery " ORRERY_VERSION);
  app.require_subcommand(0, 1);
  app.allow_extras();
  for (const Verb& verb : verbs) add_verb(app, verb, line);
  if (argc >= 2 && argv[1][0] != '-' && !find_verb(argv[1])) {
    return refuse_usage(line, std::string("unknown command '") + argv[1] + "'", suggest_verb(argv[1]));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const int columns = choose_style(look_around(1)).columns;
    const auto asked = app.get_subcommands();
    const Verb* verb = asked.empty() ? nullptr : find_verb(asked.front()->get_name());
    std::cout << (verb ? help_of(*verb, *asked.front(), columns) : help_of_all(columns));
    return done;
  } catch (const CLI::CallForVersion&) {
    std::cout << "orrery " ORRERY_VERSION "\n";
    return done;
  } catch (const CLI::ParseError& wrong) {
    return refuse_usage(line, wrong.what(), "see orrery --help");
  }
  if (app.get_subcommands().empty()) {
    if (!app.remaining().empty())
      return refuse_usage(line, "unknown option '" + app.remaining().front() + "'", "see orrery --help");
    std::cout << first_words;
    return done;
  }
  const CLI::App* sub = app.get_subcommands().front();
  const Verb& verb = *find_verb(sub->get_name());
  line.verb = verb.name;
  // "--trace deepseek-v3": a word after an option that may stand alone is its value only if it looks so.
  line.traced = verb.simulates && sub->count("--trace") > 0;
  std::erase(line.trace, "");
  const auto word = std::stable_partition(line.trace.begin(), line.trace.end(), is_rank_list);
  line.names.insert(line.names.begin(), word, line.trace.end());
  line.trace.erase(word, line.trace.end());
  if (const auto fault = fault_of(line, *sub, verb)) return refuse_usage(line, fault->problem, fault->remedy);
  return verb.run == completion_command ? print_completion(app, line) : verb.run(line);
}

}  // namespace

int completion_command(const CommandLine&) { return bad_input; }

}  // namespace orrery

namespace {

/// Exit code of the verb; whatever was thrown is said.
int answer(int argc, char** argv, const orrery::Crew& crew) {
  try {
    const int code = orrery::main_with(argc, argv, crew);
    if (std::cout.flush() || crew.rank > 0) return code;
    std::cerr << "error: cannot write standard output: " << std::strerror(errno) << "\n";
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory\n";
  } catch (const std::exception& fault) {
    std::cerr << "error: " << fault.what() << "\n";
  }
  return orrery::world_failed;
}

}  // namespace

int main(int argc, char** argv) {
  const orrery::Crew* crew = orrery::join_crew(argc, argv);
  if (!crew) return orrery::world_failed;
  const int code = crew->rank == 0 || crew->await_leader() ? answer(argc, argv, *crew) : 0;
  orrery::leave_crew();
  return code;
}
