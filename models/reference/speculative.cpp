#include <algorithm>

#include "models/reference/predict.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

/// One text a prompt, all of the same length, growing by one token a step.
using GrowingTexts = std::vector<std::vector<std::int32_t>>;

std::vector<std::int32_t> joined(const GrowingTexts& texts) {
  std::vector<std::int32_t> tokens;
  for (const std::vector<std::int32_t>& text : texts) tokens.insert(tokens.end(), text.begin(), text.end());
  return tokens;
}

/// Likeliest token after the last position of each text, the lower of equals. x [texts * length, hidden].
std::vector<std::int32_t> likeliest(const Matrix<float>& x, int length, const HeadWeights<float>& head,
                                    const Context& context) {
  const Eigen::Index texts = x.rows() / length;
  Matrix<float> last(texts, x.cols());
  for (Eigen::Index t = 0; t < texts; ++t) last.row(t) = x.row((t + 1) * length - 1);
  const Matrix<float> logits = head_logits(last, head, context);
  std::vector<std::int32_t> tokens;
  for (Eigen::Index t = 0; t < texts; ++t) {
    const float* const row = logits.data() + t * logits.cols();
    tokens.push_back(std::int32_t(std::max_element(row, row + logits.cols()) - row));
  }
  return tokens;
}

}  // namespace

Acceptance speculative_acceptance(const ModelShape& shape, const ModelWeights<float>& weights,
                                  const Biases& biases, std::span<const std::int32_t> prompts,
                                  int prompts_count, int prompt_length, int generated,
                                  const Numerics& numerics) {
  ORRERY_CHECK(prompt_length > 0 && !weights.predict.empty());
  ORRERY_CHECK(prompts.size() == std::size_t(prompts_count) * std::size_t(prompt_length));
  Ledger ledger;
  const Context context{numerics, {}, ledger};
  const BalanceRule no_balance;
  const HeadWeights<float> main{weights.final_norm, weights.head, shape.norm_epsilon};
  const HeadWeights<float> draft{weights.predict.front().final_norm, weights.head, shape.norm_epsilon};

  GrowingTexts texts;
  for (std::size_t p = 0; p < std::size_t(prompts_count); ++p) {
    const Tokens prompt = prompts.subspan(p * std::size_t(prompt_length), std::size_t(prompt_length));
    texts.emplace_back(prompt.begin(), prompt.end());
  }
  Acceptance acceptance;
  std::vector<std::int32_t> drafted;
  for (int step = 0; step < generated; ++step) {
    const int length = prompt_length + step;
    const PassSetting setting{{shape, no_balance, length}, biases, nullptr, context};
    PassResult routing;
    const Matrix<float> hidden = trunk_forward<float>(joined(texts), weights, setting, nullptr, routing);
    const std::vector<std::int32_t> said = likeliest(hidden, length, main, context);
    // What the module drafted a step ago is now held against the main model, which has read its own token.
    acceptance.drafted += std::int64_t(drafted.size());
    for (std::size_t p = 0; p < drafted.size(); ++p) acceptance.accepted += drafted[p] == said[p];

    for (std::size_t p = 0; p < texts.size(); ++p) texts[p].push_back(said[p]);
    if (step + 1 == generated) break;
    GrowingTexts after = texts;
    for (std::vector<std::int32_t>& text : after) text.erase(text.begin());
    PredictKept<float> dropped;
    drafted = likeliest(predict_forward<float>(hidden, joined(after), weights, setting, dropped, routing),
                        length, draft, context);
  }
  return acceptance;
}

}  // namespace orrery::reference
