#pragma once

#include "gyre/io/quirks.h"

/// The questions of the quirks of the same names. Each is asked on a thread of its own, which ends
/// afterwards and has all signals blocked. What they throw, for want of memory or of a thread,
/// means that there is no telling.
namespace gyre::probes {

quirk_answer cancel_misses_what_is_tried_again();
quirk_answer full_datagram_socket_gets_an_empty_message();
quirk_answer interrupted_splice_answers_erestartsys();
quirk_answer splice_takes_a_worker();
quirk_answer statx_takes_a_worker();
quirk_answer plain_read_takes_a_worker();
quirk_answer many_pieces_take_a_worker();
quirk_answer workers_are_unbounded();
quirk_answer short_read_cuts_a_link();
quirk_answer failure_goes_unnoticed_in_a_link();
quirk_answer close_leaves_operations_running();
quirk_answer registered_ring_outlives_close();
quirk_answer write_raises_sigpipe();
quirk_answer futex_waitv_names_the_last();
quirk_answer epoll_follows_duplicates();
quirk_answer epoll_refuses_files();
quirk_answer padding_takes_descriptors();

}  // namespace gyre::probes
