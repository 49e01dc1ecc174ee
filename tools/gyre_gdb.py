"""The tasks of a program that runs on Gyre, in gdb: `source tools/gyre_gdb.py`, then `gyre tasks`.

It only reads memory, so that it works on a core file as well as on a live process. The program and
Gyre must have been compiled with -g. docs/seeing_inside.md shows what it prints.
"""

import re
import time

import gdb

# The order of the virtual functions of gyre::suspension.
NAME_SLOT = 1
VISIT_CHILDREN_SLOT = 3
# A stamp of gyre::loop is the time in nanoseconds, shifted by so much.
STAMP_SHIFT = 22
COROUTINES_MAX = 32
# How an instruction names the text that `name()` returns.
LITERAL = re.compile(r"lea .*# (0x[0-9a-f]+)|mov(?:abs)? +\$(0x[0-9a-f]+),%[er]?ax")


def pointer_to(name):
    return gdb.lookup_type(name).pointer()


def at(address, type_):
    """What lies there, as an element of an array: where a pointer to a class is dereferenced, gdb
    looks for what else it may point to, and warns when it doesn't find that."""
    return gdb.Value(int(address)).cast(type_.array(0).pointer()).dereference()[0]


def pointee(pointer):
    return at(pointer, plain(pointer.type).target())


def plain(type_):
    """A type without typedefs, references and qualifiers."""
    type_ = type_.strip_typedefs()
    if type_.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        type_ = type_.target().strip_typedefs()
    return type_.unqualified()


def bases(type_):
    return [each for each in type_.fields() if each.is_base_class]


def derives_from(type_, name):
    type_ = plain(type_)
    if type_.name == name:
        return True
    return type_.code == gdb.TYPE_CODE_STRUCT and any(
        derives_from(each.type, name) for each in bases(type_)
    )


def has_field(type_, name):
    return any(each.name == name for each in type_.fields())


def listed(first, next_name):
    """The elements of an intrusive list, from the pointer to the first."""
    while int(first) != 0:
        element = pointee(first)
        yield element
        first = element[next_name]


class Virtual:
    """A virtual function of a suspension, found by its place in the table.

    The type of its `this` is the object's. gdb would find that by the table's name, but compilers
    write the names of lambdas, which are arguments of these templates, in two ways.
    """

    def __init__(self, suspension, slot):
        table = at(suspension.address, pointer_to("void").pointer())
        self.address = int(table[slot])
        self.function = None
        block = gdb.block_for_pc(self.address)
        while block:  # the outermost: the others are inlined in it
            self.function = block.function or self.function
            block = block.superblock

    def object(self, suspension):
        """The suspension as what the function is a member of, or None without debug information."""
        parameters = self.function.type.fields() if self.function else []
        if not parameters or parameters[0].type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
            return None
        this = parameters[0].type.strip_typedefs().unqualified()
        return at(suspension.address, this.target())

    def returned_text(self):
        """The literal that the function returns, or None: as `name()` does, whatever it is of."""
        end = self.address + 64
        for each in gdb.selected_inferior().architecture().disassemble(self.address, end):
            found = LITERAL.search(each["asm"])
            if found:
                return at(int(found[1] or found[2], 16), gdb.lookup_type("char")).address.string()
            if each["asm"].startswith("ret"):
                break
        return None


class Coroutine:
    """A gyre::promise_base."""

    def __init__(self, value):
        self.value = value
        self.chain = int(value["chain_"])

    def outwards(self):
        """This one and those that await it, as far as they belong to the same chain."""
        value = self.value
        while True:
            yield value
            awaiter = value["continuation_"]
            if int(awaiter) == 0:
                return
            value = pointee(awaiter)
            if int(value["chain_"]) != self.chain:
                return

    def locations(self):
        for value in self.outwards():
            place = value["awaits_at_"]["_M_impl"]
            if int(place) != 0:
                yield (
                    short_name(place["_M_function_name"].string()),
                    re.sub(".*/_virtual_includes/[^/]*/", "", place["_M_file_name"].string()),
                    int(place["_M_line"]),
                )


def last_outside(text, wanted):
    """Where the last `wanted` stands that no bracket encloses, or -1."""
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += (text[i] in ")>]") - (text[i] in "(<[")
        if depth == 0 and text[i] == wanted:
            return i
    return -1


