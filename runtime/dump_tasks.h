#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace gyre {

class loop;

/// A task as `dump_tasks` finds it: a chain of coroutines, each of which awaits the one before it.
/// What runs beside its awaiter, or can be stopped alone, is a task of its own: a child of a scope,
/// of `when_all`, what `with_timeout` or `shield` is given.
class task_entry {
 public:
  task_entry() noexcept {}

  enum class state : std::uint8_t {
    waiting,
    ready,    ///< it goes on at its turn
    running,  ///< it made the dump; or it waits by an awaiter that is none of Gyre's
  };

  /// Below its parent, which is the entry before it that has one less; 0 in the root scope.
  std::size_t depth = 0;
  enum state state = state::running;
  bool stop_requested = false;
  /// The name of its latency class; empty where that is the default one.
  std::string latency_class;
  /// What it waits for: the name of an operation as in docs/operations.md, or `sleep`, `mutex`,
  /// `scope`, …; empty unless it waits.
  std::string waits_for;
  /// The number of the descriptor that it waits for, or -1: it waits for none, or for one of the
  /// ring's own table.
  int descriptor = -1;
  /// For how long it has waited, on the loop's clock, to some 8 ms.
  std::chrono::nanoseconds waited{0};
  /// Where its coroutines await, the innermost first. One that has not begun has none, and of a
  /// task that runs only the outermost is known.
  std::vector<std::source_location> awaits_at;
  /// How many more there are, further out, that were left out.
  std::size_t further_out = 0;
};

/// The live tasks of a loop, each before its children.
class task_tree {
 public:
  task_tree() noexcept {}

  std::vector<task_entry> tasks;
  /// How many more there are that were left out.
  std::size_t left_out = 0;
};

/// Lists the tasks that live on `home`, at most `most` of them. Costs nothing while nobody calls
/// it: the tasks are found by what they wait for. On the loop's thread only, by a task or a message
/// that was posted; outside of `run` there are none. What an awaiter that is not Gyre's own has
/// for children is not found.
task_tree dump_tasks(const loop& home, std::size_t most = 10'000);
/// The same of the loop that runs on this thread.
task_tree dump_tasks();

/// For people: a line for each task, indented below its parent, and one for each of its coroutines.
///
///     task waits for recv on descriptor 7, 12.30 s
///       read_request (server.cc:120)
///       serve (server.cc:80)
std::string text_of(const task_tree& tree);

/// Whether there are tasks, and each waits for something that only others of this loop do, an event
/// or a mutex, or for its children: nothing but a message from another thread can let any of them
/// go on. On the loop's thread only.
bool all_wait_for_each_other(const loop& home);

}  // namespace gyre
