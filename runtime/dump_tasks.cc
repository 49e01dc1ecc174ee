#include "gyre/runtime/dump_tasks.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/ready_classes.h"
#include "gyre/runtime/scope.h"

namespace gyre {
namespace {

constexpr std::size_t coroutines_max = 32;

class live_chain {
 public:
  const await_chain* chain;
  const promise_base* first;
  std::size_t depth;
};

/// Goes through all chains of a loop, each before its children; in memory, not on the stack, since
/// chains may be nested a million deep.
class walk final : private chain_visitor {
 public:
  explicit walk(const loop& home) {
    home.for_each_ready([this](const ready_node& node) {
      const auto& coroutine = static_cast<const promise_base&>(node);
      ready_.emplace(&coroutine.chain(), &coroutine);
    });
    if (home.root()) home.root()->visit_tasks(*this);
    std::ranges::reverse(left_);
  }

  bool ended() const noexcept { return left_.empty(); }

  live_chain next() {
    const live_chain next = left_.back();
    left_.pop_back();
    const auto before = static_cast<std::ptrdiff_t>(left_.size());
    depth_ = next.depth + 1;
    if (is_waiting(*next.chain)) next.chain->waiting_for()->visit_children(*this);
    std::reverse(left_.begin() + before, left_.end());
    return next;
  }

  /// The coroutine of a chain that is to be resumed, or null.
  const promise_base* ready(const await_chain& chain) const {
    const auto found = ready_.find(&chain);
    return found == ready_.end() ? nullptr : found->second;
  }
  // A wait that has ended is left behind until its coroutine goes on.
  bool is_waiting(const await_chain& chain) const { return chain.waiting_for() && !ready(chain); }

 private:
  void visit(const await_chain& chain, const promise_base& first) override {
    left_.push_back({&chain, &first, depth_});
  }

  std::unordered_map<const await_chain*, const promise_base*> ready_;
  std::vector<live_chain> left_;  // the next is the last
  std::size_t depth_ = 0;
};

task_entry describe(const loop& home, const walk& all, const live_chain& task) {
  task_entry entry;
  entry.depth = task.depth;
  entry.stop_requested = task.chain->stop_requested();
  if (const auto index = task.chain->class_index())
    entry.latency_class = home.classes()->of(index).name;
  const promise_base* innermost = all.ready(*task.chain);
  if (innermost) {
    entry.state = task_entry::state::ready;
  } else if (const suspension* awaited = task.chain->waiting_for()) {
    entry.state = task_entry::state::waiting;
    entry.waits_for = awaited->name();
    entry.descriptor = awaited->awaited_descriptor();
    entry.waited = home.since(task.chain->waiting_since());
    innermost = awaited->awaited_by();
  } else {
    innermost = task.first;
  }
  // Those further out than the chain belong to the one that awaits it.
  for (const promise_base* each = innermost; each && &each->chain() == task.chain;
       each = each->continuation()) {
    if (each->awaits_at().line() == 0) continue;
    if (entry.awaits_at.size() < coroutines_max)
      entry.awaits_at.push_back(each->awaits_at());
    else
      ++entry.further_out;
  }
  return entry;
}

/// Where in `text` a `wanted` stands that no bracket encloses, the last one; npos where none does.
std::size_t last_outside(std::string_view text, char wanted) {
  int depth = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    const char c = text[i];
    if (c == ')' || c == '>' || c == ']') ++depth;
    if (c == '(' || c == '<' || c == '[') --depth;
    if (depth == 0 && c == wanted) return i;
  }
  return std::string_view::npos;
}

/// `serve` of `gyre::task<> serve(int)`, and of `void serve(serve(int)::….Frame*)`, which g++ makes
/// of it.
std::string_view short_name(std::string_view function) {
  if (function.ends_with(']')) function = function.substr(0, last_outside(function, '['));
  while (function.ends_with(' ')) function.remove_suffix(1);
  if (function.ends_with(" const")) function.remove_suffix(6);
  if (function.ends_with(')')) function = function.substr(0, last_outside(function, '('));
  const std::size_t space = last_outside(function, ' ');
  return space == std::string_view::npos ? function : function.substr(space + 1);
}

/// `gyre/runtime/task.h` of what Bazel makes of the path of a header.
std::string_view short_path(std::string_view path) {
  constexpr std::string_view made = "/_virtual_includes/";
  const std::size_t at = path.find(made);
  return at == std::string_view::npos ? path : path.substr(path.find('/', at + made.size()) + 1);
}

std::string seconds(std::chrono::nanoseconds span) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", std::chrono::duration<double>(span).count());
  return text;
}

void write(std::string& text, const task_entry& entry) {
  const std::string indent(2 * std::min<std::size_t>(entry.depth, 40), ' ');
  text += indent + "task ";
  if (!entry.latency_class.empty()) text += "in class " + entry.latency_class + " ";
  if (entry.state == task_entry::state::ready) text += "is ready";
  if (entry.state == task_entry::state::running) text += "runs";
  if (entry.state == task_entry::state::waiting) {
    text += "waits for " + entry.waits_for;
    if (entry.descriptor >= 0) text += " on descriptor " + std::to_string(entry.descriptor);
    text += ", " + seconds(entry.waited);
  }
  if (entry.stop_requested) text += ", asked to stop";
  text += '\n';
  for (const std::source_location& each : entry.awaits_at)
    text.append(indent)
        .append("  ")
        .append(short_name(each.function_name()))
        .append(" (")
        .append(short_path(each.file_name()))
        .append(":")
        .append(std::to_string(each.line()))
        .append(")\n");
  if (entry.further_out > 0)
    text += indent + "  and " + std::to_string(entry.further_out) + " more further out\n";
}

}  // namespace

task_tree dump_tasks(const loop& home, std::size_t most) {
  task_tree tree;
  for (walk all(home); !all.ended();) {
    const live_chain task = all.next();
    if (tree.tasks.size() < most)
      tree.tasks.push_back(describe(home, all, task));
    else
      ++tree.left_out;
  }
  return tree;
}

task_tree dump_tasks() {
  return dump_tasks(loop::current());
}

std::string text_of(const task_tree& tree) {
  std::string text;
  for (const task_entry& each : tree.tasks) write(text, each);
  if (tree.left_out > 0) text += "and " + std::to_string(tree.left_out) + " more tasks\n";
  return text;
}

bool all_wait_for_each_other(const loop& home) {
  walk all(home);
  if (all.ended()) return false;
  while (!all.ended()) {
    const await_chain& chain = *all.next().chain;
    if (!all.is_waiting(chain) || !chain.waiting_for()->is_local()) return false;
  }
  return true;
}

}  // namespace gyre
