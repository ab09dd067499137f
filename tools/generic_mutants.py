"""Mistakes that cosmic-ray makes anywhere in the package, for the package's tests to catch.

    python tools/generic_mutants.py [-j 2] [MODULE ...]

Every operator, number, condition and loop of the modules is changed in turn. What the tests let
pass must stand in tests/generic_mutants.toml with the reason why it changes nothing.
"""

import argparse
import difflib
import re
import sys
from itertools import count

import tomllib
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from mutants import ROOT, check_all

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
    """Each mistake in a module, once: (the line as it is, the line as it becomes), whole text."""
    text, found = path.read_text(), {}
    for name in filter(PATTERN.fullmatch, operator_names()):
        for i in count():
            try:
                changed = mutate_code(text, get_operator(name)(), i)
            except AttributeError:  # cosmic-ray stumbles over `except urllib.error.HTTPError`
                continue
            if changed is None:
                break
            lines = list(difflib.unified_diff(text.split("\n"), changed.split("\n"), n=0))[2:]
            key = lines[0].split()[1], *(line.strip() for line in lines[1:])
            found[key] = changed
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="such as utils (default: all that compute)")
    parser.add_argument("-j", type=int, default=2, help="how many at a time (default: 2)")
    arguments = parser.parse_args()
    known = tomllib.loads((ROOT / "tests" / "generic_mutants.toml").read_text())
    items = []
    for module in arguments.modules or known["modules"]:
        path = ROOT / "d2lsupport" / f"{module}.py"
        for (place, *lines), text in mutants(path).items():
            name = f"{module}{place} " + " ".join(lines)
            items.append((name, f"d2lsupport/{path.name}", text, False))
    kinds = check_all(items, arguments.j)
    survivors = [name for name, kind in kinds.items() if kind == "survived"]
    explained = {f"- {m['old']} + {m['new']}" for m in known["harmless"]}
    missing = [n for n in survivors if re.sub(r"^\S+ -(.*) \+(.*)", r"- \1 + \2", n) not in explained]
    print(f"{len(kinds)} mistakes, {len(survivors)} survived, {len(missing)} of them unexplained")
    print("\n".join(missing))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
