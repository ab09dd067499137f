"""Mistakes that cosmic-ray makes anywhere in the package, for the package's tests to catch.

    python tools/generic_mutants.py [-j 2] [MODULE ...]

Every operator, number, condition and loop of the modules is changed in turn. What the tests let
pass must stand in tests/generic_mutants.toml with the reason why it changes nothing.
"""

import argparse
import re
import sys
from itertools import count, zip_longest

import tomllib
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from mutants import ROOT, check_all, table

RESULTS = ROOT / "reference" / "generic-mutants.txt"

# Of the many ways to replace an operator, those that someone may write: the inverse operation, the
# other side of a bound. No operator |, which stands in types.
PATTERN = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Div|Mod_Div|Pow_Mul)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt)"
    r"|ReplaceUnaryOperator_(USub_UAdd|Delete_Invert|Delete_Not)|AddNot|ReplaceTrueWithFalse"
    r"|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue"
    r"|ReplaceContinueWithBreak|ExceptionReplacer|NumberReplacer|RemoveDecorator"
    r"|ZeroIterationForLoop)"
)


def mutants(path):
    """Each mistake in a module: (line number, the line, what it becomes) -> the whole text."""
    text, found = path.read_text(), {}
    for name in filter(PATTERN.fullmatch, operator_names()):
        for i in count():
            try:
                changed = mutate_code(text, get_operator(name)(), i)
            except AttributeError:  # cosmic-ray stumbles over `except urllib.error.HTTPError`
                continue
            if changed is None:
                break
            pairs = enumerate(zip_longest(text.split("\n"), changed.split("\n")), 1)
            number, (old, new) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
            found[number, old.strip(), new.strip()] = changed
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="such as utils (default: all that compute)")
    parser.add_argument("-j", type=int, default=2, help="how many at a time (default: 2)")
    arguments = parser.parse_args()
    known = tomllib.loads((ROOT / "tests" / "generic_mutants.toml").read_text())
    harmless = {(m["old"], m["new"]) for m in known["harmless"]}
    items, lines = [], {}
    for module in arguments.modules or known["modules"]:
        for (number, old, new), text in mutants(ROOT / f"d2lsupport/{module}.py").items():
            name = f"{module}:{number}: {old}  ->  {new}"
            items.append((name, f"d2lsupport/{module}.py", text, False))
            lines[name] = old, new
    control = check_all([("no mistake", "README.md", (ROOT / "README.md").read_text(), False)], 1)
    assert control == {"no mistake": "survived"}, "the tree as it is does not pass"
    kinds = check_all(items, arguments.j)
    survivors = [name for name, _, _, _ in items if kinds[name] == "survived"]
    missing = [name for name in survivors if lines[name] not in harmless]
    print(f"{len(kinds)} mistakes, {len(survivors)} survived, {len(missing)} of them unexplained:")
    print("\n".join(missing))
    rows = {}
    if RESULTS.exists():
        cells = [line.split("|")[1:5] for line in RESULTS.read_text().splitlines()[2:-1]]
        rows = {module.strip(): [int(cell) for cell in numbers] for module, *numbers in cells}
    for module in arguments.modules or known["modules"]:
        verdicts = [kind for name, kind in kinds.items() if name.startswith(f"{module}:")]
        left = verdicts.count("survived")
        rows[f"`{module}.py`"] = [len(verdicts), len(verdicts) - left, left]
    head = "Module", "Made", "Caught", "Not caught: nothing changes"
    RESULTS.write_text(table([[module, *numbers] for module, numbers in rows.items()], head))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
