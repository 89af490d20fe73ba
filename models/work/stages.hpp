#pragma once

#include <vector>

#include "models/transformer/transformer.hpp"
#include "models/work/work.hpp"

namespace orrery {

/// One block of a stage. `layer` counts transformer blocks of the whole model; MTP modules follow the last
/// layer. Embedding is -1, heads are the number of blocks.
struct Block {
  BlockKind kind;
  int layer;
};
using Stage = std::vector<Block>;

/// How many transformer blocks each stage gets.
enum class LayerMap : std::uint8_t {
  EndsShort,   ///< As even as possible; stages with one block fewer lie at the ends, the last stage first:
               ///< they carry the head and the embedding. The rule that Llama 3 published (arXiv
               ///< 2407.21783, 3.3.2).
  FrontHeavy,  ///< As even as possible; the first stages take one more.
  BackHeavy,   ///< As even as possible; the last stages take one more.
};
std::vector<int> blocks_per_stage(int blocks, int stages, LayerMap map);

/// Cuts the model into consecutive stages: embedding before the first block, head after the last layer,
/// each MTP module and its own use of the head after that. A first stage without blocks holds the embedding
/// alone, a last one the head. Precondition: counts sum to all blocks; only the ends may be 0.
std::vector<Stage> cut_stages(const Transformer& model, const std::vector<int>& blocks);

}  // namespace orrery
