#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

// Compilers have made mistakes about what lives how long in a co_await expression: g++ 12 destroys
// some temporaries twice. Each of these shapes must create and destroy each object once.
namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

/// Owns heap memory, so that a second destruction also shows under AddressSanitizer, and counts.
class counted {
 public:
  explicit counted(int value = 0) : value_(std::make_unique<int>(value)) { ++alive; }
  counted(const counted& other) : value_(std::make_unique<int>(*other.value_)) { ++alive; }
  counted(counted&& other) noexcept : value_(std::move(other.value_)) { ++alive; }
  counted& operator=(counted other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~counted() { --alive; }
  int value() const { return value_ ? *value_ : -1; }

  static inline int alive = 0;

 private:
  std::unique_ptr<int> value_;
};

/// Options as Gyre has them: members for all to see, and a constructor of its own.
class options {
 public:
  options() noexcept {}
  counted first = counted(1);
  std::string host = "a name that is too long for the string itself";
};

task<int> take(counted by_value) {
  co_await yield();
  co_return by_value.value();
}
task<int> take_reference(const counted& reference) {
  co_await yield();
  co_return reference.value();
}
task<int> take_options(options given) {
  co_await yield();
  co_return given.first.value() + static_cast<int>(given.host.size());
}
task<int> take_two(counted a, counted b) {
  co_await yield();
  co_return a.value() * 10 + b.value();
}
task<counted> make(int value) {
  co_await yield();
  co_return counted(value);
}
task<std::optional<counted>> find(bool there) {
  co_await yield();
  if (there) co_return counted(5);
  co_return std::nullopt;
}
task<result<counted>> try_make(bool well) {
  co_await yield();
  if (well) co_return counted(6);
  co_return std::errc::timed_out;
}
task<std::pair<counted, counted>> make_pair() {
  co_await yield();
  co_return std::pair(counted(1), counted(2));
}
task<bool> is(const counted& given, int value) {
  co_await yield();
  co_return given.value() == value;
}
task<> fail(counted) {
  co_await yield();
  throw std::runtime_error("on purpose");
}

class service {
 public:
  task<int> answer(counted by_value) {
    co_await yield();
    co_return by_value.value() + own_.value();
  }
  task<counted> copy() {
    co_await yield();
    co_return own_;
  }

 private:
  counted own_ = counted(100);
};

/// An awaiter that owns something, made in the co_await expression.
class owning_awaiter {
 public:
  explicit owning_awaiter(counted held) : held_(std::move(held)) {}
  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    loop::current().make_ready(awaiting.promise());
  }
  counted await_resume() { return std::move(held_); }

 private:
  counted held_;
};

class coroutine_shape : public testing::Test {
 protected:
  void SetUp() override { counted::alive = 0; }
  void TearDown() override { EXPECT_EQ(counted::alive, 0) << "not as many dead as born"; }

  template <class Body>
  auto run(Body body) {
    return fake_world().run(invoke(std::move(body)));
  }
};

TEST_F(coroutine_shape, temporary_as_an_argument) {
  EXPECT_EQ(run([]() -> task<int> { co_return co_await take(counted(3)); }), 3);
  EXPECT_EQ(run([]() -> task<int> { co_return co_await take_reference(counted(3)); }), 3);
  EXPECT_EQ(run([]() -> task<int> { co_return co_await take_two(counted(1), counted(2)); }), 12);
}

TEST_F(coroutine_shape, options_as_an_argument) {
  EXPECT_GT(run([]() -> task<int> { co_return co_await take_options(options()); }), 40);
  EXPECT_GT(run([]() -> task<int> { co_return co_await take_options({}); }), 40);
  EXPECT_GT(run([]() -> task<int> {
              options given;
              given.host = "short";
              const int length = co_await take_options(given) - co_await take_options({});
              co_return 100 + length;
            }),
            50);
}

TEST_F(coroutine_shape, lvalue_and_moved_lvalue_as_an_argument) {
  EXPECT_EQ(run([]() -> task<int> {
              counted named(4);
              const int copied = co_await take(named);
              const int moved = co_await take(std::move(named));
              co_return copied * 10 + moved;
            }),
            44);
}

TEST_F(coroutine_shape, await_in_an_argument_of_an_await) {
  EXPECT_EQ(run([]() -> task<int> { co_return co_await take(co_await make(7)); }), 7);
  EXPECT_EQ(
      run([]() -> task<int> { co_return co_await take_two(co_await make(1), co_await make(2)); }),
      12);
}

TEST_F(coroutine_shape, result_that_is_used_at_once) {
  EXPECT_EQ(run([]() -> task<int> { co_return (co_await make(8)).value(); }), 8);
  EXPECT_EQ(run([]() -> task<int> { co_return (co_await find(true))->value(); }), 5);
  EXPECT_EQ(run([]() -> task<int> { co_return (co_await try_make(true)).value().value(); }), 6);
}

TEST_F(coroutine_shape, result_that_is_dropped) {
  run([]() -> task<> {
    (void)co_await make(1);
    (void)co_await find(true);
    (void)co_await try_make(false);
  });
}