def short_name(function):
    """As short_name in runtime/dump_tasks.cc."""
    if function.endswith("]"):
        function = function[: last_outside(function, "[")].rstrip()
    function = function.removesuffix(" const")
    if function.endswith(")"):
        function = function[: last_outside(function, "(")]
    return function[last_outside(function, " ") + 1 :]


def frame_of(work):
    """The address of the frame of a gyre::task."""
    return int(work["frame_"]["_M_fr_ptr"])


def first_coroutine(child):
    """The outermost coroutine of an object that derives from await_chain."""
    if derives_from(child.type, "gyre::detail::traveller"):
        promise = int(child["first_"])
    else:
        promise = frame_of(child["work_"]) + 2 * pointer_to("void").sizeof
    return Coroutine(at(promise, gdb.lookup_type("gyre::promise_base")))


def has_ended(child):
    frame = int(first_coroutine(child).value.address) - 2 * pointer_to("void").sizeof
    return int(at(frame, pointer_to("void"))) == 0


def children_in(value):
    """The chains in an object that waits for them, as objects that derive from await_chain."""
    type_ = plain(value.type)
    name = type_.name or ""
    if name == "gyre::scope":
        children = listed(value["children_"], "next_")
        yield from reversed(list(children))
    elif name.startswith("gyre::task_group<"):
        yield from reversed(list(listed(value["running_"], "next")))
    elif name.startswith("gyre::detail::child_list<"):
        yield from children_in_blocks(value)
    elif name.startswith("std::optional<"):
        payload = value["_M_payload"]
        if bool(payload["_M_engaged"]):
            yield from children_in(payload["_M_payload"]["_M_value"])
    elif name == "gyre::detail::traveller::stay":
        if not value["left_"]:
            yield from unless_ended(value["guest_"].referenced_value())
    elif derives_from(type_, "gyre::detail::traveller"):
        if int(value["at_"]) == int(value["home_"].address):
            yield from unless_ended(value)
    elif derives_from(type_, "gyre::await_chain"):
        yield from unless_ended(value)
    elif name.startswith(("gyre::", "std::tuple<", "std::_Tuple_impl<", "std::_Head_base<")):
        for each in type_.fields():
            if each.name in ("children_", "body_", "_M_head_impl"):
                yield from children_in(value[each])
        # A tuple has its first element last, behind the others.
        for each in sorted(bases(type_), key=lambda field: "_Tuple_impl" in str(field.type)):
            yield from children_in(value[each])


def unless_ended(child):
    return [] if has_ended(child) else [child]


