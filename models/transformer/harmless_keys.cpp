#include "models/transformer/harmless_keys.hpp"

#include <algorithm>
#include <array>

namespace orrery {
namespace {

/// In alphabetical order, for the binary search.
constexpr std::array<std::string_view, 105> harmless{
    "_attn_implementation", "_name_or_path", "add_cross_attention", "architectures", "attention_dropout",
    "attention_probs_dropout_prob", "attn_implementation", "attn_pdrop", "auto_map", "aux_loss_alpha",
    "bad_words_ids", "begin_suppress_tokens", "beta_fast", "beta_slow", "bos_token_id", "chunk_size_feed_forward",
    "classifier_dropout", "decoder_start_token_id", "dtype", "early_stopping", "embd_pdrop", "eos_token_id",
    "ep_size", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "hidden_dropout_prob", "id2label",
    "initializer_range", "kv_cache_scheme", "label2id", "layer_norm_eps", "layer_norm_epsilon", "length_penalty",
    "max_batch_size", "max_length", "max_seq_len", "max_window_layers", "min_length", "mscale", "n_special",
    "no_repeat_ngram_size", "no_rope_layer_interval", "no_rope_layers", "norm_topk_prob", "num_beam_groups",
    "num_beams", "num_return_sequences", "original_seq_len", "output_attentions", "output_hidden_states",
    "output_router_logits", "output_scores", "pad_token_id", "partial_rotary_factor", "predict_special_tokens",
    "prefix", "pretraining_tp", "problem_type", "quantization_config", "remove_invalid_values",
    "reorder_and_upcast_attn", "repetition_penalty", "resid_pdrop", "return_dict", "return_dict_in_generate",
    "rms_norm_eps", "rope_factor", "rope_interleave", "rope_parameters", "rope_scaling", "rope_theta", "rotary_pct",
    "route_scale", "routed_scaling_factor", "router_aux_loss_coef", "router_jitter_noise", "router_z_loss_coef",
    "scale_attn_by_inverse_layer_idx", "scale_attn_weights", "scale_fmt", "sep_token_id", "seq_aux",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
    "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
    "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers_version", "typical_p",
    "unk_token_id", "use_bfloat16", "use_cache", "use_mrope", "use_return_dict"};
static_assert(std::is_sorted(harmless.begin(), harmless.end()));

}  // namespace

bool is_harmless_key(std::string_view key) { return std::binary_search(harmless.begin(), harmless.end(), key); }

}  // namespace orrery
