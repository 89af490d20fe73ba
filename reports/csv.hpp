#pragma once

#include <string>

#include "reports/table.hpp"

namespace orrery {

/// One table as CSV (RFC 4180): a header of the column names, which end in their units, then one
/// record a row; a cell with comma, quote or line end is quoted. Numbers are the shortest decimal that
/// reads back as the same double. UTF-8 without a mark. One departure: records end in a line feed
/// alone, which every reader takes and without which awk and diff see a stray character.
/// Precondition: `faults_of(table)` is empty.
std::string to_csv(const Table& table);

}  // namespace orrery