def children_in_blocks(value):
    child = value.type.strip_typedefs().template_argument(0)
    header = 3 * pointer_to("void").sizeof
    offset = -(-header // child.alignof) * child.alignof
    for block in listed(value["first_"], "next"):
        first = at(int(block.address) + offset, child).address
        for i in range((int(block["end"]) - int(first)) // child.sizeof):
            yield from unless_ended(first[i])


def text_of(string):
    """The characters of a std::string."""
    return string["_M_dataplus"]["_M_p"].string()


def owned(pointer, type_):
    """What a std::unique_ptr owns, or None: it consists of a pointer."""
    address = at(pointer.address, pointer_to(type_))
    return pointee(address) if int(address) != 0 else None


def latency_classes(loop):
    """(index, gyre::ready_classes::entry) for each latency class of a loop."""
    classes = owned(loop["classes_"], "gyre::ready_classes")
    if classes is None:
        return
    entries = classes["entries_"]["_M_elems"]
    for index in range(entries.type.strip_typedefs().range()[1] + 1):
        entry = owned(entries[index], "gyre::ready_classes::entry")
        if entry is not None:
            yield index, entry


class Loop:
    """A gyre::loop, and which of its coroutines are ready."""

    def __init__(self, value):
        self.value = value
        self.classes = dict(latency_classes(value))
        queues = [each["queue"] for each in self.classes.values()] + [value["ready_"]]
        promise = gdb.lookup_type("gyre::promise_base")
        self.ready = {}
        for queue in queues:
            for each in listed(queue["first_"], "next_"):
                coroutine = Coroutine(at(each.address, promise))
                self.ready[coroutine.chain] = coroutine

    def now(self):
        """The stamp of the moment; a process that is no more stays at its last turn."""
        if gdb.selected_inferior().connection.type == "native":
            return time.clock_gettime_ns(time.CLOCK_MONOTONIC) >> STAMP_SHIFT
        return int(self.value["stamp_"])

    def print_tasks(self):
        if int(self.value["root_"]) == 0:
            return
        # Not by recursion: tasks may be nested deeper than Python's stack.
        left = [(0, each) for each in children_in(pointee(self.value["root_"]))]
        left.reverse()
        while left:
            depth, child = left.pop()
            children = self.print_task(2 * depth * " ", child)
            left += [(depth + 1, each) for each in reversed(children)]

    def print_task(self, indent, child):
        """Prints a task and gives its children."""
        chain = chain_of(child)
        coroutine = self.ready.get(int(chain.address))
        children = []
        if coroutine:
            what = "is ready"
        elif int(chain["waiting_for_"]) != 0:
            suspension = pointee(chain["waiting_for_"])
            units = (self.now() - int(chain["waiting_since_"])) % 2**32
            what = f"waits for {describe(suspension)}, {units * 2**STAMP_SHIFT / 1e9:.2f} s"
            coroutine = Coroutine(pointee(suspension["waiter_"]))
            waiting = Virtual(suspension, VISIT_CHILDREN_SLOT).object(suspension)
            children = list(children_in(waiting)) if waiting is not None else []
        else:
            what = "runs"
            coroutine = first_coroutine(child)
        if bool(chain["stop_requested_"]):
            what += ", asked to stop"
        index = int(chain["class_index_"])
        if index != 0:
            what = f"in class {text_of(self.classes[index]['name'])} {what}"
        print(f"{indent}task {what}")
        locations = list(coroutine.locations())
        for function, path, line in locations[:COROUTINES_MAX]:
            print(f"{indent}  {function} ({path}:{line})")
        if len(locations) > COROUTINES_MAX:
            print(f"{indent}  and {len(locations) - COROUTINES_MAX} more further out")
        return children


def chain_of(value):
    """The part of an object that is its await_chain."""
    if plain(value.type).name == "gyre::await_chain":
        return value
    for each in bases(plain(value.type)):
        if derives_from(each.type, "gyre::await_chain"):
            return chain_of(value[each])
    raise gdb.GdbError(f"{value.type} is not a gyre::await_chain")


def describe(suspension):
    """What is awaited, and on which descriptor."""
    name = Virtual(suspension, NAME_SLOT)
    waiting = name.object(suspension)
    if waiting is None:
        return name.returned_text() or "something without debug information"
    users = waiting["users_"] if has_field(plain(waiting.type), "users_") else None
    if plain(waiting.type).name == "gyre::operation":
        text = waiting["kind_"]["name"].string()
        users = pointee(users) if int(users) != 0 else None
    else:
        text = name.returned_text() or plain(waiting.type).name
    number = int(users["number"]) if users is not None else -1
    return text if number < 0 else f"{text} on descriptor {number}"


def loop_of_thread():
    """The loop that runs on the selected thread, or None."""
    try:
        current = gdb.parse_and_eval("'gyre::(anonymous namespace)::current_loop'")
        return pointee(current) if int(current) != 0 else None
    except gdb.error:
        pass  # gdb can't read thread-local variables here: the stack tells as well
    frame = gdb.newest_frame()
    while frame:
        if (frame.name() or "").startswith("gyre::loop::"):
            try:
                return pointee(frame.read_var("this"))
            except (gdb.error, ValueError):
                pass  # optimised away here; perhaps not further out
        frame = frame.older()
    return None


class GyreCommand(gdb.Command):
    """Gyre's own commands."""

    def __init__(self):
        super().__init__("gyre", gdb.COMMAND_STATUS, prefix=True)


class GyreTasks(gdb.Command):
    """gyre tasks [LOOP]: what each task of each loop waits for, for how long, and where.

    LOOP is an expression for a gyre::loop or a pointer to one, should gdb not find them."""

    def __init__(self):
        super().__init__("gyre tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        del from_tty
        if argument:
            loop = gdb.parse_and_eval(argument)
            Loop(loop if plain(loop.type).name == "gyre::loop" else pointee(loop)).print_tasks()
            return
        selected = gdb.selected_thread()
        if not selected:
            raise gdb.GdbError("there is no process and no core file")
        loops = 0
        try:
            for thread in sorted(gdb.selected_inferior().threads(), key=lambda each: each.num):
                thread.switch()
                loop = loop_of_thread()
                if loop is not None:
                    loops += 1
                    print(f"loop of thread {thread.num}")
                    Loop(loop).print_tasks()
        finally:
            selected.switch()
        if loops == 0:
            print("no loop of Gyre was found on any thread")


GyreCommand()
GyreTasks()
