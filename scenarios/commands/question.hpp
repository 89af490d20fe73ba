#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reports/catalog.hpp"
#include "reports/progress.hpp"
#include "reports/publish.hpp"
#include "reports/terminal.hpp"
#include "scenarios/commands/commands.hpp"
#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// A question that can be simulated.
struct Question {
  ScenarioReading reading;
  Assembled assembled;
  Findings too_large;  ///< Only of a scenario that wants the answer all the same.
  std::string folder;  ///< Where files go.
};

/// The question that the command line asks, its folder writable; or the exit code of its refusal.
std::variant<Question, int> read_question(const CommandLine& line);

/// The refusal of a verb that weighs steps of [plan] alone, where a phase lets the model answer.
std::optional<int> refuse_answers(const CommandLine& line, const Question& question, std::string_view verb);

/// "deepseek-v3" and "mine/deepseek-v3.toml" alike go to out/deepseek-v3; a dot may be part of a name.
std::string default_folder(const std::string& name);

/// Where progress of this command goes: a line on a terminal, now and then a line in a log, nowhere if quiet.
Progress::Outlet progress_outlet(const CommandLine& line);

/// How many threads the command line allows.
std::size_t thread_count(const CommandLine& line);

/// Several jobs at once, and how many of them are done.
Parallel run_in_parallel(Progress& progress);

/// What glyphs the command line wants.
Wish ascii_wish(const CommandLine& line);

/// What a verb ends with: the files of `results`, and `more`, into the folder; then the page (or, with
/// --json, the summary) on standard output and where the files are on standard error. `results` needs its
/// stem, summary and tables; text, scenario and provenance are filled in here. The exit code.
int deliver(const CommandLine& line, const Document& document, const std::string& folder, Results results,
            const Page& page, std::vector<OutputFile> more = {});

}  // namespace orrery
