#include "scenarios/validate/validate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"
#include "scenarios/reading/routing_trace.hpp"
#include "scenarios/validate/balance_court.hpp"
#include "scenarios/validate/cost_court.hpp"
#include "scenarios/validate/default_text.hpp"
#include "scenarios/validate/freed_memory.hpp"
#include "scenarios/validate/precision_court.hpp"
#include "scenarios/validate/routing_effect.hpp"
#include "scenarios/validate/small_model.hpp"

namespace orrery {

std::span<const CourtKind> court_kinds() {
  static constexpr CourtKind kinds[] = {
      {CourtName::Cost, "cost", "is what the simulator charges what a real layer does?"},
      {CourtName::Balance, "balance", "how evenly does a trained gate use its experts?"},
      {CourtName::Precision, "precision", "what do BF16 and FP8 cost in accuracy?"}};
  return kinds;
}

bool Validation::holds() const {
  return std::all_of(courts.begin(), courts.end(), [](const Court& court) { return orrery::holds(court); });
}

namespace {

Findings check_processor() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return {{"validate",
             "this processor has no AVX2; the reference is built for it, so that its bytes are the same "
             "everywhere",
             "an x86-64 processor of 2013 or later"}};
  }
#endif
  return {};
}

bool asks(const ValidateRequest& request, CourtName court) {
  return std::find(request.courts.begin(), request.courts.end(), court) != request.courts.end();
}

/// What the trained courts need before anything is trained.
struct Trial {
  StudyRequest study;
  reference::Corpus corpus;
  std::string origin;
};

std::vector<Variant> variants_for(bool balance, bool precision) {
  std::vector<Variant> variants{Variant::Bf16};
  if (balance) variants.insert(variants.end(), {Variant::AuxiliaryLoss, Variant::NoBalancing});
  if (precision)
    variants.insert(variants.end(),
                    {Variant::Float32, Variant::Fp8, Variant::Perturbed, Variant::Fp8Perturbed});
  return variants;
}

Checked<Trial> prepare(const ValidateRequest& request) {
  Checked<Trial> checked;
  Trial& trial = checked.value;
  const Transformer& model = request.plan->model;
  const Effort effort = request.quick ? Effort::Quick : Effort::Whole;
  Checked<reference::TrainingRequest> base = small_training(model, request.sizes, effort);
  if (!base.ok()) return {{}, std::move(base.findings)};
  Checked<SourcedText> text = request.text.empty() ? system_text() : text_file(request.text);
  if (!text.ok()) return {{}, std::move(text.findings)};
  trial.origin = std::move(text.value.origin);
  // Windows of a batch begin anywhere; a few batches' worth of text is the least that can be called one.
  const std::int64_t batch = std::int64_t(base.value.sequences) * (base.value.length + 2);
  Checked<reference::Corpus> corpus =
      reference::read_corpus(text.value.text, base.value.shape.vocabulary, 4 * batch,
                             base.value.held_out_tokens / base.value.length * (base.value.length + 2));
  if (!corpus.ok()) {
    for (Finding& f : corpus.findings) f.problem = trial.origin + ": " + f.problem;
    return {{}, std::move(corpus.findings)};
  }
  trial.corpus = std::move(corpus.value);
  const bool balance = asks(request, CourtName::Balance) && model.experts;
  trial.study = {.base = std::move(base.value),
                 .seeds = request.seeds.value_or(request.quick ? 1 : 3),
                 .effort = effort,
                 .variants = variants_for(balance, asks(request, CourtName::Precision)),
                 .own_gate = std::nullopt};
  trial.study.base.shape.vocabulary = trial.corpus.encoding.vocabulary();
  if (balance && !same_gate(trial.study.base.shape.experts->gate, *model.experts)) {
    trial.study.own_gate = trial.study.base;
    trial.study.own_gate->shape =
        small_training(model, with_own_gate(model, request.sizes), effort).value.shape;
    trial.study.own_gate->shape.vocabulary = trial.study.base.shape.vocabulary;
  }
  return checked;
}

