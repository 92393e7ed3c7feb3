"""What the tests of the whole broker share."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))


@pytest.fixture(scope="module")
def own_name(request):
    """Names for control planes that no other module and no other run has."""
    module = request.module.__name__.removeprefix("test_").replace("_", "-")
    return lambda role: f"{module}-{os.getpid()}-{role}"
