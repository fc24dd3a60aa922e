#include "comm/mpi_functions.h"

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace {

MPI_Comm beats = MPI_COMM_NULL;
MPI_Request beat_out = MPI_REQUEST_NULL;
MPI_Request beat_in = MPI_REQUEST_NULL;
int beat_sent = 0;
int beat_received = 0;

MPI_Request& of(ddim_mpi_request* request) { return *reinterpret_cast<MPI_Request*>(request); }

/// A place for a request; test() frees it.
MPI_Request& make_request(ddim_mpi_request** request) {
  auto* made = new MPI_Request(MPI_REQUEST_NULL);
  *request = reinterpret_cast<ddim_mpi_request*>(made);
  return *made;
}

int init(int* rank, int* size) {
  int provided = 0;
  if (const int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided))
    return error;
  if (provided < MPI_THREAD_SERIALIZED) return MPI_ERR_OTHER;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_dup(MPI_COMM_WORLD, &beats);
  MPI_Comm_set_errhandler(beats, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  return MPI_Comm_size(MPI_COMM_WORLD, size);
}

void library(char* text, int size) {
  char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(version, &length);
  version[std::strcspn(version, ",\n")] = '\0';
  std::snprintf(text, static_cast<std::size_t>(size), "%s", version);
}

void error_text(int error, char* text, int size) {
  char found[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(error, found, &length)) std::snprintf(found, sizeof found, "%d", error);
  std::snprintf(text, static_cast<std::size_t>(size), "%s", found);
}

int start_exchange(const float* sent, const int* sent_counts, const int* sent_places,
                   float* received, const int* received_counts, const int* received_places,
                   ddim_mpi_request** request) {
  return MPI_Ialltoallv(sent, sent_counts, sent_places, MPI_FLOAT, received, received_counts,
                        received_places, MPI_FLOAT, MPI_COMM_WORLD, &make_request(request));
}

int start_all_gather(void* values, int is_float, const int* counts, const int* places,
                     ddim_mpi_request** request) {
  return MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, counts, places,
                         is_float != 0 ? MPI_FLOAT : MPI_BYTE, MPI_COMM_WORLD,
                         &make_request(request));
}

int start_reduce_scatter(const float* sent, float* received, const int* counts,
                         ddim_mpi_request** request) {
  return MPI_Ireduce_scatter(sent, received, counts, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                             &make_request(request));
}

int start_barrier(ddim_mpi_request** request) {
  return MPI_Ibarrier(MPI_COMM_WORLD, &make_request(request));
}

int test(ddim_mpi_request* request, int* done) {
  const int error = MPI_Test(&of(request), done, MPI_STATUS_IGNORE);
  if (error != 0 || *done != 0) delete &of(request);
  return error;
}

int send_beat(int to, int beat, int* was_sent) {
  *was_sent = 0;
  int done = 1;
  if (const int error = MPI_Test(&beat_out, &done, MPI_STATUS_IGNORE)) return error;
  if (done == 0) return 0;
  *was_sent = 1;
  beat_sent = beat;
  return MPI_Isend(&beat_sent, 1, MPI_INT, to, 0, beats, &beat_out);
}

int receive_beat(int from, int* beat) {
  *beat = -1;
  if (beat_in == MPI_REQUEST_NULL) {
    if (const int error = MPI_Irecv(&beat_received, 1, MPI_INT, from, 0, beats, &beat_in))
      return error;
  }
  int done = 0;
  const int error = MPI_Test(&beat_in, &done, MPI_STATUS_IGNORE);
  if (error == 0 && done != 0) *beat = beat_received;
  return error;
}

int finalize() {
  if (const int error = MPI_Wait(&beat_out, MPI_STATUS_IGNORE)) return error;
  MPI_Comm_free(&beats);
  return MPI_Finalize();
}

void abort(int exit_code) { MPI_Abort(MPI_COMM_WORLD, exit_code); }

}  // namespace

__attribute__((visibility("default"))) const ddim_mpi_functions* ddim_mpi() {
  static const ddim_mpi_functions functions{.interface_number = kMpiInterface,
                                            .init = init,
                                            .library = library,
                                            .error_text = error_text,
                                            .start_exchange = start_exchange,
                                            .start_all_gather = start_all_gather,
                                            .start_reduce_scatter = start_reduce_scatter,
                                            .start_barrier = start_barrier,
                                            .test = test,
                                            .send_beat = send_beat,
                                            .receive_beat = receive_beat,
                                            .finalize = finalize,
                                            .abort = abort};
  return &functions;
}