void say_provenance(const Trial& trial, Validation& validation) {
  const reference::Corpus& corpus = trial.corpus;
  const reference::TrainingRequest& base = trial.study.base;
  validation.provenance = {
      {"text", trial.origin},
      {"text_bytes", std::to_string(corpus.bytes)},
      {"text_hash_fnv1a", fmt::format("{:016x}", corpus.hash)},
      {"small_model", describe(base.shape)},
      {"training", fmt::format("{} steps of {} sequences of {} tokens; {} seeds", base.steps, base.sequences,
                               base.length, trial.study.seeds)}};
  validation.notes.push_back(
      fmt::format("Trained on {} ({:.1f} MB, FNV-1a {:016x}; commonest token {:.1f} %): {}; {} steps of {} x "
                  "{} tokens, {}.",
                  trial.origin, double(corpus.bytes) / 1e6, corpus.hash, 100 * corpus.largest_share,
                  describe(base.shape), grouped(base.steps), base.sequences, base.length,
                  trial.study.seeds == 1 ? "one seed" : fmt::format("{} seeds", trial.study.seeds)));
}

/// The choices of the gates that are as the scenario's own: what each way of balancing left.
std::vector<RoutingTrace> traces_of(const Trial& trial, const Study& study, const std::string& model) {
  std::vector<RoutingTrace> traces;
  const bool own = trial.study.own_gate.has_value();
  const reference::GateShape& gate = (own ? *trial.study.own_gate : trial.study.base).shape.experts->gate;
  const std::vector<StudyRun>& runs = own ? study.own_gate : study.runs;
  for (const auto& [variant, name] :
       {std::pair{Variant::Bf16, "bias"}, std::pair{Variant::AuxiliaryLoss, "auxiliary"},
        std::pair{Variant::NoBalancing, "none"}}) {
    traces.push_back(routing_trace_of(*runs_of(runs, variant).front(), gate,
                                      "a small model with the gate of " + model, name, trial.corpus.hash));
  }
  return traces;
}

void hear_balance(const ValidateRequest& request, const Trial& trial, const Study& study,
                  Validation& validation) {
  Court court = balance_court(trial.study, study.runs);
  const std::vector<RoutingTrace> traces = traces_of(trial, study, request.plan->model.name);
  add_routing_effects(court, routing_effects(*request.plan, traces, validation.notes));
  validation.courts.push_back(std::move(court));
  for (const RoutingTrace& trace : traces)
    validation.traces.push_back({"routing-" + trace.balancing + ".h5", routing_trace_file(trace)});
}

}  // namespace

Checked<Validation> validate(const ValidateRequest& request, const CourtProgress& progress) {
  Checked<Validation> checked{{}, check_processor()};
  if (!checked.ok()) return checked;
  keep_freed_memory();
  Validation& validation = checked.value;
  const bool experts = request.plan->model.experts.has_value();
  const bool balance = asks(request, CourtName::Balance), precision = asks(request, CourtName::Precision);
  const bool trains = precision || (balance && experts);
  Checked<Trial> trial;
  if (trains) {
    progress("reading the text", 0);
    trial = prepare(request);
    if (!trial.ok()) return {{}, std::move(trial.findings)};
    say_provenance(trial.value, validation);
  }
  if (balance && !experts)
    validation.notes.push_back("Balance: the model has no experts; there is nothing to judge.");
  const auto share_of = [&](const char* what) { return [&, what](double share) { progress(what, share); }; };
  if (asks(request, CourtName::Cost)) {
    CostSample sample;
    if (request.quick)
      sample = {.tokens = 64, .routing_tokens = 4096, .core_length = 2048, .weights = 120'000'000};
    validation.courts.push_back(cost_court(*request.plan, sample, share_of("computing layers")));
  }
  if (!trains) return checked;
  const Study study = run_study(trial.value.study, trial.value.corpus, share_of("training small models"));
  if (balance && experts) hear_balance(request, trial.value, study, validation);
  if (precision) {
    validation.courts.push_back(
        precision_court(trial.value.study, study.runs, trial.value.corpus, share_of("measuring precision")));
  }
  return checked;
}

}  // namespace orrery
