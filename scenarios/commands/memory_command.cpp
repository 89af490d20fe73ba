#include "scenarios/answering/memory_answer.hpp"
#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"

namespace orrery {

int memory_command(const CommandLine& line) {
  CommandLine as_asked = line;
  as_asked.sets.push_back("simulation.memory=report");  // That it does not fit is an answer here.
  if (as_asked.out.empty()) as_asked.out = default_folder(line.names.front()) + "-memory";
  const std::variant<Question, int> read = read_question(as_asked);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& question = std::get<Question>(read);
  MemoryAnswer answer = remember(question.assembled.plan);
  answer.title = "orrery memory: " + question.reading.scenario.title;
  Results results;
  results.stem = "memory";
  results.summary = memory_summary(answer);
  results.tables = memory_tables(answer);
  return deliver(line, question.reading.document, question.folder, std::move(results), memory_page(answer));
}

}  // namespace orrery
