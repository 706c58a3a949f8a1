"""The sources of firesteel/_settings.py and _setters.py, made from the table of settings."""

from __future__ import annotations

import json
import keyword
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "firesteel"
SCHEMA = ROOT / "rust-core" / "engine" / "src" / "config" / "schema.json"

# What an estimator says otherwise: its data are a DataFrame, its result is a model; badImages is no setting of a run there.
OTHERS = {"data", "dataset", "classes", "validation", "bad-images", "out", "resume"}
TYPES = {  # of the schema: in Python, and the function of firesteel._table
    "text": ("str", "text"),
    "whole": ("int", "whole"),
    "real": ("float", "real"),
    "flag": ("bool", "flag"),
    "switch": ("bool", "flag"),
    "wholes": ("list[int]", "wholes"),
}
MADE = "Made from the table of settings by tests/test_settings.py with UPDATE_EXPECT=1, and not to be edited."
WIDTH = 140


def camel_case(key: str) -> str:
    first, *others = key.split("-")
    return first + "".join(word.capitalize() for word in others)


def settings() -> list[dict]:
    rows = json.loads(SCHEMA.read_text())["settings"]
    return [row for row in rows if row["key"] not in OTHERS]


def doc(row: dict) -> str:
    """The help text, in which other settings have the names of Params."""
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda option: camel_case(option[1]), row["help"])


def sources() -> dict[str, str]:
    """The source of each file."""
    rows = settings()
    params = "\n".join(_param(row) for row in rows)
    getters = "\n\n".join(_getter(row) for row in rows)
    setters = "\n\n".join(_setter(row) for row in rows)
    defaults = "\n".join(f'            "{camel_case(row["key"])}": {row["default"]!r},' for row in rows if "default" in row)
    made_params = f'''"""The settings of a run as Params of Spark ML.

{MADE}
"""

from __future__ import annotations

from typing import Any

from pyspark.ml.param import Param, Params

from firesteel._table import flag, real, text, whole, wholes


class SettingParams(Params):
    """Each setting of a run, and what it is."""

{params}

    @staticmethod
    def _setting_defaults() -> dict[str, Any]:
        """Those that the table tells, as the classes in the jars have them."""
        return {{
{defaults}
        }}

{getters}
'''
    made_setters = f'''"""The methods that set the settings of a run.

{MADE}
"""

from __future__ import annotations

from firesteel._settings import SettingParams


class SettingSetters(SettingParams):
    """Sets each setting; `explainParams()` tells what they are."""

{setters}
'''
    return {"_settings.py": made_params, "_setters.py": made_setters}


def _param(row: dict) -> str:
    name, (kind, maker) = camel_case(row["key"]), TYPES[row["type"]]
    # a word of Python cannot stand before a colon
    declared = f'    locals()["{name}"] = {maker}(' if keyword.iskeyword(name) else f"    {name}: Param[{kind}] = {maker}("
    line = f'{declared}"{name}", {json.dumps(doc(row), ensure_ascii=False)})'
    if len(line) <= WIDTH:
        return line
    words = textwrap.wrap(doc(row), WIDTH - 12, break_on_hyphens=False, drop_whitespace=False)
    lines = "\n".join(f"        {json.dumps(part, ensure_ascii=False)}" for part in words)
    return f'{declared}\n        "{name}",\n{lines},\n    )'


def _getter(row: dict) -> str:
    name, (kind, _) = camel_case(row["key"]), TYPES[row["type"]]
    return f'    def get{_upper(name)}(self) -> {kind}:\n        return self.getOrDefault("{name}")'


def _setter(row: dict) -> str:
    name, (kind, _) = camel_case(row["key"]), TYPES[row["type"]]
    return f'    def set{_upper(name)}(self, value: {kind}):\n        return self._set(**{{"{name}": value}})'


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]
