#include "topologies/catalog.hpp"
#include "topologies/wiring.hpp"

namespace orrery {

Findings check_nvlink_domain(const FabricRequest& request) {
  FabricRequest without_network = request;
  without_network.nics_per_node = 1;
  Findings findings = check_request(without_network, {});
  if (request.nodes != 1) {
    findings.push_back({"cluster.nodes",
                        "an NVLink domain is one node; found " + std::to_string(request.nodes),
                        "1 node, or a topology with a network between nodes"});
  }
  return findings;
}

/// One node alone: every GPU on the NVLink switch, no NIC, no network.
Fabric build_nvlink_domain(const FabricRequest& request) {
  FabricRequest without_network = request;
  without_network.nics_per_node = 0;
  return make_fabric(without_network, "nvlink-domain", {});
}

}  // namespace orrery
