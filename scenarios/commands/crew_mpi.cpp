#include <mpi.h>

#include <iostream>
#include <vector>

#include "scenarios/sweeping/crew.hpp"

namespace orrery {
namespace {

// Rank 0 says whether it leads; a follower sends an answer (first an empty one) and gets the next job's
// number.
enum Tag : int { answer_tag = 1, job_tag = 2 };
constexpr int dismissed = -1;

bool leads = false;  ///< Rank 0 has told the others.

void tell(int word) {
  MPI_Bcast(&word, 1, MPI_INT, 0, MPI_COMM_WORLD);
  leads = true;
}

/// An answer is its job's number and its text.
struct Answer {
  int from, job;
  std::string text;
};

Answer receive_answer() {
  MPI_Status status;
  MPI_Probe(MPI_ANY_SOURCE, answer_tag, MPI_COMM_WORLD, &status);
  int length = 0;
  MPI_Get_count(&status, MPI_CHAR, &length);
  std::string text(std::size_t(length), '\0');
  MPI_Recv(text.data(), length, MPI_CHAR, status.MPI_SOURCE, answer_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  const std::size_t space = text.find(' ');
  return {status.MPI_SOURCE, std::stoi(text.substr(0, space)), text.substr(space + 1)};
}

void send_answer(int job, const std::string& text) {
  const std::string message = std::to_string(job) + " " + text;
  MPI_Send(message.data(), int(message.size()), MPI_CHAR, 0, answer_tag, MPI_COMM_WORLD);
}

void send_job(int to, int job) { MPI_Send(&job, 1, MPI_INT, to, job_tag, MPI_COMM_WORLD); }

void lead(std::span<const int> jobs, const PointJob&, const PointDone& done) {
  tell(1);
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  std::size_t next = 0;
  bool wanted = true;
  for (int followers = size - 1; followers > 0;) {
    const Answer answer = receive_answer();
    if (answer.job != dismissed && wanted) wanted = done(answer.job, answer.text);
    const bool more = wanted && next < jobs.size();
    send_job(answer.from, more ? jobs[next++] : dismissed);
    if (!more) --followers;
  }
}

bool await_leader() {
  int word = 0;
  MPI_Bcast(&word, 1, MPI_INT, 0, MPI_COMM_WORLD);
  // One voice is enough: what is wrong, rank 0 has said.
  std::cout.rdbuf(nullptr);
  std::cerr.rdbuf(nullptr);
  return word == 1;
}

void follow(const PointJob& job) {
  send_answer(dismissed, "");
  for (;;) {
    int next = dismissed;
    MPI_Recv(&next, 1, MPI_INT, 0, job_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (next == dismissed) return;
    send_answer(next, job(next));
  }
}

}  // namespace

const Crew* join_crew(int argc, char** argv) {
  static Crew crew{.lead = lead, .await_leader = await_leader, .follow = follow};
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &crew.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &crew.size);
  if (crew.size == 1) crew.lead = lead_threads;
  return &crew;
}

void leave_crew() {
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank == 0 && size > 1 && !leads) tell(0);
  MPI_Finalize();
}

}  // namespace orrery
