#pragma once

/// All that ddim asks of MPI, as functions of C: libddim_mpi.so has them, for the MPI that it was
/// built with. mpi_functions.cpp is all of its source, so it can be built for another MPI alone:
///   mpicxx -std=c++20 -O2 -fPIC -shared -I src src/comm/mpi_functions.cpp -o libddim_mpi.so
/// One thread calls at a time, not always the same. Functions that return int return 0, or the
/// number of an error that error_text() explains.
extern "C" {

/// An operation under way.
struct ddim_mpi_request;

struct ddim_mpi_functions {
  int interface_number;  ///< kMpiInterface

  /// Joins the other ranks. MPI's own numbers.
  int (*init)(int* rank, int* size);
  /// "Open MPI v4.1.4"; `size` bytes with the end.
  void (*library)(char* text, int size);
  void (*error_text)(int error, char* text, int size);

  /// These begin. Buffers, counts and places (all in elements) stay until test() says done.
  int (*start_exchange)(const float* sent, const int* sent_counts, const int* sent_places,
                        float* received, const int* received_counts, const int* received_places,
                        ddim_mpi_request** request);
  /// In place; elements are float, or bytes where is_float is 0.
  int (*start_all_gather)(void* values, int is_float, const int* counts, const int* places,
                          ddim_mpi_request** request);
  /// The sums over the ranks, which stand one after the other in `sent`: of rank r counts[r] of
  /// them.
  int (*start_reduce_scatter)(const float* sent, float* received, const int* counts,
                              ddim_mpi_request** request);
  int (*start_barrier)(ddim_mpi_request** request);
  int (*test)(ddim_mpi_request* request, int* done);

  /// Signs of life. send_beat() does nothing while the last one is under way; *beat is -1 where
  /// nothing has come.
  int (*send_beat)(int to, int beat, int* was_sent);
  int (*receive_beat)(int from, int* beat);

  int (*finalize)();
  void (*abort)(int exit_code);
};

constexpr int kMpiInterface = 2;

/// The only name that libddim_mpi.so exports.
const ddim_mpi_functions* ddim_mpi();
}
