"""Where kernels can be weakened: every barrier, fence, bound check and mask of the device functions of a file (see mutate_kernels.py).

Each place gets a switch, mica_mutant(N), so that one compilation holds all mutants of a file; the texts grow within their lines, and line numbers
stay. mica_mutant(N) is true in a run that asks for mutant N.
"""
import re

THREAD = re.compile(r"threadIdx|blockIdx|\b(lane|warp|thread|tid|leader)\w*\b")
MASK = re.compile(r"\b\w*(mask|bit|valid|inside|in_range|keep|kept)\w*\b", re.I)
RELATION = re.compile(r"(?<=\s)(<=|>=|<|>)(?=\s)")
EQUALITY = re.compile(r"(?<=\s)(==|!=)(?=\s)")
BARRIER = re.compile(r"\b(__syncthreads|__syncwarp|(?:cg|cooperative_groups)::sync|\w+\.sync|\w*(?:cp_async|pipeline)\w*wait\w*(?:<[^<>;]*>)?)\s*\(")
NUMBER = re.compile(r"\b(?:double|float|C|T|X|Compute<\w+>)\s+(?:\([&*]\)\s*)?(\w+)")  # a declaration
VOTING_BARRIER = re.compile(r"\b__syncthreads_(?:or|and|count)\s*\(")
FENCE = re.compile(r"\b__threadfence(?:_block|_system)?\s*\(")
WARP_MASK = re.compile(r"\b(?:__shfl(?:_up|_down|_xor)?_sync|__ballot_sync|__any_sync|__all_sync|__reduce_\w+_sync|__match_\w+_sync)\s*\(")
CLAMP = re.compile(r"\b(?:(?:std|mica::math|math)::|::)?min(?:<[^<>;]*>)?\s*\(")
OPEN, CLOSE = "([{", ")]}"


class Place:
    """A weakening of text[begin:end]: before + that text + after; both may hold mica_mutant(%d)."""

    def __init__(self, kind, function, begin, end, before, after, shown):
        self.kind, self.function, self.begin, self.end, self.before, self.after, self.shown = kind, function, begin, end, before, after, shown


def blanked(text):
    """The text with comments, strings and preprocessor lines replaced by spaces, of the same length."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)

    def blank(match):
        digits = match.group(0).startswith("'") and match.start() and text[match.start() - 1].isdigit()  # 1'000
        return match.group(0) if digits else re.sub(r"[^\n]", " ", match.group(0))
    return pattern.sub(blank, text)


def closing(text, at):
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in OPEN) - (text[i] in CLOSE)
        if depth == 0:
            return i
    raise ValueError(f"bracket at {at} is not closed")


def device_functions(text):
    """(name, place of __global__ or __device__, begin, end of the body) of each device function. text is blanked."""
    found, end = [], 0
    for match in re.finditer(r"__(?:global|device)__", text):
        if match.start() < end:
            continue
        i, name = match.end(), None
        while i < len(text) and text[i] not in "{;":
            if text[i] == "(":
                before = re.search(r"(operator\s*\S+|\w+)\s*$", text[match.end():i])
                if before and before.group(1) not in ("__launch_bounds__", "__align__", "alignas", "noexcept", "requires", "decltype"):
                    name = name or before.group(1)
                i = closing(text, i)
                if name == "operator" and text[i + 1:].lstrip().startswith("("):  # operator()
                    name = "operator()"
                    i = closing(text, text.index("(", i + 1))
            i += 1
        if i < len(text) and text[i] == "{" and name:
            end = closing(text, i)
            found.append((name, match.start(), i, end))
    return found


def split(text, begin, end, operators):
    """Ranges of text[begin:end] between the operators (two characters each) at depth 0, without the spaces around."""
    parts, depth, start, i = [], 0, begin, begin
    while i < end:
        depth += (text[i] in OPEN) - (text[i] in CLOSE)
        if depth == 0 and text[i:i + 2] in operators:
            parts.append((start, i))
            start = i + 2
            i += 1
        i += 1
    parts.append((start, end))
    return [trimmed(text, a, b) for a, b in parts]


def trimmed(text, begin, end):
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    return begin, end


def at_depth_0(text, begin, end, pattern):
    """The pattern's only match at depth 0, or None."""
    for match in pattern.finditer(text, begin, end):
        inside = text[begin:match.start()]
        if all(inside.count(o) == inside.count(c) for o, c in zip(OPEN, CLOSE)):
            return match
    return None


