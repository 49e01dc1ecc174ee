#include "gyre/io/dump_tasks_on.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "gyre/io/signals.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/dump_tasks.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/with_timeout.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;

class core_text {
 public:
  core_text(unsigned core, std::string text) noexcept : core(core), text(std::move(text)) {}

  unsigned core;
  std::string text;
};

using answers = cross_channel<core_text>;

/// The question, which each core has a share in; when the last has let go of it no more answers
/// come.
class question {
 public:
  explicit question(std::shared_ptr<answers> to) noexcept : to_(std::move(to)) {}
  question(const question&) = delete;
  question& operator=(const question&) = delete;
  ~question() { to_->close(); }

  void answer(unsigned core) noexcept {
    // Messages that a loop finds at its end are delivered although it runs no more.
    if (!loop::current_or_null()) return;
    try {
      (void)to_->try_send(core_text(core, text_of(dump_tasks())));
    } catch (const std::bad_alloc&) {
      (void)to_->try_send(core_text(core, "no memory to list them\n"));
    }
  }

 private:
  const std::shared_ptr<answers> to_;
};

std::shared_ptr<answers> ask_each(cores& all) {
  auto to = std::make_shared<answers>(all.count());
  const auto asked = std::make_shared<question>(to);
  all.post_to_each([asked](unsigned core) { asked->answer(core); });
  return to;
}

task<std::string> dump_own() {
  co_return text_of(dump_tasks());
}

template <class Dump>
task<> dump_on_each(int number, log_hook log, Dump dump) {
  auto wanted = signals::create({number});
  if (!wanted) {
    say(log, "tasks are not listed on signal " + std::to_string(number) +
                 ": signalfd failed: " + wanted.error().message());
    co_return;
  }
  while (true) {
    const auto got = co_await wanted->next();
    if (!got) co_return;
    const std::string text = co_await dump();
    say(log, text);
  }
}

}  // namespace

task<std::string> dump_tasks_of_all(cores& all) {
  const std::shared_ptr<answers> coming = ask_each(all);
  std::vector<std::string> texts(all.count());
  std::error_code end;
  while (!end) {
    auto answer = co_await with_timeout(coming->receive(), 1s);
    if (answer)
      texts[answer->core] = std::move(answer->text);
    else
      end = answer.error();
  }
  std::string whole;
  for (std::size_t core = 0; core < texts.size(); ++core) {
    const bool busy = texts[core].empty() && end == std::errc::timed_out;
    if (texts[core].empty() && !busy) continue;
    whole += "core " + std::to_string(core) + (busy ? ": busy" : "") + "\n" + texts[core];
  }
  co_return whole;
}

task<> dump_tasks_on(int number, log_hook log) {
  return dump_on_each(number, std::move(log), dump_own);
}

task<> dump_tasks_on(int number, cores& all, log_hook log) {
  return dump_on_each(number, std::move(log), [&all] { return dump_tasks_of_all(all); });
}

}  // namespace gyre
