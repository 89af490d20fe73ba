#include "scenarios/answering/answered_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"

namespace orrery {
namespace {

struct SpentPart {
  const char* name;
  const char* key;
  Seconds DecodeTime::*part;
};
constexpr SpentPart spent_parts[] = {{"attention against the cache", "core_share", &DecodeTime::core},
                                     {"routed experts", "experts_share", &DecodeTime::experts},
                                     {"other kernels", "other_share", &DecodeTime::other},
                                     {"waiting for messages", "exposed_share", &DecodeTime::exposed},
                                     {"waiting for the host", "host_share", &DecodeTime::host}};

Seconds whole(const PhaseOutcome& phase) {
  Seconds sum{};
  for (const PhasePart& part : phase.parts) sum += part.time;
  return sum;
}

}  // namespace

Section answered_section(const PhaseOutcome& phase) {
  const AnswerFigures& a = *phase.answered;
  const bool learns = phase.step_time > Seconds(0);
  Facts facts;
  facts.rows.push_back(
      {"answers", fmt::format("{}, {} tokens on average, the longest {}", human_count(a.answers),
                              four_digits(a.mean_tokens), grouped(std::int64_t(a.longest)))});
  facts.rows.push_back(
      {"speed", fmt::format("{} tokens/s a GPU while answers are generated, {} at once in the fullest "
                            "tensor group",
                            four_digits(a.tokens_per_s), four_digits(a.sequences))});
  if (learns)
    facts.rows.push_back(
        {"tail", fmt::format("{} of that time after half of the answers have ended; a rollout's "
                             "time differs by {} from draw to draw",
                             percent(a.after_half), percent(a.draws_differ))});
  Bars parts, spent;
  for (const PhasePart& part : phase.parts)
    parts.rows.push_back({part.name, part.time / whole(phase), human(part.time)});
  Seconds generating{};
  for (const PhasePart& part : phase.parts)
    if (part.name == generating_part) generating = part.time;
  for (const SpentPart& part : spent_parts) {
    const double share = a.spent.*part.part / a.spent.total;
    if (share > 0) spent.rows.push_back({part.name, share, human(share * generating)});
  }
  return {fmt::format("{}: {}", phase.name, learns ? "a policy step" : "the whole phase"),
          {facts, parts, Paragraph{"Generating answers, on the fullest rank:"}, spent}};
}

nlohmann::ordered_json answered_summary(const PhaseOutcome& phase) {
  using Json = nlohmann::ordered_json;
  const AnswerFigures& a = *phase.answered;
  Json parts = Json::array();
  for (const PhasePart& part : phase.parts)
    parts.push_back({{"name", part.name}, {"time_s", part.time.value()}});
  Json answers{{"count", a.answers},
               {"mean_tokens", a.mean_tokens},
               {"longest_tokens", a.longest},
               {"generated_tokens_per_s_per_gpu", a.tokens_per_s},
               {"sequences_per_tensor_group", a.sequences},
               {"after_half_share", a.after_half},
               {"draws_differ_share", a.draws_differ}};
  for (const SpentPart& part : spent_parts) answers[part.key] = a.spent.*part.part / a.spent.total;
  return {{"parts", parts}, {"answers", answers}};
}

Table answered_table(const std::vector<PhaseOutcome>& phases) {
  std::vector<std::string> names, parts;
  std::vector<double> times, hours;
  for (const PhaseOutcome& phase : phases) {
    for (const PhasePart& part : phase.parts) {
      names.push_back(phase.name);
      parts.push_back(part.name);
      times.push_back(part.time.value());
      hours.push_back(phase.gpu_hours * (part.time / whole(phase)));
    }
  }
  return {"answered",
          "phases in which the model answers, part by part",
          {{"phase", "", "name", names},
           {"part", "", "what the cluster does", parts},
           {"time_s", "s", "of a policy step, or of the whole phase where nothing is learnt", times},
           {"gpu_hours", "h", "of the whole phase", hours}}};
}

}  // namespace orrery
