#pragma once

#include <string>

#include "gyre/io/choose_backend.h"
#include "gyre/io/run.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// The tasks of all loops as text, see `dump_tasks`, under a line `core 0`, `core 1`, … each. Every
/// loop looks at its own, at its next turn; one that does not answer within a second is said to be
/// busy, and one whose main task has ended is left out. Ends early when the task is asked to stop,
/// with what it has. In a task of one of the loops.
task<std::string> dump_tasks_of_all(cores& all);

/// Tells `log`, by default standard error, the tasks of this loop as text each time that the
/// process gets the signal `number`, until it is asked to stop: to be spawned. The signal must be
/// blocked in every thread, see `block_signals`. Where it can't be listened for, `log` is told why,
/// and that is the end.
///
///     gyre::block_signals({SIGUSR1});
///     …
///     gyre::spawn(gyre::dump_tasks_on(SIGUSR1));
task<> dump_tasks_on(int number, log_hook log = log_hook());
/// The same of all loops; by a task of one of them.
task<> dump_tasks_on(int number, cores& all, log_hook log = log_hook());

}  // namespace gyre
