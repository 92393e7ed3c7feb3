#!/usr/bin/env python3
"""Changes C sources in small ways, one at a time, and counts the changes that a test notices.

    tests/mutants/mutate.py --tests REGEX [--least PERCENT] FILE.c...

For each change: the file is changed in a copy of the tree, the test programs that ctest knows by REGEX
are built and run. A change that no test fails on, a survivor, is printed: it is a gap in the tests, code
that does nothing, or a change without effect. One that does not compile is not counted.

Knows no C: it works on what .clang-format lets through.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "__pycache__")
BUILD_SECONDS = 120
TEST_SECONDS = 20

Mutant = collections.namedtuple("Mutant", "line before after")

# Left out: comments, preprocessor lines, declarations of functions, what only words messages.
SKIPPED = re.compile(r"^\s*(#|\*|/\*|//|static const char \*const|assert)")

# What is looked for outside of texts, and what stands in its place.
SWAPS = [
    (r" && ", [" || "]), (r" \|\| ", [" && "]),
    (r" == ", [" != "]), (r" != ", [" == "]),
    (r" < ", [" <= ", " >= "]), (r" > ", [" >= ", " <= "]),
    (r" <= ", [" < "]), (r" >= ", [" < "]),
    (r" \+ ", [" - "]), (r" - ", [" + "]), (r" \* (?=[a-z(])", [" + "]),
    (r" & ", [" | "]), (r" \| ", [" & "]), (r" \+= ", [" -= "]), (r" -= ", [" += "]),
    (r" \|= ", [" &= ", " = "]),
    (r"\btrue\b", ["false"]), (r"\bfalse\b", ["true"]),
    (r"\bif \(!", ["if ("]), (r"\bif \((?!!)", ["if (!("]),
    (r"return !", ["return "]),
    (r"\bcontinue;", [";"]), (r"\bbreak;", [";"]),
]
CONSTANT = re.compile(r"(?<![\w.\"%'\[{])(\d+)(?![\w.\"%x}])")
DROPPED = re.compile(r"^(\s+)((?!return\b|const\b|static\b|struct\b|enum\b|size_t\b|bool\b|char\b|uint)"
                     r"[a-z_][\w.>\[\]*-]*(\(.*\)| [-+|]?= .*|\+\+|--);)$")
# Of a table; it is dropped, too.
ROW = re.compile(r"^\t\{.*\},$")


def outside_texts(line):
    """The places of LINE that are code."""
    code = [True] * len(line)
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|/\*.*', line):
        code[found.start():found.end()] = [False] * (found.end() - found.start())
    return code


def negated(line, start):
    """LINE with the condition that opens at START turned round, when it closes on the line."""
    depth = 0
    for at in range(start, len(line)):
        depth += {"(": 1, ")": -1}.get(line[at], 0)
        if depth == 0:
            return f"{line[:start]}(!{line[start:at + 1]}){line[at + 1:]}"
    return None


def changes(line):
    code = outside_texts(line)
    for pattern, replacements in SWAPS:
        for found in re.finditer(pattern, line):
            if not code[found.start()]:
                continue
            for replacement in replacements:
                if replacement == "if (!(":
                    changed = negated(line, found.end() - 1)
                    if changed:
                        yield changed
                else:
                    yield line[:found.start()] + replacement + line[found.end():]
    for found in CONSTANT.finditer(line):
        if code[found.start()]:
            for value in (int(found[1]) + 1, int(found[1]) - 1):
                yield f"{line[:found.start()]}{value}{line[found.end():]}"
    dropped = DROPPED.match(line)
    if dropped:
        yield dropped[1] + ";"


def mutants(source):
    inside = False
    for number, line in enumerate(source.split("\n")):
        # A body opens and closes in the first column.
        inside = (inside or line == "{") and line != "}"
        if inside and not SKIPPED.match(line):
            for changed in dict.fromkeys(changes(line)):
                yield Mutant(number, line, changed)
        elif ROW.match(line):
            for changed in ("", *dict.fromkeys(changes(line))):
                yield Mutant(number, line, changed)


class Tree:
    """A copy of the project and its build."""

    def __init__(self, directory, regex):
        self.source = directory / "tree"
        self.build = directory / "build"
        shutil.copytree(ROOT, self.source, ignore=LEFT_BEHIND)
        self.run("cmake", "-G", "Ninja", "-S", self.source, "-B", self.build,
                 "-DCMAKE_BUILD_TYPE=Debug", "-DCREDBROKER_SANITIZE=ON", "-DBUILD_TESTING=ON",
                 check=True)
        self.tests = self.programs(regex)
        if not self.tests:
            sys.exit(f"no test matches {regex}")

    @staticmethod
    def run(*command, check=False, seconds=BUILD_SECONDS):
        return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              check=check, timeout=seconds)

    def programs(self, regex):
        done = self.run("ctest", "--test-dir", self.build, "-R", regex, "--show-only=json-v1",
                        check=True)
        found = json.loads(done.stdout[done.stdout.index("{"):])
        return [self.build / test["name"].split("/")[-1] for test in found["tests"]]

    def compiles(self):
        return self.run("ninja", "-C", self.build, *(test.name for test in self.tests)).returncode == 0

    def notices(self):
        """Whether any test fails; one that hangs does."""
        for test in self.tests:
            try:
                if self.run(test, seconds=TEST_SECONDS).returncode != 0:
                    return True
            except subprocess.TimeoutExpired:
                return True
        return False


def try_file(tree, name):
    """Returns how many were killed, and the survivors."""
    place = tree.source / name
    original = place.read_text(encoding="utf-8")
    lines = original.split("\n")
    killed, survivors = 0, []
    try:
        for mutant in mutants(original):
            changed = lines[:mutant.line] + [mutant.after] + lines[mutant.line + 1:]
            place.write_text("\n".join(changed), encoding="utf-8")
            if not tree.compiles():
                continue
            if tree.notices():
                killed += 1
            else:
                survivors.append(mutant)
    finally:
        place.write_text(original, encoding="utf-8")
    return killed, survivors


def share(killed, survivors):
    total = killed + len(survivors)
    return f"{killed} of {total} killed ({100 * killed / total if total else 100:.1f} %)"


def report(name, killed, survivors):
    print(f"{name}: {share(killed, survivors)}")
    for mutant in survivors:
        print(f"  {name}:{mutant.line + 1}: {mutant.before.strip()}")
        print(f"    survives as  {mutant.after.strip()}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tests", required=True, metavar="REGEX", help="as ctest -R takes it")
    parser.add_argument("--least", type=float, default=85, metavar="PERCENT")
    parser.add_argument("files", nargs="+", metavar="FILE.c")
    options = parser.parse_args()
    names = [os.path.relpath(pathlib.Path(name).resolve(), ROOT) for name in options.files]
    killed, survivors = 0, []
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = Tree(pathlib.Path(directory), options.tests)
        if not tree.compiles() or tree.notices():
            sys.exit("the tests fail on the unchanged tree")
        for name in names:
            result = try_file(tree, name)
            report(name, *result)
            killed += result[0]
            survivors += result[1]
    print(f"all: {share(killed, survivors)}")
    total = killed + len(survivors)
    sys.exit(0 if total and 100 * killed >= options.least * total else 1)


if __name__ == "__main__":
    main()
