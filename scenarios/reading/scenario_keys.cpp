#include <array>

#include "models/pipeline/schedule.hpp"
#include "scenarios/reading/scenario.hpp"
#include "topologies/catalog.hpp"
#include "topologies/routing.hpp"

namespace orrery {

/// Both ways of writing a layer map end in one struct.
inline void assign(Scenario::LayerMap& to, const ParsedValue& value) {
  to.rule = value.text;
  to.blocks.assign(value.integers.begin(), value.integers.end());
}

namespace {

using Words = std::vector<std::string_view>;
using K = QuantityKind;

Words schedules() {
  Words words;
  for (const ScheduleKind& kind : schedule_kinds()) words.push_back(kind.name);
  return words;
}
Words topologies() {
  Words words;
  for (const TopologyKind& kind : topology_kinds()) words.push_back(kind.name);
  return words;
}
Words routings() {
  Words words;
  for (const RoutingKind& kind : routing_kinds()) words.push_back(kind.name);
  return words;
}
Words precisions() { return {"bf16", "fp8"}; }
Words overlaps() { return {"hidden", "exposed"}; }
Words attention_kernels() { return {"fused", "unfused"}; }
Words scalings() { return {"tile", "tensor"}; }
Words layer_messages() { return {"all_reduce", "exposed", "backward", "pieces"}; }
Words pipeline_messages() { return {"batched", "eager"}; }
Words copy_messages() { return {"exposed", "hidden"}; }
Words dispatches() { return {"node", "rank"}; }
Words recomputed() { return {"none", "selective", "full", "norm", "up_projection", "swiglu", "attention"}; }
Words layer_maps() { return {"ends_short", "front_heavy", "back_heavy"}; }
Words states() { return {"fp32", "bf16"}; }
Words routing_sources() { return {"balanced", "skewed"}; }
Words fidelities() { return {"folded", "full", "lockstep"}; }
Words methods() { return {"train", "answers", "grpo"}; }
Words answer_laws() { return {"fixed", "uniform", "exponential"}; }
Words rewards() { return {"rules", "model"}; }
Words checkpoint_kinds() { return {"asynchronous", "blocking"}; }
Words memory_rules() { return {"refuse", "report"}; }

// Limits that no cluster of this decade reaches, so that products of two stay in 64 bits.
constexpr double most_ranks = 1 << 20, most_tokens = 1e18;

using S = Scenario;
using Row = Key<Scenario>;
constexpr std::array keys{
    Row{{"orrery", integer(1, 1), otherwise("1"), "version of the scenario format"}, store<&S::format>},
    Row{{"title", text(), otherwise("\"\""), "one line that names the scenario in reports"},
        store<&S::title>},
    Row{{"description", text(), otherwise("\"\""),
         "what is asked, and what was not published and had to be chosen"},
        store<&S::description>},

    Row{{"model.config", data_name(DataKind::Model), required, "the model: a Hugging Face config.json"},
        store<&S::model, &S::Model::config>},

    Row{{"cluster.gpu", data_name(DataKind::Gpu), required, "the GPU: a catalogue entry"},
        store<&S::cluster, &S::Cluster::gpu>},
    Row{{"cluster.nodes", integer(1, most_ranks), required, "how many nodes (servers)"},
        store<&S::cluster, &S::Cluster::nodes>},
    Row{{"cluster.node", data_name(DataKind::Node), unset,
         "the server around the GPUs; left out: the first built-in node made for cluster.gpu, or hgx-8"},
        store<&S::cluster, &S::Cluster::node>},
    Row{{"cluster.nic", data_name(DataKind::Nic), unset, "the network adapter; left out: the node's own"},
        store<&S::cluster, &S::Cluster::nic>},
    Row{{"cluster.switch", data_name(DataKind::Switch), otherwise("\"qm9700\""),
         "the switch that the network is built from"},
        store<&S::cluster, &S::Cluster::network_switch>},
    Row{{"cluster.topology", word(topologies), otherwise("\"multi-rail-fat-tree\""),
         "who is wired to whom between nodes"},
        store<&S::cluster, &S::Cluster::topology>},
    Row{{"cluster.cabling", file_path("fabric.graphml"), unset,
         "a file of the fabric, in place of cluster.topology: GraphML, DOT, or what ibnetdiscover prints"},
        store<&S::cluster, &S::Cluster::cabling>},
    Row{{"cluster.forwarding", file_path("opensm-lfts.dump"), unset,
         "OpenSM's dump of the forwarding tables of cluster.cabling, for routing = \"tables\""},
        store<&S::cluster, &S::Cluster::forwarding>},
    Row{{"cluster.faults", text(), otherwise("\"\""),
         "what of the network is down or slow: \"plane 3 down; nic 5.3 at 0.5; cable leaf 0.2 - spine 0.1 "
         "down\""},
        store<&S::cluster, &S::Cluster::faults>},
    Row{{"cluster.mixed", text(), otherwise("\"\""),
         "nodes with another GPU of the same chip: \"0-63: h100-sxm; 64-71: h200\" (their NVLink ports "
         "differ)"},
        store<&S::cluster, &S::Cluster::mixed>},
    Row{{"cluster.neighbour_nodes", integer(0, most_ranks), otherwise("0"),
         "nodes of another job on the same fabric, dealt evenly among ours, whose NICs never rest"},
        store<&S::cluster, &S::Cluster::neighbour_nodes>},
    Row{{"cluster.shape", integers(1, 1 << 20), unset,
         "sizes of the topology, as orrery explain lists them; left out: the smallest that holds the nodes"},
        store<&S::cluster, &S::Cluster::shape>},
    Row{{"cluster.planes", integer(1, 1024), unset,
         "networks without a cable between them, for multi-plane-fat-tree; left out: one for each NIC"},
        store<&S::cluster, &S::Cluster::planes>},
    Row{{"cluster.oversubscription", number(1, 4096), otherwise("1"),
         "of a fat tree's leaves: what comes up from NICs over what can go on upwards"},
        store<&S::cluster, &S::Cluster::oversubscription>},
    Row{{"cluster.routing", word(routings), otherwise("\"ecmp\""),
         "how a flow chooses among several cables (seen at full fidelity)"},
        store<&S::cluster, &S::Cluster::routing>},
    Row{{"cluster.prices", data_name(DataKind::Prices), otherwise("\"isca-2025\""),
         "what the parts of the network cost, for orrery compare"},
        store<&S::cluster, &S::Cluster::prices>},
    Row{{"cluster.gpu_hour", quantity(K::MoneyPerHour, 0, 1e6), unset,
         "price of one GPU for an hour; left out: the catalogue's rent"},
        store<&S::cluster, &S::Cluster::gpu_hour>},

    Row{{"network.nic_line", quantity(K::Bandwidth, 1e3, 1e15), unset,
         "signalling rate of one NIC, one direction, instead of the catalogue's"},
        store<&S::network, &S::Network::nic_line>},
    Row{{"network.nic_achieved", quantity(K::Bandwidth, 1e3, 1e15), unset,
         "what bulk traffic reaches over one NIC, one direction, instead of the catalogue's"},
        store<&S::network, &S::Network::nic_achieved>},
    Row{{"network.nic_latency", quantity(K::Time, 0, 1), unset,
         "end-to-end time of a small message under one leaf switch, instead of the catalogue's"},
        store<&S::network, &S::Network::nic_latency>},
    Row{{"network.hop_latency", quantity(K::Time, 0, 1), unset,
         "what one more switch on the path adds, instead of the catalogue's"},
        store<&S::network, &S::Network::hop_latency>},
    Row{{"network.nvlink_achieved", quantity(K::Bandwidth, 1e3, 1e15), unset,
         "what bulk copies reach over one GPU's NVLink, one direction, instead of the catalogue's"},
        store<&S::network, &S::Network::nvlink_achieved>},

    Row{{"plan.pipeline", integer(1, 4096), otherwise("1"), "pipeline-parallel ranks"},
        store<&S::plan, &S::Plan::pipeline>},
    Row{{"plan.expert", integer(1, most_ranks), otherwise("1"),
         "expert-parallel ranks: who share the routed experts"},
        store<&S::plan, &S::Plan::expert>},
    Row{{"plan.tensor", integer(1, 1024), otherwise("1"),
         "tensor-parallel ranks, with sequence parallelism between them"},
        store<&S::plan, &S::Plan::tensor>},
    Row{{"plan.context", integer(1, most_ranks), otherwise("1"),
         "context-parallel ranks: who share each sequence"},
        store<&S::plan, &S::Plan::context>},
    Row{{"plan.virtual_stages", integer(1, 1024), otherwise("1"),
         "pipeline stages on each rank (interleaved schedule)"},
        store<&S::plan, &S::Plan::virtual_stages>},
    Row{{"plan.schedule", word(schedules), otherwise("\"1f1b\""), "order of the pipeline's work"},
        store<&S::plan, &S::Plan::schedule>},
    Row{{"plan.fallback_schedule", word(schedules), otherwise("\"1f1b\""),
         "schedule for batches too small for plan.schedule, as at the start of a ramp"},
        store<&S::plan, &S::Plan::fallback_schedule>},
    Row{{"plan.micro_batch", integer(1, most_ranks), otherwise("1"), "sequences of one micro-batch"},
        store<&S::plan, &S::Plan::micro_batch>},
    Row{{"plan.global_batch", integer(1, 1 << 30), required, "sequences of one step, over all GPUs"},
        store<&S::plan, &S::Plan::global_batch>},
    Row{{"plan.sequence", integer(1, 1 << 24), required, "tokens of one sequence"},
        store<&S::plan, &S::Plan::sequence>},
    Row{{"plan.precision", word(precisions), otherwise("\"bf16\""), "of the large matrix products"},
        store<&S::plan, &S::Plan::precision>},
    Row{{"plan.recompute", words_of(recomputed), otherwise("\"none\""),
         "what a backward pass computes again instead of keeping it: none; full (every layer from its "
         "input); or a list "
         "of norm (RMSNorm outputs), up_projection (MLA's query and key-value up-projections), swiglu (the "
         "activation "
         "function's output), attention (the attention core); selective is Megatron's word for attention"},
        store<&S::plan, &S::Plan::recompute>},
    Row{{"plan.attention", word(attention_kernels), otherwise("\"fused\""),
         "fused never writes the scores to memory; unfused does, with softmax a kernel of its own, as before "
         "2022"},
        store<&S::plan, &S::Plan::attention>},
    Row{{"plan.overlap", word(overlaps), otherwise("\"hidden\""),
         "whether compute runs while the all-to-alls of another micro-batch or pass do (hidden) or waits for "
         "each (exposed)"},
        store<&S::plan, &S::Plan::overlap>},
    Row{{"plan.scaling", word(scalings), otherwise("\"tile\""),
         "what shares one FP8 scale: tile (DeepSeek-V3's 1 x 128, casts apart) or tensor (Transformer "
         "Engine's delayed "
         "scaling: norms and activations write FP8)"},
        store<&S::plan, &S::Plan::scaling>},
    Row{{"plan.layer_messages", word(layer_messages), otherwise("\"exposed\""),
         "messages between tensor- and context-parallel ranks: all_reduce (no sequence parallelism, "
         "backward's beside the "
         "weight gradient); else sequence parallelism, with every gather and scatter waited for (exposed), "
         "backward's "
         "beside products (backward, Megatron-LM 2022), or all in pieces beside products (pieces, "
         "Transformer Engine's "
         "user buffers)"},
        store<&S::plan, &S::Plan::layer_messages>},
    Row{{"plan.pipeline_messages", word(pipeline_messages), otherwise("\"batched\""),
         "batched: an op's messages leave together and the next op waits for that; eager: each leaves when "
         "its tensor is "
         "complete and nobody waits (Megatron-LM's overlap_p2p_comm)"},
        store<&S::plan, &S::Plan::pipeline_messages>},
    Row{{"plan.copy_messages", word(copy_messages), otherwise("\"exposed\""),
         "sums of gradients over the copies and gathers of new weights: after the last micro-batch "
         "(exposed), or all but "
         "one chunk beside computing (hidden, Megatron-LM's overlap_grad_reduce and overlap_param_gather)"},
        store<&S::plan, &S::Plan::copy_messages>},
    Row{{"plan.dispatch", word(dispatches), otherwise("\"node\""),
         "copies of a token over the network: one for each node that has experts of it, forwarded over "
         "NVLink (node), or "
         "one for each rank, as NCCL's all-to-all sends them (rank)"},
        store<&S::plan, &S::Plan::dispatch>},
    Row{{"plan.layer_map", word_or_integers(layer_maps, 0, 4096), otherwise("\"ends_short\""),
         "layers of each stage: as even as possible with the shorter stages at the ends (ends_short, Llama "
         "3's rule), "
         "longer ones first or last (front_heavy, back_heavy), or a list with one count a stage"},
        store<&S::plan, &S::Plan::layer_map>},
    Row{{"plan.kernels", data_name(DataKind::Kernels), required,
         "kernel family: whose kernels the framework ran"},
        store<&S::plan, &S::Plan::kernels>},
    Row{{"plan.communication_sms", integer(0, 1024), otherwise("20"),
         "multiprocessors that an all-to-all kernel holds"},
        store<&S::plan, &S::Plan::communication_sms>},

    Row{{"optimizer.gradients", word(states), otherwise("\"fp32\""),
         "format in which gradients are summed and reduced"},
        store<&S::optimizer, &S::Optimizer::gradients>},
    Row{{"optimizer.moments", word(states), otherwise("\"fp32\""), "format of AdamW's two moments"},
        store<&S::optimizer, &S::Optimizer::moments>},
    Row{{"optimizer.master", word(states), otherwise("\"fp32\""),
         "format of the weights that the optimizer updates"},
        store<&S::optimizer, &S::Optimizer::master>},
    Row{{"optimizer.zero", integer(0, 1), otherwise("1"),
         "1: optimizer state is shared out over the copies (ZeRO-1); 0: each has all"},
        store<&S::optimizer, &S::Optimizer::zero>},

    Row{{"routing.source", word(routing_sources), otherwise("\"balanced\""),
         "balanced: every expert is equally likely; skewed: popularity differs by routing.skew"},
        store<&S::routing, &S::Routing::source>},
    Row{{"routing.row_spread", quantity(K::Share, 0, 0.5), otherwise("\"0 %\""),
         "standard deviation over ranks of what they receive, on top of sampling"},
        store<&S::routing, &S::Routing::row_spread>},
    Row{{"routing.skew", number(0, 10), otherwise("0.0"),
         "standard deviation of an expert's fixed offset to the gate's logits"},
        store<&S::routing, &S::Routing::skew>},
    Row{{"routing.samples", integer(1, 1 << 16), otherwise("128"),
         "exact samples of the gate in the pool that layers draw from"},
        store<&S::routing, &S::Routing::samples>},
    Row{{"routing.trace", file_path("traces/bias.h5"), unset,
         "which experts the tokens of a real model chose, measured: an HDF5 file as orrery validate leaves "
         "them. It stands in place of routing.source, routing.skew and routing.row_spread, which are then "
         "not used; routing.samples is the number of windows of it that each layer draws from. Its gate "
         "must be the model's own"},
        store<&S::routing, &S::Routing::trace>},

    Row{{"train.name", text(), otherwise("\"pre-training\""), "name of the main phase"},
        store<&S::train, &S::Train::name>},
    Row{{"train.tokens", quantity(K::Count, 1, most_tokens), unset,
         "tokens of the main phase, on [plan] as it stands; or train.steps"},
        store<&S::train, &S::Train::tokens>},
    Row{{"train.steps", integer(1, 1e12), unset, "steps of the main phase"},
        store<&S::train, &S::Train::steps>},
    Row{{"train.ramp_from", integer(1, 1 << 30), unset, "sequences of a step at the start of a batch ramp"},
        store<&S::train, &S::Train::ramp_from>},
    Row{{"train.ramp_tokens", quantity(K::Count, 1, most_tokens), unset,
         "tokens until plan.global_batch is reached"},
        store<&S::train, &S::Train::ramp_tokens>},

    Row{{"phase[].name", text(), required, "name of a phase after the main one"},
        store_last<&S::phases, &S::Phase::name>},
    Row{{"phase[].tokens", quantity(K::Count, 1, most_tokens), unset,
         "tokens of the phase; or steps, or gpu_hours"},
        store_last<&S::phases, &S::Phase::tokens>},
    Row{{"phase[].steps", integer(1, 1e12), unset, "steps of the phase"},
        store_last<&S::phases, &S::Phase::steps>},
    Row{{"phase[].gpu_hours", quantity(K::Count, 0, 1e15), unset,
         "GPU-hours of the phase, given instead of simulated"},
        store_last<&S::phases, &S::Phase::gpu_hours>},
    Row{{"phase[].instances", quantity(K::Count, 1, 1e15), unset,
         "examples of fine-tuning, instead of tokens: the phase has instances x epochs x instance_tokens / "
         "packing"},
        store_last<&S::phases, &S::Phase::instances>},
    Row{{"phase[].instance_tokens", quantity(K::Count, 1, 1e9), unset,
         "tokens of an example, prompt and answer, mean"},
        store_last<&S::phases, &S::Phase::instance_tokens>},
    Row{{"phase[].epochs", number(0, 1000), otherwise("1.0"), "times that each example is seen"},
        store_last<&S::phases, &S::Phase::epochs>},
    Row{{"phase[].packing", quantity(K::Share, 0.01, 1), otherwise("\"100 %\""),
         "share of a packed sequence that holds tokens of examples"},
        store_last<&S::phases, &S::Phase::packing>},
    Row{{"phase[].sequence", integer(1, 1 << 24), unset, "tokens of one sequence, instead of plan.sequence"},
        store_last<&S::phases, &S::Phase::sequence>},
    Row{{"phase[].global_batch", integer(1, 1 << 30), unset,
         "sequences of one step, instead of plan.global_batch"},
        store_last<&S::phases, &S::Phase::global_batch>},
    Row{{"phase[].context", integer(1, most_ranks), unset, "context-parallel ranks, instead of plan.context"},
        store_last<&S::phases, &S::Phase::context>},
    Row{{"phase[].ramp_from", integer(1, 1 << 30), unset, "sequences of a step at the start of a batch ramp"},
        store_last<&S::phases, &S::Phase::ramp_from>},
    Row{{"phase[].ramp_tokens", quantity(K::Count, 1, most_tokens), unset,
         "tokens until the phase's batch is reached"},
        store_last<&S::phases, &S::Phase::ramp_tokens>},

    Row{{"phase[].method", word(methods), otherwise("\"train\""),
         "what the phase does: train on given text; answers: the model answers prompts, for data to distil; "
         "grpo: it learns from its answers by reinforcement. The last two run on [generation]"},
        store_last<&S::phases, &S::Phase::method>},
    Row{{"phase[].prompts", integer(1, 1e9), unset, "grpo: questions of one policy step"},
        store_last<&S::phases, &S::Phase::prompts>},
    Row{{"phase[].group", integer(1, 1 << 20), otherwise("1"), "grpo: answers to each question"},
        store_last<&S::phases, &S::Phase::group>},
    Row{{"phase[].rollout_steps", integer(1, 1 << 20), otherwise("1"),
         "grpo: policy steps that one rollout of answers feeds"},
        store_last<&S::phases, &S::Phase::rollout_steps>},
    Row{{"phase[].prompt_tokens", quantity(K::Count, 1, 1e7), unset, "answers, grpo: tokens of a question"},
        store_last<&S::phases, &S::Phase::prompt_tokens>},
    Row{{"phase[].answer_tokens", quantity(K::Count, 1, 1e7), unset,
         "answers, grpo: tokens of an answer, mean before answer_limit"},
        store_last<&S::phases, &S::Phase::answer_tokens>},
    Row{{"phase[].answer_law", word(answer_laws), otherwise("\"exponential\""),
         "how lengths differ: fixed; uniform from nothing to twice the mean; exponential: after each token "
         "the "
         "same chance to end"},
        store_last<&S::phases, &S::Phase::answer_law>},
    Row{{"phase[].answer_lengths", file_path("lengths.txt"), unset,
         "measured lengths in place of answer_law, one a line; scaled to answer_tokens where that is given"},
        store_last<&S::phases, &S::Phase::answer_lengths>},
    Row{{"phase[].answer_limit", quantity(K::Count, 1, 1e7), unset,
         "tokens at which an answer is cut; left out: 32,768, for grpo what the phase's sequence leaves"},
        store_last<&S::phases, &S::Phase::answer_limit>},
    Row{{"phase[].kept", quantity(K::Share, 1e-6, 1), otherwise("\"100 %\""),
         "answers: share that is good enough; instances are kept ones"},
        store_last<&S::phases, &S::Phase::kept>},
    Row{{"phase[].reward", word(rewards), otherwise("\"rules\""),
         "grpo: rules, checked on the hosts meanwhile, or a model of the same size: one more forward pass"},
        store_last<&S::phases, &S::Phase::reward>},
    Row{{"phase[].host_link", quantity(K::Bandwidth, 1e6, 1e13), unset,
         "grpo: of one GPU with its host's memory, where idle models wait; left out: moving them is not "
         "counted"},
        store_last<&S::phases, &S::Phase::host_link>},

    Row{{"generation.nodes", integer(1, most_ranks), otherwise("1"),
         "nodes of one instance that answers; routed experts are dealt out over all its GPUs"},
        store<&S::generation, &S::Generation::nodes>},
    Row{{"generation.tensor", integer(1, most_ranks), otherwise("1"),
         "ranks that share attention and its sequences"},
        store<&S::generation, &S::Generation::tensor>},
    Row{{"generation.precision", word(precisions), otherwise("\"fp8\""), "of weights and matrix products"},
        store<&S::generation, &S::Generation::precision>},
    Row{{"generation.kernels", data_name(DataKind::Kernels), otherwise("\"deepgemm\""),
         "kernel family; it must have been measured generating"},
        store<&S::generation, &S::Generation::kernels>},
    Row{{"generation.micro_batches", integer(1, 2), otherwise("2"),
         "2: halves of the batch take turns where that is faster, one computes while the other's messages "
         "travel"},
        store<&S::generation, &S::Generation::micro_batches>},
    Row{{"generation.draft_acceptance", quantity(K::Share, 0, 1), otherwise("\"0 %\""),
         "share of multi-token prediction's drafts that the model takes; 0 %: no drafts"},
        store<&S::generation, &S::Generation::draft_acceptance>},
    Row{{"generation.memory", quantity(K::Share, 0.01, 1), otherwise("\"90 %\""),
         "share of a GPU's memory that weights and cache fill"},
        store<&S::generation, &S::Generation::memory>},
    Row{{"generation.sequences", integer(1, 1 << 16), otherwise("1024"),
         "answers at once in a tensor group, where the cache holds as many"},
        store<&S::generation, &S::Generation::sequences>},
    Row{{"generation.host", quantity(K::Time, 0, 10), otherwise("\"0 s\""),
         "between two steps, while the GPUs wait for the host"},
        store<&S::generation, &S::Generation::host>},

    Row{{"operation.failures", data_name(DataKind::Failures), unset,
         "how often what fails: a table of interruptions, scaled to the GPUs; left out: nothing fails"},
        store<&S::operation, &S::Operation::failures>},
    Row{{"operation.detection", quantity(K::Time, 0, 1e6), unset,
         "from an interruption until it is known and its node found; with restart left out, the answer is a "
         "curve "
         "over both together"},
        store<&S::operation, &S::Operation::detection>},
    Row{{"operation.restart", quantity(K::Time, 0, 1e6), unset,
         "from there to the first step, reading the checkpoint apart"},
        store<&S::operation, &S::Operation::restart>},
    Row{{"operation.storage", quantity(K::Bandwidth, 1e6, 1e16), unset,
         "what the whole job writes a checkpoint with, and reads it"},
        store<&S::operation, &S::Operation::storage>},
    Row{{"operation.checkpoint", word(checkpoint_kinds), otherwise("\"asynchronous\""),
         "blocking: the job stands until the checkpoint is stored; asynchronous: until it is in the hosts' "
         "memory"},
        store<&S::operation, &S::Operation::checkpoint>},
    Row{{"operation.host_copy", quantity(K::Bandwidth, 1e6, 1e13), unset,
         "of one GPU into its host's memory; needed for asynchronous checkpoints"},
        store<&S::operation, &S::Operation::host_copy>},
    Row{{"operation.checkpoint_every", quantity(K::Time, 1e-6, 1e8), unset,
         "work between checkpoints; left out: Daly's interval"},
        store<&S::operation, &S::Operation::checkpoint_every>},
    Row{{"operation.spares", integer(0, most_ranks), otherwise("0"),
         "nodes that stand by, paid for as the others"},
        store<&S::operation, &S::Operation::spares>},
    Row{{"operation.repair", quantity(K::Time, 0, 1e8), otherwise("\"0 s\""),
         "until a node that failed stands by again; 0 s: there is always another one"},
        store<&S::operation, &S::Operation::repair>},
    Row{{"operation.slow_gpus", number(0, 1e6), otherwise("0.0"),
         "GPUs of a thousand that turn slow in a year; the job waits for them"},
        store<&S::operation, &S::Operation::slow_gpus>},
    Row{{"operation.slow_factor", number(1, 100), otherwise("1.0"),
         "how many times as long a step takes with one"},
        store<&S::operation, &S::Operation::slow_factor>},
    Row{{"operation.slow_found", quantity(K::Time, 0, 1e8), unset, "until a slow GPU is found and swapped"},
        store<&S::operation, &S::Operation::slow_found>},
    Row{{"operation.loss_spikes", number(0, 1e6), otherwise("0.0"),
         "loss spikes that need a step back, in 10^12 tokens (DeepSeek-V3: none)"},
        store<&S::operation, &S::Operation::loss_spikes>},
    Row{{"operation.rollback", quantity(K::Time, 0, 1e8), unset, "work that a loss spike takes back"},
        store<&S::operation, &S::Operation::rollback>},
    Row{{"operation.seeds", integer(1, 100'000), otherwise("200"), "runs that the bands are read from"},
        store<&S::operation, &S::Operation::seeds>},

    Row{{"ownership.gpu_idle", quantity(K::Power, 0, 1e5), unset,
         "what a GPU draws while it waits; left out: design power all the time, as model cards count"},
        store<&S::ownership, &S::Ownership::gpu_idle>},
    Row{{"ownership.pue", number(1, 10), unset, "power of the site over power of the machines"},
        store<&S::ownership, &S::Ownership::pue>},
    Row{{"ownership.electricity", quantity(K::MoneyPerEnergy, 0, 100), unset, "price of electricity"},
        store<&S::ownership, &S::Ownership::electricity>},
    Row{{"ownership.carbon", quantity(K::CarbonPerEnergy, 0, 10), unset, "carbon dioxide of electricity"},
        store<&S::ownership, &S::Ownership::carbon>},
    Row{{"ownership.gpu_price", quantity(K::Money, 0, 1e7), unset, "of one GPU; left out: the catalogue's"},
        store<&S::ownership, &S::Ownership::gpu_price>},
    Row{{"ownership.host_price", quantity(K::Money, 0, 1e8), unset,
         "of a node without GPUs and NICs; left out: the catalogue's"},
        store<&S::ownership, &S::Ownership::host_price>},
    Row{{"ownership.life", quantity(K::Time, 1e-6, 1e10), unset, "until it is written off, as in \"1461 d\""},
        store<&S::ownership, &S::Ownership::life>},
    Row{{"ownership.used", quantity(K::Share, 0.01, 1), otherwise("\"100 %\""),
         "share of its life that it is in use"},
        store<&S::ownership, &S::Ownership::used>},
    Row{{"ownership.upkeep", quantity(K::Share, 0, 1), otherwise("\"0 %\""),
         "building, staff and repairs of a year, as a share of the price"},
        store<&S::ownership, &S::Ownership::upkeep>},

    Row{{"simulation.fidelity", word(fidelities), otherwise("\"folded\""),
         "folded: one group of ranks on each pipeline rank; full: every rank and every flow; lockstep: one "
         "rank of "
         "each node of a folded group, as slow in every layer as the slowest there, for many scenarios in a "
         "short time"},
        store<&S::simulation, &S::Simulation::fidelity>},
    Row{{"simulation.memory", word(memory_rules), otherwise("\"refuse\""),
         "what to do with a plan that does not fit into the GPUs: refuse it, or simulate it all the same and "
         "report by how much"},
        store<&S::simulation, &S::Simulation::memory>},
    Row{{"simulation.seed", integer(0, 9e15), otherwise("1"), "of all random draws"},
        store<&S::simulation, &S::Simulation::seed>},
    Row{{"trace.ranks", integers(0, 4294967295.0), otherwise("[]"), "GPUs whose timeline is kept"},
        store<&S::trace, &S::Trace::ranks>},

    Row{{"published[].what", text(), required,
         "the summary key that the figure is compared with, such as step.time_s"},
        store_last<&S::published, &S::Published::what>},
    Row{{"published[].value", figure(), required, "the measured figure, with the unit of what it measures"},
        store_last<&S::published, &S::Published::written>},
    Row{{"published[].source", text(), required, "where it was published"},
        store_last<&S::published, &S::Published::source>},
    Row{{"published[].note", text(), otherwise("\"\""), "what one must know to compare"},
        store_last<&S::published, &S::Published::note>},
};

}  // namespace

std::span<const Key<Scenario>> scenario_keys() { return keys; }

const KeyRow* find_key(std::string_view name) {
  for (const KeyRow& row : keys) {
    if (row.name == name) return &row;
    if (row.repeated() && std::string(row.section()) + "." + std::string(row.leaf()) == name) return &row;
  }
  return nullptr;
}

}  // namespace orrery
