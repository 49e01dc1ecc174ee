#include "gyre/io/quirks.h"

#include <array>
#include <csignal>
#include <exception>
#include <thread>

#include "gyre/io/quirk_probes.h"

namespace gyre {
namespace {

constexpr std::array all = {
    quirk("cancel_misses_what_is_tried_again",
          "A request that is about to be issued again, since its descriptor was ready at once, is "
          "in none of the lists that a cancellation looks through: that answers ENOENT, and the "
          "request waits on.",
          "Cancels once more, a millisecond later, as long as the operation has not ended.",
          probes::cancel_misses_what_is_tried_again),
    quirk("full_datagram_socket_gets_an_empty_message",
          "A send through the ring on a Unix datagram socket whose receiver is full has taken the "
          "bytes by then; tried again it sends what is left of them: an empty message.",
          "Sends messages by system calls, and has the ring wait for room.",
          probes::full_datagram_socket_gets_an_empty_message),
    quirk("interrupted_splice_answers_erestartsys",
          "A splice that waits in a kernel worker and is interrupted answers -512, which is no "
          "errno.",
          "Takes -512 to -516 for EINTR: the operation goes on, or is cancelled if that was asked.",
          probes::interrupted_splice_answers_erestartsys),
    quirk("splice_takes_a_worker",
          "Splice and tee through the ring always run on a kernel worker; one that writes to a "
          "peer that does not read, or to a full pipe, never gives it back.",
          "Waits for the descriptor through the ring, and makes the call itself without blocking. "
          "Only a splice from a file, where the disk may be slow, is submitted.",
          probes::splice_takes_a_worker),
    quirk(
        "statx_takes_a_worker",
        "Statx through the ring always runs on a kernel worker, and so do most operations on "
        "paths.",
        "Asks for the status of an open file by a system call, which never waits; paths are "
        "looked up on the backend's own bounded pool. In a link, where one worker serves all, both "
        "are submitted.",
        probes::statx_takes_a_worker),
    quirk("plain_read_takes_a_worker",
          "A read through the ring of what has no more than read(2) in the kernel, as inotify has, "
          "always runs on a kernel worker, unless the descriptor is O_NONBLOCK.",
          "Opens inotify and signalfd with O_NONBLOCK; the ring waits for them.",
          probes::plain_read_takes_a_worker),
    quirk(
        "many_pieces_take_a_worker",
        "A transfer that is to be whole (MSG_WAITALL) goes on on a kernel worker once it has come "
        "in 128 pieces: four peers that send or read little by little have all of a ring's.",
        "Asks for what is left by itself. In a link, of which the kernel knows the rest, it can't.",
        probes::many_pieces_take_a_worker),
    quirk("workers_are_unbounded",
          "Requests that block may get a kernel worker each, thousands of them.",
          "Limits each ring to four workers of either kind.", probes::workers_are_unbounded),
    quirk("short_read_cuts_a_link",
          "A link of submissions is cut where a transfer was shorter than its buffer, or where a "
          "worker was interrupted, though neither is a failure.",
          "Goes on with the rest where it would have gone on without a ring.",
          probes::short_read_cuts_a_link),
    quirk("failure_goes_unnoticed_in_a_link",
          "A soft link goes on after an fsync, fallocate, statx, rename, unlink or the like that "
          "failed.",
          "Starts one by one what has such an operation before its end; hard links, which go on "
          "anyway, are submitted.",
          probes::failure_goes_unnoticed_in_a_link),
    quirk("close_leaves_operations_running",
          "Closing a descriptor ends nothing that is in flight on it: that goes on with the file, "
          "also when the number belongs to another one.",
          "Cancels what is in flight on a descriptor, and closes it when that has ended.",
          probes::close_leaves_operations_running),
    quirk("registered_ring_outlives_close",
          "A ring that a thread has registered for itself stays there when its descriptor is "
          "closed.",
          "Takes the registration back before it closes a ring.",
          probes::registered_ring_outlives_close),
    quirk("ring_memory_is_credited_late",
          "The memory of a ring counts towards RLIMIT_MEMLOCK for some time after it was closed: "
          "the next one may be refused with ENOMEM.",
          "Tries again for some milliseconds before it asks for less."),
    quirk("ring_memory_is_locked_memory",
          "Rings count towards RLIMIT_MEMLOCK, those of all processes of a user together.",
          "Halves the ring until it fits, then takes epoll, and names the limit."),
    quirk("no_memory_for_requests",
          "io_uring_enter(2) answers EAGAIN, EBUSY or ENOMEM when there is no memory for requests "
          "just now, and no event says when there is.",
          "Keeps what it has filled in, and enters again a millisecond later."),
    quirk("forked_child_shares_the_ring",
          "A forked child that touches its copy of a ring submits in its parent's name.",
          "Keeps the memory of rings out of children (MADV_DONTFORK)."),
    quirk("direct_open_refuses_cloexec",
          "Opening into a ring's table of files refuses O_CLOEXEC, though nothing in there is "
          "inherited.",
          "Leaves the flag out there, and sets it everywhere else."),
    quirk("write_raises_sigpipe",
          "A write through the ring to a pipe or socket that nobody reads raises SIGPIPE, unless a "
          "worker makes it.",
          "Blocks SIGPIPE on the threads of loops, and sends with MSG_NOSIGNAL.",
          probes::write_raises_sigpipe),
    quirk("openat2_is_unsure",
          "openat2(2) with RESOLVE_BENEATH answers EAGAIN on the way through `..` when something "
          "was renamed meanwhile, wherever that was.",
          "Opens again, a bounded number of times."),
    quirk("futex_waitv_names_the_last",
          "Of several words that were woken at once futex_waitv(2) names the last only.",
          "Puts the word that matters behind the one that ends the wait, so that no wake is lost.",
          probes::futex_waitv_names_the_last),
    quirk("epoll_follows_duplicates",
          "epoll(7) tells of a closed descriptor as long as it has a duplicate somewhere.",
          "Takes a descriptor out before it closes it, and knows late events by a generation.",
          probes::epoll_follows_duplicates),
    quirk("epoll_refuses_files",
          "epoll_ctl(2) refuses regular files with EPERM, though poll(2) calls them ready.",
          "Hands what was to wait for one to the pool.", probes::epoll_refuses_files),
    quirk("padding_takes_descriptors",
          "A Unix socket passes as many descriptors as the padding of the ancillary data has room "
          "for, more than were asked for.",
          "Closes those that nobody asked for, and says that some were lost.",
          probes::padding_takes_descriptors),
};

/// Blocks all signals in this thread, and in those that it starts.
class without_signals {
 public:
  without_signals() noexcept {
    sigset_t every;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before_);
  }
  without_signals(const without_signals&) = delete;
  without_signals& operator=(const without_signals&) = delete;
  ~without_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

constexpr std::string_view introduction =
    R"(# Quirks of kernels

Written by `./dev docs` from the code; a test compares them.

What kernels do that Gyre works around, known by behaviour and not by version. *Probed*: a program
can ask whether its kernel does it (`quirks_here`); the examples do with `--stats`.

| quirk | what the kernel does | what Gyre does about it | probed |
| --- | --- | --- | --- |
)";

}  // namespace

quirk_answer quirk::probe() const noexcept {
  if (!ask_) return quirk_answer::unknown;
  quirk_answer answer = quirk_answer::unknown;
  try {
    const without_signals quiet;
    std::thread([&] {
      try {
        answer = ask_();
      } catch (const std::exception&) {
        answer = quirk_answer::unknown;
      }
    }).join();
  } catch (const std::exception&) {
    // No thread was to be had.
  }
  return answer;
}

std::span<const quirk> quirks() noexcept {
  return all;
}

std::vector<std::string_view> quirks_here() {
  std::vector<std::string_view> names;
  for (const quirk& each : all)
    if (each.probe() == quirk_answer::yes) names.push_back(each.name);
  return names;
}

std::string quirks_text() {
  std::string text(introduction);
  for (const quirk& each : all) {
    text.append("| `").append(each.name).append("` | ").append(each.kernel);
    text.append(" | ").append(each.gyre);
    text.append(each.can_be_probed() ? " | yes |\n" : " | no |\n");
  }
  return text;
}

}  // namespace gyre
