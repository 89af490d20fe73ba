#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "models/collectives/rounds.hpp"
#include "reports/terminal.hpp"
#include "scenarios/reading/assemble.hpp"
#include "topologies/files/node_inside.hpp"

namespace orrery {

/// What `orrery topology` says of a cluster's fabric, for people and for programs.
struct Survey {
  Page page;
  nlohmann::ordered_json summary;
  bool sound = true;  ///< `check` alone: no single loss parts GPUs.
};

/// A cluster, and the fabric built for it.
struct SurveyedCluster {
  const Assembled& assembled;
  const Fabric& fabric;
};

/// Boxes and cables layer by layer, oversubscription, distances, bisection, ways between far GPUs.
Survey survey_shape(const SurveyedCluster& cluster);
/// Bill of materials, a GPU and a GPU-hour.
Survey survey_cost(const SurveyedCluster& cluster);
/// Boxes and cables whose loss alone parts GPUs.
Survey survey_weakness(const SurveyedCluster& cluster);

/// What the tools of a server say of its inside: which NIC is nearest to each GPU, whether that is the one
/// that fabrics here take for it, and which built-in nodes are of these numbers.
Survey survey_inside(const NodeInside& inside);

struct CollectiveBench {
  std::vector<const CollectiveAlgorithm*> algorithms;
  std::vector<Bytes> sizes;
  std::vector<std::string> left_out;  ///< Algorithms that do not run on the fabric, and why.
};
/// Time, algorithm and bus bandwidth of collectives of all GPUs, in the columns of nccl-tests.
Survey survey_collectives(const SurveyedCluster& cluster, const CollectiveBench& bench);

}  // namespace orrery
