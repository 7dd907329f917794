"""What importing the bot makes of aiogram's types."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json
import bot
from aiogram import methods, types
from pydantic import BaseModel

models = [
    each
    for module in (types, methods)
    for name in module.__all__
    if isinstance(each := getattr(module, name), type) and issubclass(each, BaseModel)
]
built = [model.__name__ for model in models if model.__pydantic_complete__]
for model in models:
    model.model_rebuild()
left = [model.__name__ for model in models if not model.__pydantic_complete__]
print(json.dumps({"models": len(models), "built": built, "left": left}))
"""


def test_hardly_any_type_is_built_at_once_and_every_one_can_be_built_when_it_is_used() -> None:
    said = json.loads(subprocess.check_output([sys.executable, "-c", PROGRAM]))

    assert said["models"] > 400
    assert len(said["built"]) < 40, said["built"]
    assert said["left"] == []
