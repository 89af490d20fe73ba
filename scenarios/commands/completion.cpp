#include "scenarios/commands/completion.hpp"

#include <CLI/CLI.hpp>

#include "models/pipeline/schedule.hpp"
#include "scenarios/commands/explain.hpp"
#include "scenarios/reading/embedded.hpp"
#include "scenarios/reading/nearest.hpp"

namespace orrery {
namespace {

std::string options_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  }
  return words;
}

std::string names_of(DataKind kind) { return joined(data_names(kind), " "); }

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string subjects_of(const CLI::App& verb) {
  const std::string name = verb.get_name();
  if (name == "run" || name == "show" || name == "check") return names_of(DataKind::Scenario);
  if (name == "explain") return joined(explained_names(), " ");
  if (name == "completion") return "bash zsh fish";
  std::vector<std::string_view> schedules;
  for (const ScheduleKind& kind : schedule_kinds()) schedules.push_back(kind.name);
  return name == "schedule" ? joined(schedules, " ") : "";
}

std::string bash(const CLI::App& app) {
  std::string verbs, cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    cases +=
        "    " + verb->get_name() + ") words=\"" + options_of(*verb) + " " + subjects_of(*verb) + "\" ;;\n";
  }
  return "_orrery() {\n  local words\n  case \"${COMP_WORDS[1]}\" in\n" + cases + "    *) words=\"" + verbs +
         " --help --version\" ;;\n  esac\n" +
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  [ ${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
         "complete -o filenames -F _orrery orrery\n";
}

std::string zsh(const CLI::App& app) {
  return "#compdef orrery\nautoload -U +X bashcompinit && bashcompinit\n" + bash(app);
}

std::string fish(const CLI::App& app) {
  std::string script;
  for (const CLI::App* verb : verbs_of(app)) {
    script += "complete -c orrery -n __fish_use_subcommand -a " + verb->get_name() + " -d '" +
              verb->get_description() + "'\n";
    const std::string when = "complete -c orrery -n '__fish_seen_subcommand_from " + verb->get_name() + "'";
    for (const CLI::Option* option : verb->get_options()) {
      for (const std::string& name : option->get_lnames()) script += when + " -l " + name + "\n";
    }
    const std::string subjects = subjects_of(*verb);
    if (!subjects.empty()) script += when + " -a '" + subjects + "'\n";
  }
  return script;
}

}  // namespace

std::optional<std::string> completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return bash(app);
  if (shell == "zsh") return zsh(app);
  if (shell == "fish") return fish(app);
  return std::nullopt;
}

}  // namespace orrery
