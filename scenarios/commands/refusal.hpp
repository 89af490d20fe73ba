#pragma once

#include "scenarios/commands/commands.hpp"
#include "scenarios/reading/document.hpp"

namespace orrery {

/// The exit code of findings, by whose fault they are.
ExitCode fault_code(const Diagnostics& diagnostics);
/// Prints what is wrong, as text on standard error or, with --json, as one object on standard output. The
/// exit code follows whose fault it is.
int refuse(const CommandLine& line, const Document& document, Diagnostics diagnostics);
/// A plan that is right but does not fit.
int refuse_memory(const CommandLine& line, const Document& document, const Findings& findings);
/// A fault of the command line itself.
int refuse_usage(const CommandLine& line, const std::string& problem, const std::string& remedy);
/// A disk or a stream that failed.
int refuse_world(const CommandLine& line, const std::string& problem);

}  // namespace orrery
