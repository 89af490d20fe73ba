#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "scenarios/commands.hpp"
#include "scenarios/completion.hpp"
#include "scenarios/nearest.hpp"
#include "scenarios/refusal.hpp"

namespace orrery {
namespace {

using Command = int (*)(const CommandLine&);

/// One verb: what it is called, what it takes, and an example that works as it stands.
struct Verb {
  const char* name;
  const char* help;
  const char* example;
  const char* subject;       ///< Name of the positional argument; empty: none.
  bool several;              ///< More than one subject.
  bool takes_scenario;       ///< And so --set.
  bool simulates;            ///< And so --out, --threads, --fidelity, --trace.
  Command run;
};

constexpr Verb verbs[] = {
    {"run", "Simulate a scenario: the step, the GPU-hours, the bill", "orrery run deepseek-v3 --out out/v3 --set cluster.gpu_hour=\"3 USD/h\"",
     "SCENARIO", false, true, true, run_command},
    {"show", "Print the resolved scenario with the origin of every value", "orrery show deepseek-v3 --set plan.schedule=1f1b", "SCENARIO",
     false, true, false, show_command},
    {"check", "Find everything wrong with scenarios without simulating them", "orrery check deepseek-v3 llama-3.1-405b-16k", "SCENARIO", true,
     true, false, check_command},
    {"list", "List what is built in: scenarios, models, hardware, topologies, schedules", "orrery list", "", false, false, false, list_command},
    {"explain", "Explain a scenario key, a hardware entry with its sources, a kernel family or a model function",
     "orrery explain plan.schedule", "NAME", false, false, false, explain_command},
    {"schedule", "Print a pipeline schedule as the papers draw it", "orrery schedule dualpipe --ranks 8 --micro-batches 20", "NAME", false,
     false, false, schedule_command},
    {"completion", "Print a completion script for bash, zsh or fish", "orrery completion bash > /etc/bash_completion.d/orrery", "SHELL", false,
     false, false, completion_command},
};

void add_verb(CLI::App& app, const Verb& verb, CommandLine& line) {
  CLI::App* sub = app.add_subcommand(verb.name, verb.help);
  sub->footer(std::string("Example:\n  ") + verb.example);
  sub->allow_extras();
  if (*verb.subject) {
    auto* names = sub->add_option(verb.subject, line.names, verb.takes_scenario ? "built-in name or path of a scenario" : "")->required();
    verb.several ? names->expected(1, 1 << 20) : names->expected(1);
  }
  if (verb.takes_scenario) {
    sub->add_option("-s,--set", line.sets, "KEY=VALUE on top of the file; may be repeated")->expected(1)->take_all();
    sub->add_flag("--json", line.json, "print the summary (or what is wrong) as JSON on standard output");
    sub->add_flag("-q,--quiet", line.quiet, "print nothing but errors");
  }
  if (verb.simulates) {
    sub->add_option("-o,--out", line.out, "output folder (default: out/NAME)");
    sub->add_option("-j,--threads", line.threads, "threads for independent phases (default: all cores); the result is the same")->check(CLI::Range(1, 4096));
    sub->add_option("--fidelity", line.fidelity, "folded (one group of ranks a pipeline rank) or full (every rank, every flow)");
    sub->add_option("--trace", line.trace, "keep the timeline of these GPUs (default with the bare flag: 0) as a Perfetto trace")
        ->expected(0, 64)->delimiter(',')->each([&line](const std::string&) { line.traced = true; });
    sub->add_flag("--sensitivity", line.sensitivity, "also run the step under other choices of what is not published");
    sub->add_flag("--ascii", line.ascii, "no Unicode in the summary");
  }
  if (verb.run == schedule_command) {
    sub->add_option("--ranks", line.ranks, "pipeline ranks")->capture_default_str()->check(CLI::Range(1, 4096));
    sub->add_option("--micro-batches", line.micro_batches, "micro-batches of a step")->capture_default_str()->check(CLI::Range(1, 1 << 20));
    sub->add_option("--virtual-stages", line.virtual_stages, "stages a rank, for the interleaved schedule")->capture_default_str()->check(CLI::Range(1, 1024));
    sub->add_flag("--gantt", line.gantt, "draw against time instead of listing the order");
  }
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

int main_with(int argc, char** argv) {
  CommandLine line;
  CLI::App app("Orrery simulates GPU clusters that train large Mixture-of-Experts models.", "orrery");
  app.set_version_flag("--version", "orrery " ORRERY_VERSION);
  app.footer("Each verb has its own --help with an example. Exit codes: 0 done, 1 the machine failed (disk, permission),\n"
             "2 wrong input, 3 the plan does not fit in memory, 4 a verdict or gate failed.");
  app.require_subcommand(0, 1);
  app.allow_extras();
  for (const Verb& verb : verbs) add_verb(app, verb, line);
  const auto is_verb = [](std::string_view word) {
    return std::any_of(std::begin(verbs), std::end(verbs), [&](const Verb& verb) { return word == verb.name; });
  };
  if (argc >= 2 && argv[1][0] != '-' && !is_verb(argv[1])) {
    return refuse_usage(std::string("unknown command '") + argv[1] + "'", suggest_verb(argv[1]));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& shown) {
    return app.exit(shown);
  } catch (const CLI::ParseError& wrong) {
    for (const CLI::App* sub : app.get_subcommands()) {
      for (const std::string& extra : sub->remaining()) {
        if (extra.starts_with("-")) return refuse_usage("unknown option '" + extra + "' of " + sub->get_name(), suggest_option(*sub, extra));
      }
    }
    std::string text = wrong.what();
    if (text.empty() || dynamic_cast<const CLI::RequiredError*>(&wrong)) {
      for (const Verb& verb : verbs) {
        if (!app.get_subcommands().empty() && app.get_subcommands().front()->get_name() == verb.name) {
          return refuse_usage(std::string(verb.name) + " needs a " + verb.subject, std::string("for example: ") + verb.example);
        }
      }
    }
    return refuse_usage(text, "see orrery --help");
  }
  if (app.get_subcommands().empty()) {
    if (!app.remaining().empty()) return refuse_usage("unknown option '" + app.remaining().front() + "'", "see orrery --help");
    std::cout << first_words;
    return done;
  }
  const CLI::App* sub = app.get_subcommands().front();
  for (const std::string& extra : sub->remaining()) {
    if (extra.starts_with("-") && extra.size() > 1) return refuse_usage("unknown option '" + extra + "' of " + sub->get_name(), suggest_option(*sub, extra));
    return refuse_usage(sub->get_name() + " takes one name; '" + extra + "' is one too many", "");
  }
  line.verb = sub->get_name();
  for (const Verb& verb : verbs) {
    if (line.verb != verb.name) continue;
    if (verb.run == completion_command) {
      const std::optional<std::string> script = completion_script(app, line.names.front());
      if (!script) return refuse_usage("no completion for '" + line.names.front() + "'", "bash, zsh or fish");
      std::cout << *script;
      return done;
    }
    return verb.run(line);
  }
  return bad_input;
}

}  // namespace

int completion_command(const CommandLine&) { return bad_input; }

}  // namespace orrery

int main(int argc, char** argv) {
  try {
    return orrery::main_with(argc, argv);
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory\n";
  } catch (const std::exception& fault) {
    std::cerr << "error: " << fault.what() << "\n";
  }
  return orrery::world_failed;
}
