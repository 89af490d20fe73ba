#pragma once

#include "models/reference/text.hpp"
#include "scenarios/validate/study.hpp"

namespace orrery {

/// Court 3. The same training in FP32, BF16 and FP8 (DeepSeek-V3: relative loss error below 0.25 %, arXiv
/// 2412.19437, appendix B.1) beside a control that differs by one unit in the last place; the accumulator of
/// the tensor cores at K = 4096 (near 2 %, section 3.3.2); scaling by tile against by tensor and by block;
/// second-token acceptance of the trained prediction module (85 to 90 %, section 5.4.3).
Court precision_court(const StudyRequest& request, const std::vector<StudyRun>& runs,
                      const reference::Corpus& corpus, const ShareDone& share);

}  // namespace orrery