def constants_of(texts):
    """Names that the compiler knows the value of: constexpr variables and template parameters that are numbers."""
    names = set()
    for text in texts:
        for declaration in re.findall(r"\bconstexpr\s+(?:(?:static|inline|const|unsigned|signed)\s+)*\w[\w:]*\s+([^;()]*=[^;]*);", text):
            names |= set(re.findall(r"(\w+)\s*=", declaration))
        for parameters in re.findall(r"\btemplate\s*<([^{};]*?)>\s*(?:struct|class|__|inline|static|void|using|constexpr|\w)", text):
            names |= set(re.findall(r"\b(?:int|unsigned|bool|size_t|int64_t)\s+(\w+)", parameters))
    return names


class Finder:
    def __init__(self, text, constants):
        self.text, self.places = blanked(text), []
        for name, start, begin, end in device_functions(self.text):
            self.function, self.begin, self.end = name, begin, end
            variables = set(re.findall(r"(\w+)\s*[,)]", self.text[start:begin]))  # parameters; and below, what is no constexpr
            variables |= set(re.findall(r"(?<!constexpr )(?<!constexpr const )\b(?:int|unsigned|auto|int64_t|uint32_t|size_t)\s+(\w+)\s*=", self.text[begin:end]))
            self.constants = constants - variables
            self.numbers = set(NUMBER.findall(self.text[start:end]))
            self.barriers()
            self.conditions()

    def add(self, kind, begin, end, before, after, shown=None):
        self.places.append(Place(kind, self.function, begin, end, before, after, re.sub(r"\s+", " ", shown or self.text[begin:end])))

    def calls(self, pattern):
        for match in pattern.finditer(self.text, self.begin, self.end):
            yield match.start(), match.end() - 1, closing(self.text, match.end() - 1)

    def barriers(self):
        for begin, _, close in self.calls(BARRIER):
            self.add("no-barrier", begin, close + 1, "(mica_mutant(%d) ? void() : void(", "))")
        for begin, opened, close in self.calls(VOTING_BARRIER):
            argument = self.text[opened + 1:close]
            self.add("no-barrier", begin, close + 1, f"(mica_mutant(%d) ? int({argument}) : ", ")")
        for begin, _, close in self.calls(FENCE):
            self.add("no-fence", begin, close + 1, "(mica_mutant(%d) ? void() : ", ")")
        for begin, opened, close in self.calls(WARP_MASK):
            end = split(self.text, opened + 1, close, (", ",))[0][1]
            self.add("half-mask", opened + 1, end, "(mica_mutant(%d) ? 0xffffu : unsigned(", "))", self.text[begin:close + 1])
        for begin, opened, close in self.calls(CLAMP):
            if len(split(self.text, opened + 1, close, (", ",))) == 2:
                text = self.text[begin:close + 1]
                other = re.sub(r"\bmin\b", "max", text, count=1)
                self.add("no-clamp", begin, close + 1, f"(mica_mutant(%d) ? {other} : ", ")")

    def conditions(self):
        text = self.text
        for match in re.finditer(r"\b(if|while|for)\s*\(", text[:self.end]):
            if match.start() < self.begin:
                continue
            opened = match.end() - 1
            close = closing(text, opened)
            if match.group(1) == "if":
                self.check(opened + 1, close, self.leaves(close + 1))
            elif match.group(1) == "while":
                self.bound(opened + 1, close, "")
            else:
                parts = split(text, opened + 1, close, ("; ",))
                if len(parts) == 3:
                    self.bound(*parts[1], text[parts[0][0]:parts[0][1]])
        depth_0 = {}
        for match in re.finditer(r"(?<=\s)\?(?=\s)", text[:self.end]):
            if match.start() < self.begin:
                continue
            begin = self.condition_before(match.start())
            if begin not in depth_0:
                depth_0[begin] = True
                self.check(*trimmed(text, begin, match.start()), False)

    def condition_before(self, end):
        """Where the condition begins whose ? is at `end`."""
        depth, i = 0, end - 1
        while i > self.begin:
            c = self.text[i]
            depth += (c in CLOSE) - (c in OPEN)
            if depth < 0 or (depth == 0 and (c in ",;?{}" or (c == ":" and ":" not in (self.text[i - 1], self.text[i + 1])))):
                return i + 1
            if depth == 0 and c == "=" and self.text[i - 1] not in "<>=!" and self.text[i + 1] != "=":
                return i + 1
            if depth == 0 and self.text.startswith("return ", i) and not self.text[i - 1].isalnum():
                return i + 7
            i -= 1
        return self.begin + 1

    def leaves(self, at):
        """Whether the statement at `at` is nothing but leaving: return, continue or break, perhaps behind one statement."""
        statement = self.text[at:self.end].lstrip()
        if statement.startswith("{"):
            inside = statement[1:closing(statement, 0)].strip()
            last = [s.strip() for s in inside.split(";") if s.strip()]
            return len(last) <= 2 and bool(last) and re.match(r"(return|continue|break)\b", last[-1]) is not None
        return re.match(r"(return|continue|break)\b", statement) is not None

    def conjuncts(self, begin, end):
        for a, b in split(self.text, begin, end, ("&&", "||")):
            if self.text[a] == "(" and closing(self.text, a) == b - 1:
                yield from self.conjuncts(*trimmed(self.text, a + 1, b - 1))
            else:
                yield a, b

    def known(self, begin, end):
        """Whether the compiler knows the value: only numbers, constants and members of types."""
        names = set(re.findall(r"(?<![\w:.])[A-Za-z_]\w*(?![\w<(:])", self.text[begin:end]))
        return names <= self.constants | {"T", "X", "Y"} and not re.search(r"\w\s*\(|\.\w|->", re.sub(r"\b(?:u?int\d*(?:_t)?|sizeof)\(", "(", self.text[begin:end]))

    def of_numbers(self, begin, end):
        """Whether it compares floating-point numbers: a formula, and no bound."""
        return any(name in self.numbers for name in re.findall(r"(?<![\w.])[A-Za-z_]\w*(?![\w\[(])", self.text[begin:end]))

    def check(self, begin, end, leaves):
        """The condition of an if or of a ?: without each of its comparisons, and with each of them weaker by one."""
        for a, b in self.conjuncts(begin, end):
            relation = at_depth_0(self.text, a, b, RELATION)
            equality = at_depth_0(self.text, a, b, EQUALITY)
            part = self.text[a:b]
            if self.known(a, b) or relation and self.of_numbers(a, b):
                continue
            if relation or (equality and THREAD.search(part)) or (not equality and MASK.search(part)):
                self.add("no-check", a, b, "(!mica_mutant(%d) && (" if leaves else "(mica_mutant(%d) || (", "))")
            if relation:
                self.weaken(relation, a, b, leaves)

    def bound(self, begin, end, start):
        """The condition of a loop, weaker by one; not where the compiler knows the number of turns."""
        for a, b in self.conjuncts(begin, end):
            relation = at_depth_0(self.text, a, b, RELATION)
            if not relation:
                continue
            if self.known(relation.end(), b) and not THREAD.search(start) and re.search(r"=\s*\d+$", start):
                continue
            self.weaken(relation, a, b, False)

    def weaken(self, relation, a, b, leaves):
        right = trimmed(self.text, relation.end(), b)
        sign = "+" if relation.group(1) in ("<", "<=") else "-"
        if leaves:
            sign = "-+"[sign == "-"]
        self.add("off-by-one", *right, "(", f" {sign} mica_mutant(%d))", self.text[a:b])


def find(text, constants):
    return Finder(text, constants).places


def switched(text, numbered):
    """The text with a switch at each place; numbered: [(number, place)]."""
    marks = []  # (position, order at that position, text): closing brackets of inner places first, opening ones of outer places first
    for number, p in numbered:
        fill = [part.replace("%d", str(number)) for part in (p.before, p.after)]
        rank = 1 if p.kind == "off-by-one" else 0
        marks.append((p.begin, 1, -(p.end - p.begin), rank, fill[0]))
        marks.append((p.end, 0, p.end - p.begin, -rank, fill[1]))
    out, last = [], 0
    for position, _, _, _, mark in sorted(marks):
        out.append(text[last:position])
        out.append(mark)
        last = position
    return "".join(out) + text[last:]