TEST_F(coroutine_shape, result_in_a_condition) {
  EXPECT_EQ(run([]() -> task<int> {
              int sum = 0;
              if (const auto found = co_await find(true)) sum += found->value();
              if (const auto found = co_await find(false)) sum += 1000;
              if (!co_await try_make(false)) sum += 10;
              if (auto made = co_await try_make(true); made) sum += made->value();
              while (const auto found = co_await find(sum < 40)) sum += found->value();
              co_return sum;
            }),
            41);
}

TEST_F(coroutine_shape, both_sides_of_and_or_and_the_conditional) {
  EXPECT_EQ(run([]() -> task<int> {
              const counted one(1);
              int sum = 0;
              if (co_await is(one, 1) && co_await is(counted(2), 2)) sum += 1;
              if (co_await is(one, 5) || co_await is(counted(2), 2)) sum += 2;
              if (co_await is(one, 5) && co_await is(counted(2), 2)) sum += 4;
              const bool first = sum == 3;
              sum += first ? co_await take(counted(10)) : co_await take(counted(20));
              co_return sum;
            }),
            13);
}

TEST_F(coroutine_shape, operands_of_one_expression) {
  EXPECT_EQ(run([]() -> task<int> {
              co_return co_await take(counted(1)) +
                  co_await take(counted(2)) * co_await take(counted(3));
            }),
            7);
}

TEST_F(coroutine_shape, structured_binding) {
  EXPECT_EQ(run([]() -> task<int> {
              auto [a, b] = co_await make_pair();
              co_await yield();
              co_return a.value() * 10 + b.value();
            }),
            12);
}

TEST_F(coroutine_shape, switch_over_a_result) {
  EXPECT_EQ(run([]() -> task<int> {
              switch (co_await take(counted(2))) {
                case 1:
                  co_return 10;
                case 2: {
                  const counted local(co_await take(counted(20)));
                  co_return local.value();
                }
                default:
                  co_return 30;
              }
            }),
            20);
}

TEST_F(coroutine_shape, member_of_a_local_and_of_a_temporary) {
  EXPECT_EQ(run([]() -> task<int> {
              service local;
              co_return co_await local.answer(counted(5));
            }),
            105);
  EXPECT_EQ(run([]() -> task<int> { co_return (co_await service().copy()).value(); }), 100);
}

TEST_F(coroutine_shape, awaiter_that_owns_something) {
  EXPECT_EQ(run([]() -> task<int> {
              const counted got = co_await owning_awaiter(counted(9));
              co_return got.value() + (co_await owning_awaiter(counted(1))).value();
            }),
            10);
}

TEST_F(coroutine_shape, task_that_is_named_and_awaited_later) {
  EXPECT_EQ(run([]() -> task<int> {
              auto later = take(counted(3));
              co_await yield();
              co_return co_await std::move(later);
            }),
            3);
}

TEST_F(coroutine_shape, tasks_in_a_container) {
  EXPECT_EQ(run([]() -> task<int> {
              std::vector<task<int>> tasks;
              for (int i = 0; i < 4; ++i) tasks.push_back(take(counted(i)));
              int sum = 0;
              for (auto& each : tasks) sum += co_await std::move(each);
              co_return sum;
            }),
            6);
}

TEST_F(coroutine_shape, exception_out_of_an_await_with_temporaries) {
  EXPECT_EQ(run([]() -> task<int> {
              const counted local(1);
              bool failed = false;
              try {
                co_await fail(counted(2));
              } catch (const std::runtime_error&) {
                failed = true;
              }
              co_return failed ? co_await take_two(counted(1), local) : 0;
            }),
            11);
}

TEST_F(coroutine_shape, initialiser_of_a_range_based_loop) {
  EXPECT_EQ(run([]() -> task<int> {
              const auto list = []() -> task<std::vector<counted>> {
                co_await yield();
                std::vector<counted> made;
                for (int i = 1; i <= 3; ++i) made.emplace_back(i);
                co_return made;
              };
              int sum = 0;
              const auto made = co_await list();
              for (const counted& each : made) sum += co_await take_reference(each);
              co_return sum;
            }),
            6);
}

// g++ 12 takes a lambda for an aggregate: one that owns something and stands in the co_await
// expression itself is destroyed twice, whoever it is given to. One with a name is not.
TEST_F(coroutine_shape, named_lambda_with_captures_under_invoke) {
  EXPECT_EQ(run([]() -> task<int> {
              const auto work = [held = counted(3)]() -> task<int> {
                co_await yield();
                co_return held.value();
              };
              co_return co_await invoke(work);
            }),
            3);
}

TEST_F(coroutine_shape, scope_with_captures) {
  EXPECT_EQ(run([]() -> task<int> {
              int sum = 0;
              const counted held(3);
              co_await with_scope([&](scope& children) -> task<> {
                children.spawn([&sum, held]() -> task<> { sum += co_await take(held); });
                children.spawn(
                    [&sum](const counted& given) -> task<> { sum += co_await take(given); },
                    counted(4));
                co_return;
              });
              co_return sum;
            }),
            7);
}

TEST_F(coroutine_shape, timeout_around_a_task) {
  EXPECT_EQ(run([]() -> task<int> {
              const int in_time = (co_await with_timeout(take(counted(3)), 1s)).value();
              auto made = co_await with_timeout(try_make(true), 1s);
              co_return in_time + made->value() + (co_await with_timeout(make(1), 1s))->value();
            }),
            10);
}

}  // namespace
}  // namespace gyre::testing_runtime
