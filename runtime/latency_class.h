#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gyre/runtime/latency_histogram.h"
#include "gyre/runtime/loop.h"

namespace gyre {

class await_chain;

/// What became of a latency class.
class latency_class_report {
 public:
  latency_class_report() noexcept {}

  std::string name;
  unsigned shares = 0;
  /// Its tasks that have begun and not ended; 0 of the default class, whose are not counted.
  std::size_t tasks = 0;
  /// How many times the loop resumed one of them, and for how long they ran.
  std::uint64_t resumed = 0;
  std::chrono::nanoseconds time_run{0};
  /// How long it waited for the loop, each time that it had a task ready and others ran: from when
  /// the loop learnt of that, or its own last task had run.
  latency_histogram delays;
};

/// Tasks of a loop that get a part of its time by their shares: while tasks of several classes are
/// ready, each class runs in proportion to its shares, by the time that its tasks take, however
/// many they are and however long each runs. So those whose latency counts don't stand in line
/// behind a long queue of those that are in no hurry. What one class doesn't need the others have;
/// one that waited for something else is neither owed for that nor put back.
///
///     gyre::latency_class batch("batch", 10);          // all else: the default class, 100 shares
///     children.spawn(batch, rebuild_index());
///     co_await gyre::with_class(batch, compact(log));
///
/// A task belongs to the class that it was begun in, by `spawn(class, …)` of a scope or a group of
/// tasks, or by `with_class`, and so does what it awaits or spawns, in whatever scope; the others
/// to the default class. What a message or `submit_to` begins on another loop is in the default
/// class there; a task that `travel`s has its class at home. A class has no part in locks: who
/// waits for what a task of another class holds waits for that.
///
/// A turn of the loop lasts for a quantum, 500 us unless it is set, and until the task that runs
/// then waits, since none is interrupted; after each turn the loop looks for completions, messages
/// and timers. A loop that was never given a class pays nothing for them. One that was reads the
/// clock each time that it resumes a task.
///
/// It must outlive its tasks, which is checked, and end before its loop. At most 31 at a time on a
/// loop; on its thread only.
class latency_class {
 public:
  static constexpr unsigned shares_max = 10'000;
  static constexpr unsigned default_shares = 100;

  /// `shares` is 1 to 10,000, as a cgroup's cpu.weight; else `std::invalid_argument`, which names
  /// it, is thrown.
  explicit latency_class(std::string name, unsigned shares, loop& home = loop::current());
  latency_class(const latency_class&) = delete;
  latency_class& operator=(const latency_class&) = delete;
  ~latency_class();

  const std::string& name() const noexcept;
  unsigned shares() const noexcept;
  /// From here on; as in the constructor.
  void set_shares(unsigned shares);
  latency_class_report report() const;

  /// The shares of the default class, from here on.
  static void set_default_shares(unsigned shares, loop& home = loop::current());
  /// How long a turn of the loop goes on while tasks are ready, once it has classes; 0 is one task.
  static void set_quantum(std::chrono::nanoseconds quantum, loop& home = loop::current());

 private:
  friend class scope;
  template <class T>
  friend class classed_task;
  template <class T>
  friend class task_group;

  /// Makes `chain`, which has begun on this loop, belong to it.
  void take(await_chain& chain) noexcept;

  loop& home_;
  std::uint8_t index_;
};

/// The classes of a loop, the default one first; none where it never had any. On its thread.
std::vector<latency_class_report> latency_classes(const loop& home = loop::current());

/// A line for each of `classes`, which ends with a newline.
std::string text_of(const std::vector<latency_class_report>& classes);

}  // namespace gyre
