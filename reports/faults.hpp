#pragma once

#include <nlohmann/json.hpp>

#include "reports/table.hpp"
#include "sim/finding.hpp"

namespace orrery {

/// Why this table cannot be written; `key` names the column ("ranks.time_s"). Every writer checks it
/// and stops on a fault: a column shorter than the first, a name given twice, empty or with '/' or a
/// control character, a number that is not finite (an unknown quantity has no column, never NaN), a
/// unit that readers would take for a calendar ("seconds", "days since": write "s", "d").
Findings faults_of(const Table& table);

/// The same for a tree: its numbers are finite. Unknown is null, or better: the key is not there.
Findings faults_of(const nlohmann::ordered_json& tree);

}  // namespace orrery
